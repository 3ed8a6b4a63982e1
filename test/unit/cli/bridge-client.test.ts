import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { get, notAnswering, post, whyRefused } from "../../../shared/cli/bridge-client.ts";
import { Fault } from "../../../shared/host/fault.ts";

const instance = "urn:uuid:1f0c";

describe("a rejected call", () => {
  it.each([
    [
      401,
      { title: "t", instance },
      'the bridge does not accept your token (request 1f0c): see "drawbridge token explain"',
    ],
    [403, { title: "t", reason: "role_missing", instance }, "403 t (role_missing, request 1f0c)"],
    [409, { title: "t", detail: "more of it", reason: "r" }, "409 more of it (r)"],
    [503, { title: "not now", instance }, "503 not now (request 1f0c)"],
    [502, "<html>", "502 no reason given"],
    [401, "", 'the bridge does not accept your token: see "drawbridge token explain"'],
  ])("a call answered with %i and %j is reported with all that the response holds", (status, response, message) => {
    expect(whyRefused(status, typeof response === "string" ? response : JSON.stringify(response))).toBe(message);
  });
});

describe("a call without a response", () => {
  const coded = (code: string) => Object.assign(new Error("a header"), { code });

  it.each([
    [new TypeError("a header", { cause: coded("ECONNREFUSED") }), "the connection failed (ECONNREFUSED);"],
    [new TypeError("a header", { cause: new Error("a header") }), "the connection failed;"],
    [new TypeError("a header"), "the connection failed;"],
    [new Fault("target_timeout", "no complete answer in time", { retryable: true }), "no complete answer in time;"],
  ])("a failed connection is reported by its code alone: %s", (cause, problem) => {
    const call = () => notAnswering(new URL("https://bridge.example.test/path"))(cause);
    expect(call).toThrow(`no bridge answers at https://bridge.example.test: ${problem}`);
    expect(call).not.toThrow("a header");
    expect(call).toThrow(expect.objectContaining({ code: "target_unreachable" }));
  });
});

describe("a call whose id is dots", () => {
  it.each(["/v1/deliveries/..", "/v1/deliveries/.", "/v1/orders/../preview"])("%s is not sent", async (path) => {
    const session = {
      url: new URL("http://127.0.0.1:1"),
      isPlayground: false,
      config: () => "",
      token: async () => "abc",
    };
    await expect(get(session, path, v.unknown())).rejects.toMatchObject({ code: "usage_invalid" });
  });
});

describe("a call that is redirected", () => {
  it("a redirect is not followed, and the token goes to no other machine", async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const session = {
      url: new URL(`http://127.0.0.1:${port}`),
      isPlayground: false,
      config: () => "",
      token: async () => "abc",
    };
    const call = post(session, "/v1/rollbacks", v.unknown(), { body: {} });
    await expect(call).rejects.toMatchObject({ code: "bridge_refused" });
    server.closeAllConnections();
    server.close();
    expect(asked).toEqual(["/v1/rollbacks"]);
  });
});
