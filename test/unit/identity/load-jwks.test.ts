import { describe, expect, it } from "vitest";
import type { CallOut, OutboundRequest } from "../../../shared/host/call-out.ts";
import { jwksLoader } from "../../../shared/identity/load-jwks.ts";
import { entryOf, keySetOf, signingKey } from "./tokens.ts";

const ISSUER = "https://issuer.example.test";
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const KEYS = "https://keys.example.test/jwks";
const keySet = keySetOf(signingKey("k1"));

/** Answers from a table of addresses, 404 for the rest, and records the requests. */
function answering(table: Readonly<Record<string, unknown>>) {
  const asked: OutboundRequest[] = [];
  const callOut: CallOut = async (request) => {
    asked.push(request);
    const answer = table[request.url.href];
    const body = Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer ?? {}));
    return { status: answer === undefined ? 404 : 200, headers: new Headers(), body };
  };
  return { asked, callOut, addresses: () => asked.map(({ url }) => url.href) };
}

describe("jwksLoader", () => {
  it("jwksLoader discovers the keys of an issuer", async () => {
    const web = answering({ [DISCOVERY]: { issuer: ISSUER, jwks_uri: KEYS }, [KEYS]: keySet });
    await expect(jwksLoader(entryOf({ issuer: ISSUER }), web)()).resolves.toEqual(keySet);
    expect(web.addresses()).toEqual([DISCOVERY, KEYS]);
    for (const request of web.asked) {
      expect(request).toMatchObject({ method: "GET", timeoutMs: 3_000, maxResponseBytes: 262_144 });
      expect(request.signal).toBeInstanceOf(AbortSignal);
    }
  });

  it("jwksLoader drops the issuer's closing slash before it adds the well-known path", async () => {
    const web = answering({ [DISCOVERY]: { issuer: `${ISSUER}/`, jwks_uri: KEYS }, [KEYS]: keySet });
    await expect(jwksLoader(entryOf({ issuer: `${ISSUER}/` }), web)()).resolves.toEqual(keySet);
  });

  it("jwksLoader accepts plain HTTP from an issuer on this machine", async () => {
    const issuer = "http://127.0.0.1:4001";
    const keys = "http://127.0.0.1:4001/keys";
    const web = answering({
      [`${issuer}/.well-known/openid-configuration`]: { issuer, jwks_uri: keys },
      [keys]: keySet,
    });
    await expect(jwksLoader(entryOf({ issuer }), web)()).resolves.toEqual(keySet);
  });

  it("jwksLoader requires a public address of every origin that the configuration does not name", async () => {
    const inside = "https://10.0.0.6:6443/openid/v1/jwks";
    const own = `${ISSUER}/keys`;
    const onlyPublicOf = async (keys: string): Promise<unknown> => {
      const web = answering({ [DISCOVERY]: { issuer: ISSUER, jwks_uri: keys }, [keys]: keySet });
      const entry = entryOf({ issuer: ISSUER, internalOrigins: ["https://10.0.0.6:6443"] });
      await expect(jwksLoader(entry, web)()).resolves.toEqual(keySet);
      return web.asked.map(({ onlyPublic }) => onlyPublic);
    };
    expect(await onlyPublicOf(KEYS)).toEqual([false, true]);
    expect(await onlyPublicOf(own)).toEqual([false, false]);
    expect(await onlyPublicOf(inside)).toEqual([false, false]);
  });

  it("jwksLoader calls the configured address alone, whatever the issuer's text is", async () => {
    const web = answering({ [KEYS]: keySet });
    const entry = entryOf({ issuer: "https://kubernetes.default.svc", jwks: { url: KEYS } });
    await expect(jwksLoader(entry, web)()).resolves.toEqual(keySet);
    expect(web.addresses()).toEqual([KEYS]);
  });

  it("jwksLoader reads keys from a file, and makes no call", async () => {
    const web = answering({});
    const entry = entryOf({ issuer: "https://kubernetes.default.svc", jwks: { file: "cluster.json" } });
    const readFile = async (path: string) => Buffer.from(path === "cluster.json" ? JSON.stringify(keySet) : "");
    await expect(jwksLoader(entry, { callOut: web.callOut, readFile })()).resolves.toEqual(keySet);
    expect(web.asked).toEqual([]);
  });

  it.each<[string, unknown]>([
    ["of another issuer", { issuer: "https://other.example.test", jwks_uri: KEYS }],
    ["with one more closing slash", { issuer: `${ISSUER}/`, jwks_uri: KEYS }],
    ["with keys on plain HTTP", { issuer: ISSUER, jwks_uri: "http://keys.example.test/jwks" }],
    ["with keys on this machine", { issuer: ISSUER, jwks_uri: "http://127.0.0.1:9999/jwks" }],
    ["with keys in a private network", { issuer: ISSUER, jwks_uri: "https://10.0.0.6/jwks" }],
    ["with keys at a machine's metadata", { issuer: ISSUER, jwks_uri: "https://169.254.169.254/jwks" }],
    ["with keys in a file", { issuer: ISSUER, jwks_uri: "file:///etc/passwd" }],
    ["without keys", { issuer: ISSUER }],
    ["with its issuer twice", `{"issuer":"https://other.example.test","issuer":"${ISSUER}","jwks_uri":"${KEYS}"}`],
    ["that is an HTML page", "<html></html>"],
  ])("jwksLoader rejects a discovery document %s, and makes no further call", async (_name, document) => {
    const web = answering({ [DISCOVERY]: document, [KEYS]: keySet });
    await expect(jwksLoader(entryOf({ issuer: ISSUER }), web)()).rejects.toMatchObject({ code: "keys_unavailable" });
    expect(web.addresses()).toEqual([DISCOVERY]);
  });

  it.each<[string, unknown]>([
    ["no keys", {}],
    ["keys that are not a list", { keys: keySet.keys[0] }],
    ["a private key", { keys: [{ ...keySet.keys[0], d: "AQ" }] }],
    ["a shared key beside a public one", { keys: [...keySet.keys, { kty: "oct", k: "AQ" }] }],
    ["a member that is not a text", { keys: [{ ...keySet.keys[0], kid: 7 }] }],
    ["101 keys", { keys: Array.from({ length: 101 }, () => keySet.keys[0]) }],
  ])("jwksLoader rejects a key set with %s", async (_name, set) => {
    const web = answering({ [KEYS]: set });
    const entry = entryOf({ issuer: ISSUER, jwks: { url: KEYS } });
    await expect(jwksLoader(entry, web)()).rejects.toMatchObject({ code: "keys_unavailable" });
  });
});
