import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Fault } from "../../shared/host/fault.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "../support/all-stores.ts";
import { CANARY, gitlabHeaders, httpBridge } from "../support/http-bridge.ts";

let bridge: Awaited<ReturnType<typeof httpBridge>>;
beforeEach(async () => {
  bridge = await httpBridge();
});
afterEach(() => bridge.close());

const PUSH = JSON.stringify({ object_kind: "push", unread: 1 });

function post(body: string | Uint8Array, headers: Record<string, string>, method = "POST"): Promise<Response> {
  return fetch(bridge.url, { method, headers, ...(method === "GET" ? {} : { body }) });
}

const signed = (body: string | Uint8Array) => gitlabHeaders(body, bridge.clock.now());

/** Posts with header lines that `fetch` would join or reject. */
function postRaw(body: string, headers: readonly string[]): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      bridge.url,
      { method: "POST", headers: [...headers, "host", bridge.url.host] },
      async (answer) => {
        let text = "";
        for await (const chunk of answer) text += String(chunk);
        resolve({ status: answer.statusCode ?? 0, text });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

async function expectProblem(answer: Response, status: number): Promise<Record<string, unknown>> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await answer.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, type: `urn:drawbridge:problem:${status}`, title: expect.any(String) });
  expect(problem["instance"]).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  return problem;
}

function expectNoTrace(): void {
  expect(bridge.records.size).toBe(0);
  const key = CANARY.slice("whsec_".length);
  for (const line of bridge.lines) expect(line).not.toContain(key);
}

describe("a webhook whose sender is not proved", () => {
  const changes: readonly (readonly [string, (headers: Record<string, string>) => Record<string, string>])[] = [
    ["no signature", ({ "webhook-signature": _, ...rest }) => rest],
    ["no timestamp that the signature covers", ({ "webhook-timestamp": _, ...rest }) => rest],
    ["no id that the signature covers", ({ "webhook-id": _, ...rest }) => rest],
    ["an empty signature", (headers) => ({ ...headers, "webhook-signature": "" })],
    [
      "a truncated signature",
      (headers) => ({ ...headers, "webhook-signature": headers["webhook-signature"]?.slice(0, -3) ?? "" }),
    ],
    [
      "a doubled signature",
      (headers) => ({
        ...headers,
        "webhook-signature": `${headers["webhook-signature"]}, ${headers["webhook-signature"]}`,
      }),
    ],
    ["a signature of another body", (headers) => ({ ...headers, ...pick(gitlabHeaders("{}", bridge.clock.now())) })],
    [
      "an old timestamp and a valid signature",
      (headers) => ({ ...headers, ...gitlabHeaders(PUSH, bridge.clock.now() - 301_000) }),
    ],
    [
      "a future timestamp and a valid signature",
      (headers) => ({ ...headers, ...gitlabHeaders(PUSH, bridge.clock.now() + 301_000) }),
    ],
    ["a timestamp that is not a number", (headers) => ({ ...headers, "webhook-timestamp": "soon" })],
    [
      "a token instead of a signature",
      ({ "webhook-signature": _, ...rest }) => ({ ...rest, "x-gitlab-token": CANARY }),
    ],
    ["the secret itself as its signature", (headers) => ({ ...headers, "webhook-signature": CANARY })],
  ];
  const pick = ({ "webhook-signature": signature = "" }: Record<string, string>) => ({
    "webhook-signature": signature,
  });

  it.each(changes)("a webhook with %s gets the same terse 401 and is not written", async (_, change) => {
    const answer = await post(PUSH, change(signed(PUSH)));
    const problem = await expectProblem(answer, 401);
    expect(Object.keys(problem).sort()).toEqual(["instance", "status", "title", "type"]);
    expect(problem["title"]).toBe("The sender could not be authenticated");
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer realm="drawbridge", DPoP algs="[\w ]+"$/);
    expect(bridge.lines.at(-1)).toContain('"message":"refused"');
    expect(JSON.parse(bridge.lines.at(-1) ?? "")["reason"]).toMatch(/^[a-z_]+$/);
    expectNoTrace();
  });

  it("a webhook with two signature lines gets a 401, even if one is right", async () => {
    const headers = Object.entries(signed(PUSH)).flat();
    const wrong = `v1,${"A".repeat(43)}=`;
    for (const second of [wrong, signed(PUSH)["webhook-signature"] ?? ""]) {
      expect((await postRaw(PUSH, [...headers, "webhook-signature", second])).status).toBe(401);
    }
    expectNoTrace();
  });

  it("the body is not parsed: bytes that would break any parser get the same 401", async () => {
    for (const body of ["", "{", "\u0000", "[".repeat(100_000), `{"a":`.repeat(1_000)]) {
      await expectProblem(await post(body, { ...signed(PUSH) }), 401);
    }
    expectNoTrace();
  });
});

