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

/** An issuer that exchanges any code for an ID token with these claims beside the right ones. */
function signInAt(changes: { claims?: Claims; answer?: object; discovered?: object; status?: number } = {}) {
  const asked: OutboundRequest[] = [];
  let nonce = "";
  const callOut: CallOut = async (request) => {
    asked.push(request);
    const now = toSeconds(systemClock.now());
    const claims = { iss: ISSUER, aud: CLIENT, sub: "olga", iat: now, exp: now + 600, nonce, ...changes.claims };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "RS256" })}.${part(claims)}.${part({})}`;
    const tokens = { access_token: "access", token_type: "Bearer", id_token: token, ...changes.answer };
    const isDiscovery = request.url.pathname === "/.well-known/openid-configuration";
    const body = Buffer.from(JSON.stringify(isDiscovery ? { ...DISCOVERED, ...changes.discovered } : tokens));
    const status = isDiscovery ? 200 : (changes.status ?? 200);
    return { status, headers: new Headers({ "content-type": "application/json" }), body };
  };
  const settings = { clientId: CLIENT, clientSecret: "env:CLIENT_SECRET", scope: "openid groups" };
  const secrets = secretsOf({ CLIENT_SECRET: "client-secret" });
  const clock = testClock(systemClock.now());
  const internalOrigins = ["https://10.0.0.7"];
  const issuer = ISSUER;
  const signIn = new SignIn({ settings, issuer, internalOrigins, redirectUri: REDIRECT, secrets, callOut, clock });
  const run = async (parameters: Readonly<Record<string, string>> = {}) => {
    const { url, begun } = await signIn.begin("/console");
    nonce = begun.nonce;
    const answered = new URL(REDIRECT);
    const query = { code: "code", state: begun.state, iss: ISSUER, ...parameters };
    for (const [name, value] of Object.entries(query)) answered.searchParams.set(name, value);
    return { url, begun, finished: await signIn.finish(answered, begun) };
  };
  return { signIn, run, asked, clock };
}

describe("a sign-in", () => {
  it("a sign-in asks for a code that only this browser and this client can use, once", async () => {
    const { signIn } = signInAt();
    const [first, second] = [await signIn.begin("/console"), await signIn.begin("/console")];
    const asked = Object.fromEntries(first.url.searchParams);
    expect(first.url.origin).toBe(ISSUER);
    expect(asked).toMatchObject({
      tenant: "1",
      response_type: "code",
      client_id: CLIENT,
      redirect_uri: REDIRECT,
      scope: "openid groups",
      state: first.begun.state,
      nonce: first.begun.nonce,
      code_challenge_method: "S256",
    });
    expect(JSON.stringify(asked)).not.toContain(first.begun.verifier);
    expect((await signIn.begin("/console", { forceLogin: true })).url.searchParams.get("prompt")).toBe("login");
    for (const name of ["state", "nonce", "verifier"] as const) {
      expect(first.begun[name].length).toBeGreaterThanOrEqual(43);
      expect(first.begun[name]).not.toBe(second.begun[name]);
    }
  });

  it("the issuer's endpoints are fetched once in ten minutes, and again at once after a failure", async () => {
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

  it("a sign-in ends with the ID token, in exchange for the code, the verifier and the client's own secret", async () => {
    const { run, asked } = signInAt();
    const { finished, begun } = await run();
    expect(finished).toMatchObject({ ok: true });
    expect(JSON.stringify(finished)).not.toContain("eyJ");
    const sent = asked.at(-1);
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({
      grant_type: "authorization_code",
      code: "code",
      redirect_uri: REDIRECT,
      code_verifier: begun.verifier,
    });
    expect(sent?.headers["authorization"]).toBe(`Basic ${Buffer.from("console:client%2Dsecret").toString("base64")}`);
  });

  it.each([
    ["of the issuer", `${ISSUER}/token`, false],
    ["that the configuration allows", "https://10.0.0.7/token", false],
    ["elsewhere", "https://tokens.example.test/", true],
  ])("the client's secret goes to a token endpoint %s", async (_, endpoint, onlyPublic) => {
    const { run, asked } = signInAt({ discovered: { token_endpoint: endpoint } });
    expect((await run()).finished).toMatchObject({ ok: true });
    expect(asked.at(-1)).toMatchObject({ method: "POST", url: new URL(endpoint), onlyPublic });
  });

  it.each<[string, Parameters<typeof signInAt>[0]]>([
    ["another sign-in", { claims: { nonce: "another" } }],
    ["no sign-in", { claims: { nonce: undefined } }],
    ["another client", { claims: { aud: "another" } }],
    ["several other clients", { claims: { aud: ["another", "third"] } }],
    ["another issuer", { claims: { iss: "https://evil.example.test" } }],
    ["a time that has passed", { claims: { exp: 1 } }],
  ])("an ID token of %s is rejected", async (_, changes) => {
    const { finished } = await signInAt(changes).run();
    const problem = "the answer does not belong to this sign-in";
    expect(finished).toEqual({ ok: false, rejection: { reason: "sign_in_failed", problem } });
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["another's state", { state: "another" }],
    ["another issuer", { iss: "https://evil.example.test" }],
    ["a token in the address", { id_token: "eyJ" }],
  ])("a response with %s is rejected without a call to the token endpoint", async (_, parameters) => {
    const { run, asked } = signInAt();
    expect((await run(parameters)).finished).toMatchObject({ ok: false, rejection: { reason: "sign_in_failed" } });
    expect(asked.every(({ method }) => method === "GET")).toBe(true);
  });

  it("a response without an ID token is rejected, and a rejection quotes only the issuer's error code", async () => {
    const without = await signInAt({ answer: { id_token: undefined } }).run();
    expect(without.finished).toMatchObject({ ok: false });
    const answer = { error: "invalid_client", error_description: "the secret client-secret is wrong" };
    const { finished } = await signInAt({ status: 401, answer }).run();
    expect(finished).toMatchObject({ rejection: { problem: "the issuer answered invalid_client" } });
    expect(JSON.stringify(finished)).not.toContain("client-secret");
  });

  it.each<[string, object]>([
    ["is another issuer's", { issuer: "https://evil.example.test" }],
    ["has no authorization endpoint", { authorization_endpoint: undefined }],
    ["sends browsers to a machine's metadata", { authorization_endpoint: "http://169.254.169.254/latest" }],
    ["sends browsers to this machine", { authorization_endpoint: "https://localhost:8443/" }],
    ["has a token endpoint on plain HTTP", { token_endpoint: "http://localhost:22106/latest/api/x" }],
    ["has a token endpoint in a private network", { token_endpoint: "https://10.0.0.8/token" }],
    ["has no token endpoint", { token_endpoint: undefined }],
  ])("a sign-in cannot begin if the discovery document %s", async (_, discovered) => {
    const begun = signInAt({ discovered }).signIn.begin("/console");
    await expect(begun).rejects.toBeInstanceOf(Fault);
    await expect(begun).rejects.toMatchObject({ code: "token_unavailable" });
  });
});
