import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Source } from "../../../shared/delivery/receive.ts";
import { type CallOut, callOut } from "../../../shared/host/call-out.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { httpBridge } from "../../support/http-bridge.ts";
import { bindingDeps, testClock } from "../../support/test-doubles.ts";
import { givesAway } from "./attacking.ts";
import { entryOf, keySetOf, signingKey, tokenOf } from "./tokens.ts";
import { presented } from "./verifying.ts";

const key = signingKey("k1");
const MANY_BYTES = 10 * 1024 * 1024;

let server: Server;
let base: string;
const asked = new Map<string, number>();
/** Whether `/turns` hangs by now. */
const state = { turned: false };

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.set(path, (asked.get(path) ?? 0) + 1);
    if (path === "/hangs" || (path === "/turns" && state.turned)) return;
    if (path === "/stops") {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{");
      return;
    }
    if (path === "/good" || path === "/turns") response.end(JSON.stringify(keySetOf(key)));
    else if (path === "/fails") response.writeHead(500).end(JSON.stringify(keySetOf(key)));
    else if (path === "/redirects") response.writeHead(302, { location: "/good" }).end();
    else if (path === "/floods") response.end(`{"keys":[]${" ".repeat(MANY_BYTES)}}`);
    else if (path === "/bomb") {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`{"keys":[]${" ".repeat(MANY_BYTES)}}`));
    } else if (path === "/garbage") response.end("<html>moved</html>");
    else if (path === "/crowd") response.end(JSON.stringify({ keys: Array.from({ length: 10_000 }, () => ({})) }));
    else response.destroy();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  // A listening TCP server has an address of this form.
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** The real outbound call with a short timeout. The unit tests of the loader check the real timeout. */
const hurriedCallOut: CallOut = (request) => callOut({ ...request, timeoutMs: 200 });

const verifierOf = (paths: readonly string[], clock = testClock()) => {
  const entries = paths.map((path) => [
    path,
    entryOf({ issuer: `issuer of ${path}`, jwks: { url: `${base}/${path}` } }),
  ]);
  return {
    clock,
    ...createTokenVerifier(Object.fromEntries(entries), { ...bindingDeps(clock), callOut: hurriedCallOut }),
  };
};

describe("a key set at a hostile or broken address", () => {
  it.each(["hangs", "stops", "fails", "redirects", "floods", "bomb", "garbage", "crowd", "breaks"])(
    "a key set at the hostile address /%s is not the caller's fault, and costs one call in 5 seconds",
    async (path) => {
      const verifier = verifierOf([path]);
      const before = asked.get(`/${path}`) ?? 0;
      const goodBefore = asked.get("/good") ?? 0;
      const token = tokenOf(`issuer of ${path}`, key);
      for (let time = 0; time < 5; time++) {
        await expect(verifier.verify(presented(token), [path])).rejects.toMatchObject({
          code: "keys_unavailable",
          retryable: true,
        });
        verifier.clock.advance(900);
      }
      expect((asked.get(`/${path}`) ?? 0) - before).toBe(1);
      expect((asked.get("/good") ?? 0) - goodBefore).toBe(0);
    },
  );

  it.each(["hangs", "fails", "redirects", "floods", "bomb", "garbage"])(
    "a key set at the hostile address /%s is answered 503 soon, and the log names the fault and its trust entry but no token",
    async (path) => {
      const verifier = verifierOf([path]);
      const source: Source = {
        name: "ci",
        provider: "any",
        contentTypes: ["application/json"],
        roles: [],
        mode: "enforce",
        authenticate: ({ headers }) => verifier.verify(presented(headers.get("authorization") ?? ""), [path]),
        read: () => ({ outcome: "ignored", kind: "nothing" }),
      };
      const bridge = await httpBridge({ sources: new Map([["ci", source]]) });
      const token = tokenOf(`issuer of ${path}`, key);
      const headers = { "content-type": "application/json", authorization: token };
      const answer = await fetch(new URL("/webhooks/ci", bridge.url), { method: "POST", headers, body: "{}" });
      await bridge.close();
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      const why = expect.stringMatching(`^the keys of trust entry ${path} cannot be loaded: .`);
      expect(JSON.parse(bridge.lines.at(-1) ?? "")).toMatchObject({
        message: "failed",
        fault: "keys_unavailable",
        why,
      });
      expect(givesAway(bridge.lines.join(), token)).toBe(false);
      expect(bridge.records.size).toBe(0);
    },
  );

  it("a key that was fetched before stays valid for an hour, however its issuer fails then", async () => {
    const verifier = verifierOf(["turns"]);
    const fresh = (): string => {
      const now = verifier.clock.now() / 1_000;
      return tokenOf("issuer of turns", key, { claims: { iat: now, exp: now + 60 } });
    };
    state.turned = false;
    expect((await verifier.verify(presented(fresh()), ["turns"])).ok).toBe(true);
    state.turned = true;
    verifier.clock.advance(59 * 60_000);
    expect((await verifier.verify(presented(fresh()), ["turns"])).ok).toBe(true);
    verifier.clock.advance(60_000);
    await expect(verifier.verify(presented(fresh()), ["turns"])).rejects.toMatchObject({ code: "keys_unavailable" });
  });

  it("an issuer that hangs does not delay the tokens of other issuers", async () => {
    const verifier = verifierOf(["hangs", "good"]);
    const waiting = verifier
      .verify(presented(tokenOf("issuer of hangs", key)), ["hangs", "good"])
      .catch((fault) => fault);
    const verified = await verifier.verify(presented(tokenOf("issuer of good", key)), ["hangs", "good"]);
    expect(verified.ok).toBe(true);
    await expect(waiting).resolves.toMatchObject({ code: "keys_unavailable" });
  });

  it("a token whose key is cached causes no call", async () => {
    const verifier = verifierOf(["good"]);
    const before = asked.get("/good") ?? 0;
    const tokens = [tokenOf("issuer of good", key), tokenOf("issuer of good", key, { claims: { sub: "other" } })];
    for (const token of [...tokens, ...tokens])
      expect((await verifier.verify(presented(token), ["good"])).ok).toBe(true);
    expect((asked.get("/good") ?? 0) - before).toBe(1);
  });
});