describe("a webhook whose sender is proved", () => {
  it("a webhook is accepted, and its repeat is a duplicate with the same id", async () => {
    const body = JSON.stringify({ object_kind: "wiki_page" });
    const wiki = { "x-gitlab-event": "Wiki Page Hook" };
    const first = await post(body, { ...signed(body), ...wiki });
    expect(first.status).toBe(202);
    const receipt = (await first.json()) as { delivery: string; status: string };
    expect(receipt).toEqual({ delivery: expect.stringMatching(/^d-[a-z2-7]{26}$/), status: "ignored" });
    bridge.clock.advance(60_000);
    const again = await post(body, { ...signed(body), ...wiki });
    expect([again.status, await again.json()]).toEqual([200, { delivery: receipt.delivery, status: "duplicate" }]);
  });

  const unusable: readonly (readonly [string, string | Uint8Array])[] = [
    ["a text that is not JSON", "push!"],
    ["an empty body", ""],
    ["JSON that is not an object", "[1]"],
    ["an object of the wrong shape", '{"object_kind":"push","ref":7}'],
    ["a member that occurs twice", '{"object_kind":"push","object_kind":"push"}'],
    ["very deep nesting", `{"object_kind":"push","a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`],
    ["bytes that are not UTF-8", Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ["a byte order mark", "\uFEFF{}"],
  ];
  it.each(unusable)("an unusable webhook is recorded and shown, not lost: %s", async (_, body) => {
    const answer = await post(body, signed(body));
    expect([answer.status, await answer.json()]).toEqual([202, { delivery: expect.any(String), status: "unusable" }]);
    const [record] = [...bridge.records.values()];
    expect(record).toMatchObject({ outcome: "unusable", bodyBytes: Buffer.byteLength(body) });
  });

  it("a webhook that cannot be recorded gets a 503 with Retry-After, never a 500", async () => {
    await bridge.close();
    const down = new Fault("store_unavailable", "the table did not answer", { retryable: true });
    for (const failure of [down, new TypeError("a mistake of ours that quotes secret-canary")]) {
      bridge = await httpBridge({ receiving: { deliveries: { record: () => Promise.reject(failure) } } });
      const answer = await post(PUSH, signed(PUSH));
      await expectProblem(answer, 503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(bridge.lines.join()).not.toContain("secret-canary");
      if (failure !== down) break;
      await bridge.close();
    }
  });
});

describe("an unavailable store", () => {
  it("a webhook gets a 503 without a long wait", async () => {
    await bridge.close();
    const database = openMemoryTable();
    const options = { retentionDays: 30, markUnrelayed: true, singleProcess: false, clock: bridge.clock };
    const { deliveries } = openAllStores(database.table, options);
    database.close();
    bridge = await httpBridge({ receiving: { deliveries } });
    const answer = await post(PUSH, signed(PUSH));
    await expectProblem(answer, 503);
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(bridge.lines.at(-1)).toContain('"fault":"store_unavailable"');
  });
});

describe("a request that is not a webhook", () => {
  it("a request to an unknown source is 404, and the source's name is not logged", async () => {
    bridge.url.pathname = "/webhooks/no-such-source";
    await expectProblem(await post(PUSH, signed(PUSH)), 404);
    expect(bridge.lines.join()).not.toContain("no-such-source");
    expectNoTrace();
  });

  it.each(["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])("the method %s gets a 405 with Allow", async (method) => {
    const answer = await post(PUSH, signed(PUSH), method);
    await expectProblem(answer, 405);
    expect(answer.headers.get("allow")).toBe("POST");
    expectNoTrace();
  });

  const types: readonly (readonly [string, Record<string, string>])[] = [
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["plain text", { "content-type": "text/plain" }],
    ["JSON in another charset", { "content-type": "application/json; charset=utf-16" }],
    ["JSON in Latin-1", { "content-type": 'application/json; charset="iso-8859-1"' }],
    ["compressed JSON", { "content-type": "application/json", "content-encoding": "gzip" }],
  ];
  it.each(types)('a body of the type "%s" gets a 415', async (_, headers) => {
    await expectProblem(await post(PUSH, { ...signed(PUSH), ...headers }), 415);
    expectNoTrace();
  });

  it("UTF-8 is accepted in every spelling", async () => {
    const headers = { ...signed(PUSH), "content-type": 'Application/JSON; Charset="UTF-8"' };
    expect((await post(PUSH, headers)).status).toBe(202);
  });

  it("a body of 25 MB gets a 413, with or without its length in a header", async () => {
    const body = "x".repeat(25 * 1024 * 1024);
    const withLength = await post(body, signed(PUSH));
    await expectProblem(withLength, 413);
    const withoutLength = await fetch(bridge.url, {
      method: "POST",
      headers: signed(PUSH),
      body: new Blob([body]).stream(),
      duplex: "half",
    } as RequestInit);
    await expectProblem(withoutLength, 413);
    expectNoTrace();
  });

  it("an unknown path is 404", async () => {
    bridge.url.pathname = "/etc/passwd";
    await expectProblem(await post("", {}, "GET"), 404);
  });

  it("a request for deliveries needs a token", async () => {
    for (const path of ["/v1/deliveries", "/v1/deliveries/d-1"]) {
      bridge.url.pathname = path;
      const answer = await fetch(bridge.url);
      await expectProblem(answer, 401);
    }
  });
});

describe("the headers of an answer", () => {
  it.each([
    ["a delivery that is accepted", "POST", "/webhooks/gitlab", 202],
    ["a webhook that is not proved", "POST", "/webhooks/gitlab?", 401],
    ["a call without a token", "GET", "/v1/deliveries", 401],
    ["an unknown path", "GET", "/nowhere", 404],
    ["a method that is not allowed", "DELETE", "/v1/approvals", 405],
    ["the health check", "GET", "/healthz", 200],
    ["the readiness check", "GET", "/readyz", 200],
  ])("%s is kept by no cache, and its type is not guessed", async (_, method, path, status) => {
    const headers = path.endsWith("gitlab") ? signed(PUSH) : { "content-type": "application/json" };
    const answer = await fetch(new URL(path, bridge.url), {
      method,
      headers,
      ...(method === "POST" && { body: PUSH }),
    });
    const [control, options] = ["cache-control", "x-content-type-options"].map((name) => answer.headers.get(name));
    expect([answer.status, control, options]).toEqual([status, "no-store", "nosniff"]);
  });

  it("the published keys are cached for five minutes, and their type is not guessed", async () => {
    await bridge.close();
    const document = { issuer: "https://bridge.example.test" } as never;
    bridge = await httpBridge({ issuer: { discovery: () => document, keySet: async () => ({ keys: [] }) } });
    for (const path of ["/.well-known/openid-configuration", "/.well-known/jwks.json"]) {
      const { headers } = await fetch(new URL(path, bridge.url));
      expect(headers.get("cache-control")).toBe("public, max-age=300");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

describe("health", () => {
  it("the process is healthy without further checks, and ready if store and bus respond", async () => {
    expect((await fetch(new URL("/healthz", bridge.url))).status).toBe(200);
    expect((await fetch(new URL("/readyz", bridge.url))).status).toBe(200);
    await bridge.close();
    bridge = await httpBridge({
      ready: () => Promise.reject(new Fault("store_unavailable", "down", { retryable: true })),
    });
    expect((await fetch(new URL("/healthz", bridge.url))).status).toBe(200);
    await expectProblem(await fetch(new URL("/readyz", bridge.url)), 503);
  });
});
