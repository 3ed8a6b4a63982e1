import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS, PATH_PARAMETERS, SENDER_CREDENTIALS } from "../../../docs/http/operations.ts";
import { OPENAPI_FILE, openApi } from "../../../docs/openapi.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { readText } from "../../support/documents.ts";
import { httpBridge } from "../../support/http-bridge.ts";

let bridge: Awaited<ReturnType<typeof httpBridge>>;
beforeAll(async () => {
  const issuer = { discovery: () => ({ issuer: "https://bridge.example.test" }), keySet: async () => ({ keys: [] }) };
  bridge = await httpBridge({ issuer });
});
afterAll(() => bridge.close());

/** Every call that the app answers, as a description names it. The routes that answer 405 to other methods are none. */
const calls = (): readonly string[] =>
  bridge.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);

describe("the description of the HTTP API", () => {
  it("the file is current; `npm run docs` writes it", () => {
    expect(readText(OPENAPI_FILE)).toBe(openApi());
  });

  it("the document is valid by the JSON Schema of OpenAPI 3.1", async () => {
    expect(await new Validator().validate(JSON.parse(readText(OPENAPI_FILE)))).toMatchObject({ valid: true });
  });

  it("each call of the app has exactly one operation; `docs/http/operations.ts` is where to add it", () => {
    expect(calls().length).toBeGreaterThan(15);
    expect(new Set(calls()).size).toBe(calls().length);
    expect(calls().filter((call) => !Object.hasOwn(OPERATIONS, call))).toEqual([]);
  });

  it("each operation is a call of the app", () => {
    expect(Object.keys(OPERATIONS).filter((call) => !calls().includes(call))).toEqual([]);
  });

  it("each parameter has a description", () => {
    const inPaths = Object.keys(OPERATIONS).flatMap((call) =>
      Array.from(call.matchAll(/\{(\w+)\}/g), ([, name]) => name),
    );
    expect(inPaths.filter((name) => name === undefined || !Object.hasOwn(PATH_PARAMETERS, name))).toEqual([]);
    const undescribed = Object.entries(OPERATIONS).flatMap(([call, { query }]) =>
      Object.keys(query?.schema.entries ?? {})
        .filter((name) => !query?.expected[name])
        .map((name) => `${call} ${name}`),
    );
    expect(undescribed).toEqual([]);
  });

  it("the credential of each provider's senders has a description", () => {
    expect(Object.keys(SENDER_CREDENTIALS)).toEqual(providers.map(({ name }) => name));
  });

  it("anybody may read it, and any cache may keep it for five minutes", async () => {
    const answer = await fetch(new URL("/openapi.json", bridge.url));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=300");
    expect(await answer.json()).toEqual(JSON.parse(readText(OPENAPI_FILE)));
  });
});
