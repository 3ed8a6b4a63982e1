import { describe, expect, it } from "vitest";
import { SignIn } from "../../../shared/console/sign-in.ts";
import type { CallOut, OutboundRequest } from "../../../shared/host/call-out.ts";
import { systemClock, toSeconds } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

const ISSUER = "https://login.example.test";
const CLIENT = "console";
const REDIRECT = "https://bridge.example.test/console/signed-in";

const DISCOVERED = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
  token_endpoint: `${ISSUER}/token`,
  authorization_response_iss_parameter_supported: true,
};

type Claims = Readonly<Record<string, unknown>>;

/** An issuer that gives any code an ID token with these claims beside the right ones, and never asks twice. */
function signInAt(changes: { claims?: Claims; answer?: object; discovered?: object; status?: number } = {}) {
  const asked: OutboundRequest[] = [];
  let nonce = "";
  const callOut: CallOut = async (request) => {
    asked.push(request);
    const now = toSeconds(systemClock.now());
    const claims = { iss: ISSUER, aud: CLIENT, sub: "olga", iat: now, exp: now + 600, nonce, ...changes.claims };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "RS256" })}.${part(claims)}.${part({})}`;
    const given = { access_token: "access", token_type: "Bearer", id_token: token, ...changes.answer };
    const isDiscovery = request.url.pathname === "/.well-known/openid-configuration";
    const body = Buffer.from(JSON.stringify(isDiscovery ? { ...DISCOVERED, ...changes.discovered } : given));
    const status = isDiscovery ? 200 : (changes.status ?? 200);
    return { status, headers: new Headers({ "content-type": "application/json" }), body };
  };
  const settings = { clientId: CLIENT, clientSecret: "env:CLIENT_SECRET", scope: "openid groups" };
  const secrets = secretsOf({ CLIENT_SECRET: "client-secret" });
  const clock = testClock(systemClock.now());
  const signIn = new SignIn({ settings, issuer: ISSUER, redirectUri: REDIRECT, secrets, callOut, clock });
  const run = async (told: Readonly<Record<string, string>> = {}) => {
    const { url, begun } = await signIn.begin("/console");
    nonce = begun.nonce;
    const answered = new URL(REDIRECT);
    const query = { code: "code", state: begun.state, iss: ISSUER, ...told };
    for (const [name, value] of Object.entries(query)) answered.searchParams.set(name, value);
    return { url, begun, finished: await signIn.finish(answered, begun) };
  };
  return { signIn, run, asked, clock };
}

describe("a sign-in", () => {
  it("asks for a code that only this browser and this client can use, once", async () => {
    const { signIn } = signInAt();
    const [first, second] = [await signIn.begin("/console"), await signIn.begin("/console")];
    const asked = Object.fromEntries(first.url.searchParams);
    expect(first.url.origin).toBe(ISSUER);
    expect(asked).toMatchObject({
      ...{ tenant: "1", response_type: "code", client_id: CLIENT, redirect_uri: REDIRECT, scope: "openid groups" },
      ...{ state: first.begun.state, nonce: first.begun.nonce, code_challenge_method: "S256" },
    });
    expect(JSON.stringify(asked)).not.toContain(first.begun.verifier);
    expect((await signIn.begin("/console", { forceLogin: true })).url.searchParams.get("prompt")).toBe("login");
    for (const name of ["state", "nonce", "verifier"] as const) {
      expect(first.begun[name].length).toBeGreaterThanOrEqual(43);
      expect(first.begun[name]).not.toBe(second.begun[name]);
    }
  });

  it("asks the issuer for its endpoints once in ten minutes, and again at once if that has failed", async () => {
    const changes = { discovered: { issuer: "https://evil.example.test" } };
    const { signIn, asked, clock } = signInAt(changes);
    await expect(signIn.begin("/console")).rejects.toBeInstanceOf(Fault);
    changes.discovered = { issuer: ISSUER };
    await Promise.all([signIn.begin("/console"), signIn.begin("/console")]);
    clock.advance(599_999);
    await signIn.begin("/console");
    expect(asked).toHaveLength(2);
    clock.advance(1);
    await signIn.begin("/console");
    expect(asked).toHaveLength(3);
  });

  it("ends with the ID token, for the code, the verifier and the client's own secret", async () => {
    const { run, asked } = signInAt();
    const { finished, begun } = await run();
    expect(finished).toMatchObject({ ok: true });
    expect(JSON.stringify(finished)).not.toContain("eyJ");
    const sent = asked.at(-1);
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({
      ...{ grant_type: "authorization_code", code: "code", redirect_uri: REDIRECT, code_verifier: begun.verifier },
    });
    expect(sent?.headers["authorization"]).toBe(`Basic ${Buffer.from("console:client%2Dsecret").toString("base64")}`);
  });

  it.each<[string, Parameters<typeof signInAt>[0]]>([
    ["another sign-in", { claims: { nonce: "another" } }],
    ["no sign-in", { claims: { nonce: undefined } }],
    ["another client", { claims: { aud: "another" } }],
    ["several clients and none of them in particular", { claims: { aud: ["another", "third"] } }],
    ["another issuer", { claims: { iss: "https://evil.example.test" } }],
    ["a time that is over", { claims: { exp: 1 } }],
  ])("takes no ID token of %s", async (_, changes) => {
    const { finished } = await signInAt(changes).run();
    const problem = "the answer does not belong to this sign-in";
    expect(finished).toEqual({ ok: false, rejection: { reason: "sign_in_failed", problem } });
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["another's state", { state: "another" }],
    ["another issuer", { iss: "https://evil.example.test" }],
    ["a token in the address", { id_token: "eyJ" }],
  ])("takes no answer with %s, and asks nobody for it", async (_, told) => {
    const { run, asked } = signInAt();
    expect((await run(told)).finished).toMatchObject({ ok: false, rejection: { reason: "sign_in_failed" } });
    expect(asked.every(({ method }) => method === "GET")).toBe(true);
  });

  it("needs an ID token, and tells of a refusal the issuer's code and no more", async () => {
    const without = await signInAt({ answer: { id_token: undefined } }).run();
    expect(without.finished).toMatchObject({ ok: false });
    const answer = { error: "invalid_client", error_description: "the secret client-secret is wrong" };
    const { finished } = await signInAt({ status: 401, answer }).run();
    expect(finished).toMatchObject({ rejection: { problem: "the issuer answered invalid_client" } });
    expect(JSON.stringify(finished)).not.toContain("client-secret");
  });

  it.each<[string, object]>([
    ["is another's", { issuer: "https://evil.example.test" }],
    ["knows no place to sign in", { authorization_endpoint: undefined }],
  ])("cannot begin where the discovery document %s", async (_, discovered) => {
    const begun = signInAt({ discovered }).signIn.begin("/console");
    await expect(begun).rejects.toBeInstanceOf(Fault);
    await expect(begun).rejects.toMatchObject({ code: "token_unavailable" });
  });
});
