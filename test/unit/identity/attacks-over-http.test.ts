import { randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Source } from "../../../shared/delivery/receive.ts";
import type { CallOut } from "../../../shared/host/call-out.ts";
import { toIso } from "../../../shared/host/clock.ts";
import { jsonLog } from "../../../shared/host/log.ts";
import { presentedToken } from "../../../shared/identity/presented-token.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { httpBridge } from "../../support/http-bridge.ts";
import { bindingDeps, testClock } from "../../support/test-doubles.ts";
import { A, givesAway, good, keyA, trusted, withClaims, withHeader } from "./attacking.ts";
import { b64, entryOf, keySetOf, signingKey, tokenOf } from "./tokens.ts";
import { presented } from "./verifying.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const nobody: CallOut = () => Promise.reject(new Error("nothing answers in this test"));

/** A bridge on loopback with one source that takes tokens of `entries`, and the lines that it logs. */
async function bridgeOf(entries: Readonly<Record<string, TrustEntry>>, callOut: CallOut = nobody) {
  const clock = testClock();
  const tokens = createTokenVerifier(entries, { ...bindingDeps(clock), callOut });
  const lines: string[] = [];
  const log = jsonLog(
    (line) => void lines.push(line),
    () => toIso(clock.now()),
  );
  const source: Source = {
    name: "ci",
    provider: "any",
    contentTypes: ["application/json"],
    roles: [],
    mode: "enforce",
    authenticate: async (request) => {
      const token = presentedToken(request);
      return token.ok ? tokens.verify(token.value, Object.keys(entries)) : token;
    },
    read: () => ({ outcome: "ignored", kind: "nothing" }),
  };
  const bridge = await httpBridge({ sources: new Map([["ci", source]]), clock, log });
  closing.push(bridge.close);
  const post = (headers: readonly string[], query = "") =>
    statusOf(new URL(`/webhooks/ci${query}`, bridge.url), ["content-type", "application/json", ...headers]);
  return { clock, lines, post, records: bridge.records, last: () => JSON.parse(lines.at(-1) ?? "{}") };
}

/** Sends header lines as they are, repeated ones too, which `fetch` would join. */
const statusOf = (url: URL, headers: readonly string[]): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: "POST", headers: ["host", url.host, ...headers] }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode));
    });
    sent.once("error", reject).end(JSON.stringify({ id: randomUUID() }));
  });

const SPOOFED = [
  "x-consumer-username",
  "admin",
  "x-userinfo",
  b64('{"sub":"admin"}'),
  "x-forwarded-user",
  "admin",
  "x-amzn-oidc-data",
  good,
  "x-amzn-oidc-identity",
  "admin",
  "x-access-token",
  good,
  "cookie",
  `token=${good}`,
  "x-amzn-mtls-clientcert",
  "-----BEGIN%20CERTIFICATE-----",
  "x-forwarded-client-cert",
  "Hash=00",
];

describe("an attack on how a token is sent", () => {
  it.each<[string, string, readonly string[], string, string?]>([
    ["T26", "two Authorization lines, both good", twice(`Bearer ${good}`, `Bearer ${good}`), "credential_malformed"],
    ["T26", "a good Authorization line before a bad one", twice(`Bearer ${good}`, "Bearer x"), "credential_malformed"],
    [
      "T26",
      "two tokens joined by a comma",
      ["authorization", `Bearer ${good}, Bearer ${good}`],
      "credential_malformed",
    ],
    ["T26", "an empty token", ["authorization", "Bearer "], "credential_malformed"],
    ["T26", "another scheme", ["authorization", `Token ${good}`], "credential_malformed"],
    ["T26", "a token in the query", [], "credential_missing", `?access_token=${good}`],
    ["T27", "headers that a gateway would set, and no token", SPOOFED, "credential_missing"],
    [
      "T27",
      "such headers and a bad token",
      [...SPOOFED, "authorization", `Bearer ${good}A`],
      "token_signature_invalid",
    ],
  ])("the attack %s (%s) gets 401, one log line and no record", async (_id, _what, headers, reason, query) => {
    const { post, lines, last, records } = await bridgeOf(trusted);
    expect(await post(headers, query)).toBe(401);
    expect(last()).toMatchObject({ message: "refused", reason });
    expect(lines).toHaveLength(1);
    expect(givesAway(lines.join(), good)).toBe(false);
    expect(records.size).toBe(0);
  });

  it.each([
    ["T26", "a scheme in lower case", `bearer ${good}`],
    ["T26", "more than one space", `Bearer   ${good}`],
  ])("a good request that resembles the attack %s is accepted (%s)", async (_id, _what, authorization) => {
    const { post } = await bridgeOf(trusted);
    expect(await post(["authorization", authorization])).toBe(202);
  });

  it.each(["a\r\nlevel: error", "\u001b[2J\u001b[31m", "</script><script>alert(1)</script>", "\u2028\u0000"])(
    "T34: a subject %j cannot break out of its log line",
    async (sub) => {
      const { post, lines } = await bridgeOf(trusted);
      for (const claims of [{ sub }, { sub, aud: sub }]) await post(["authorization", `Bearer ${withClaims(claims)}`]);
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toMatch(/^\{[^\p{Cc}]*\}\n$/u);
    },
  );
});

/** An issuer whose keys are fetched, the addresses that were asked, and what it answers now. */
function issuer(answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const state = { answers, asked };
  const callOut: CallOut = async ({ url }) => {
    asked.push(url.href);
    const answer = state.answers[url.href];
    const body = Buffer.from(JSON.stringify(answer ?? {}));
    return { status: answer === undefined ? 404 : 200, headers: new Headers(), body };
  };
  return Object.assign(state, { callOut });
}

const KEYS = "https://keys.example.test/jwks";
const DISCOVERY = `${A}/.well-known/openid-configuration`;
const atAddress = { a: entryOf({ issuer: A, jwks: { url: KEYS } }) };
const discovered = { a: entryOf({ issuer: A }) };
const bearer = (token: string): readonly string[] => ["authorization", `Bearer ${token}`];
const MINUTE_MS = 60_000;

describe("an attack through an issuer's keys", () => {
  it("T13: a thousand made-up key ids cost one call in 30 seconds", async () => {
    const web = issuer({ [KEYS]: keySetOf(keyA) });
    const clock = testClock();
    const verifier = createTokenVerifier(atAddress, { ...bindingDeps(clock), callOut: web.callOut });
    expect((await verifier.verify(presented(good), ["a"])).ok).toBe(true);
    for (let n = 0; n < 1_000; n++) {
      expect((await verifier.verify(presented(withHeader({ kid: `made-up-${n}` })), ["a"])).ok).toBe(false);
      clock.advance(31);
    }
    expect(web.asked).toHaveLength(2);
  });

  it("T35: an unknown key id causes no call, so that its response takes no longer than that of a wrong signature", async () => {
    const web = issuer({ [KEYS]: keySetOf(keyA) });
    const { post, last } = await bridgeOf(atAddress, web.callOut);
    await post(bearer(good));
    expect(await post(bearer(withHeader({ kid: "unknown" })))).toBe(401);
    expect(last()["reason"]).toBe("key_unknown");
    expect(web.asked).toEqual([KEYS]);
  });

  it.each<[string, object]>([
    ["another issuer", { issuer: "https://other.example.test", jwks_uri: KEYS }],
    ["the issuer with a closing slash", { issuer: `${A}/`, jwks_uri: KEYS }],
    ["keys over plain http", { issuer: A, jwks_uri: KEYS.replace("https", "http") }],
    ["keys on this machine", { issuer: A, jwks_uri: "http://127.0.0.1/jwks" }],
    ["keys at a cloud's metadata service", { issuer: A, jwks_uri: "http://169.254.169.254/jwks" }],
    ["keys in a file", { issuer: A, jwks_uri: "file:///etc/jwks" }],
    ["keys behind a password", { issuer: A, jwks_uri: "https://a:b@keys.example.test/jwks" }],
  ])(
    "T36: a discovery document that names %s is answered 503, and the fault is in the log",
    async (_what, document) => {
      const web = issuer({ [DISCOVERY]: document, [KEYS]: keySetOf(keyA) });
      const { post, last } = await bridgeOf(discovered, web.callOut);
      expect(await post(bearer(good))).toBe(503);
      expect(last()).toMatchObject({ level: "error", fault: "keys_unavailable" });
      expect(web.asked).toEqual([DISCOVERY]);
    },
  );

  it("T38: each process fetches and caches the keys for itself, so that no shared store can be tampered with", async () => {
    const web = issuer({ [KEYS]: keySetOf(keyA) });
    for (const process of ["first", "second"]) {
      const { post } = await bridgeOf(atAddress, web.callOut);
      expect([process, await post(bearer(good))]).toEqual([process, 202]);
    }
    expect(web.asked).toEqual([KEYS, KEYS]);
  });

  it("T37: a new key is accepted 30 seconds after the last fetch, both keys while both are published, and a removed key no longer after 10 minutes and another token", async () => {
    const next = signingKey("k2");
    const web = issuer({ [KEYS]: keySetOf(keyA) });
    const { post, clock } = await bridgeOf(atAddress, web.callOut);
    const both = async () => [await post(bearer(fresh(keyA))), await post(bearer(fresh(next)))];
    const fresh = (key: typeof next): string => {
      const now = clock.now() / 1_000;
      return tokenOf(A, key, { claims: { iat: now, exp: now + 60 } });
    };
    expect(await both()).toEqual([202, 401]);
    web.answers = { [KEYS]: keySetOf(keyA, next) };
    expect(await both()).toEqual([202, 401]);
    clock.advance(MINUTE_MS / 2);
    expect(await both()).toEqual([202, 202]);
    web.answers = { [KEYS]: keySetOf(next) };
    expect(await both()).toEqual([202, 202]);
    clock.advance(10 * MINUTE_MS);
    // This request does not wait for the keys that are loaded in the background.
    expect(await post(bearer(fresh(next)))).toBe(202);
    expect(await both()).toEqual([401, 202]);
  });
});

function twice(first: string, second: string): readonly string[] {
  return ["authorization", first, "authorization", second];
}
