import { generateKeyPairSync } from "node:crypto";
import { decodeJwt } from "jose";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { CallOut, OutboundRequest } from "../../../shared/host/call-out.ts";
import { epochMillis, laterBy } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { namedPrincipal } from "../../../shared/model/principal.ts";
import { type BoundRequest, BridgeIssuer, type Cause } from "../../../shared/outbound/issuer.ts";
import { OutboundTokens } from "../../../shared/outbound/outbound-tokens.ts";
import { localSigningKey } from "../../../shared/outbound/signing-key.ts";
import { type TargetIdentity, targetIdentity } from "../../../shared/outbound/target-identity.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

const CANARY = "client-secret-canary";
const causeOf = (subject: string, trustEntry = "people"): Cause => ({
  principal: namedPrincipal({ issuer: "https://login.example.test", subject, trustEntry }),
});

const oauth = { tokenUrl: "https://login.example.test/token", clientId: "bridge", clientSecret: "env:CLIENT" };
/** An identity whose tokens are kept. */
type ReusableIdentity = Exclude<TargetIdentity, { bridge: unknown }>;
function identityOf(settings: object): ReusableIdentity {
  const identity = v.parse(targetIdentity, settings);
  if ("bridge" in identity) throw new Error("its tokens are bound to one request");
  return identity;
}

type Answer =
  | { readonly status: number; readonly body: object; readonly headers?: Readonly<Record<string, string>> }
  | Error;

/** Tokens over calls that are answered in order; the last answer is repeated. */
function tokensWith(answers: readonly Answer[]) {
  const clock = testClock();
  const requests: OutboundRequest[] = [];
  const callOut: CallOut = async (request) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    if (answer === undefined || answer instanceof Error) throw answer;
    const headers = new Headers({ "content-type": "application/json", ...answer.headers });
    return { status: answer.status, headers, body: Buffer.from(JSON.stringify(answer.body)) };
  };
  const pem = String(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }),
  );
  let made = 0;
  const issuer = new BridgeIssuer({
    hasTokenEndpoint: false,
    issuer: "https://bridge.example.test",
    keys: [() => localSigningKey(new Secret(pem))],
    newTokenId: () => String(++made),
  });
  const awsToken = async (audience: string) => ({
    token: new Secret(`aws for ${audience}`),
    expiresAt: laterBy(clock.now(), 600_000),
  });
  const secrets = secretsOf({ CLIENT: CANARY, CLUSTER: "cluster-token" });
  return { clock, requests, tokens: new OutboundTokens({ secrets, callOut, clock, issuer, awsToken }) };
}

const granted = (token: string, seconds: number | "absent" = 300): Answer => ({
  status: 200,
  body: {
    access_token: token,
    token_type: "Bearer",
    ...(seconds !== "absent" && { expires_in: seconds }),
    issued_token_type: "urn:ietf:params:oauth:token-type:jwt",
  },
});
const formOf = ({ body = "" }: OutboundRequest) => Object.fromEntries(new URLSearchParams(body));

describe("client credentials", () => {
  const identity = identityOf({
    clientCredentials: { ...oauth, scope: "trigger", resource: "https://el.example.test" },
  });

  it("a token for client credentials is requested as RFC 6749 and RFC 8707 say, and kept until shortly before its end", async () => {
    const { tokens, requests, clock } = tokensWith([granted("first"), granted("second")]);
    const first = await tokens.tokenFor(identity, causeOf("robin"));
    expect(first.reveal()).toBe("first");
    expect(formOf(requests[0] as OutboundRequest)).toMatchObject({
      grant_type: "client_credentials",
      scope: "trigger",
      resource: "https://el.example.test",
    });
    const basic = new Headers(requests[0]?.headers).get("authorization")?.replace("Basic ", "") ?? "";
    expect(decodeURIComponent(Buffer.from(basic, "base64").toString())).toBe(`bridge:${CANARY}`);
    clock.advance(269_000);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("first");
    clock.advance(2_000);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("second");
    expect(requests).toHaveLength(2);
  });

  it("a token is used no longer than its lifetime if the clock is set back meanwhile", async () => {
    const { tokens, clock } = tokensWith([granted("first"), granted("second")]);
    await tokens.tokenFor(identity, causeOf("robin"));
    clock.advance(200_000);
    clock.set(-100_000);
    clock.advance(69_000);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("first");
    clock.advance(2_000);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("second");
  });

  it("a token that was requested while the clock was ahead is not used when the clock is right again", async () => {
    const { tokens, clock } = tokensWith([granted("first"), granted("second")]);
    clock.set(86_400_000);
    await tokens.tokenFor(identity, causeOf("robin"));
    clock.set(-86_400_000);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("second");
  });

  it("everybody whose request would be the same uses one token, whoever caused the call", async () => {
    const { tokens, requests } = tokensWith([granted("a")]);
    const all = Array.from({ length: 20 }, (_, at) => tokens.tokenFor(identity, causeOf(`person-${at}`)));
    expect(new Set((await Promise.all(all)).map((one) => one.reveal()))).toEqual(new Set(["a"]));
    await tokens.tokenFor(identity, causeOf("robin", "people-of-another-company"));
    expect(requests).toHaveLength(1);
    await tokens.tokenFor(identityOf({ clientCredentials: { ...oauth, scope: "read" } }), causeOf("robin"));
    expect(requests).toHaveLength(2);
  });

  it.each([
    ["that lives for a minute", 60, 53],
    ["that lives for ten seconds", 10, 8],
    ["whose lifetime is not given", "absent" as const, 269],
  ])("100 calls at once request one token %s, and it is used for nine tenths of its life", async (_, seconds, used) => {
    const { tokens, requests, clock } = tokensWith([granted("a", seconds), granted("b", seconds)]);
    const atOnce = () => Promise.all(Array.from({ length: 100 }, () => tokens.tokenFor(identity, causeOf("robin"))));
    await atOnce();
    clock.advance(used * 1_000);
    await atOnce();
    expect(requests).toHaveLength(1);
    clock.advance(2_000);
    expect((await atOnce()).map((one) => one.reveal())).toEqual(Array.from({ length: 100 }, () => "b"));
    expect(requests).toHaveLength(2);
  });

  it("who waited for a token uses it, even if it was over when it arrived", async () => {
    const { tokens, requests } = tokensWith([granted("over", 0), granted("next", 0)]);
    const both = await Promise.all([1, 2].map(() => tokens.tokenFor(identity, causeOf("robin"))));
    expect(both.map((one) => one.reveal())).toEqual(["over", "over"]);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("next");
    expect(requests).toHaveLength(2);
  });

  it("a token that the target did not accept is not used again, and a newer one stays", async () => {
    const { tokens, requests } = tokensWith([granted("revoked"), granted("next"), granted("third")]);
    const revoked = await tokens.tokenFor(identity, causeOf("robin"));
    tokens.rejected(identity, causeOf("kim"), revoked);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("next");
    // A slower call reports the same rejection.
    tokens.rejected(identity, causeOf("robin"), revoked);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("next");
    expect(requests).toHaveLength(2);
  });

  it("a server that asks for time is not asked again before, by anybody", async () => {
    const busy = { status: 429, body: {}, headers: { "retry-after": "30" } };
    const { tokens, requests, clock } = tokensWith([busy, granted("later")]);
    const ask = (subject: string) => tokens.tokenFor(identity, causeOf(subject));
    for (const [subject, left] of [
      ["robin", 30],
      ["kim", 16],
    ] as const) {
      await expect(ask(subject)).rejects.toMatchObject({
        retryAfterSeconds: left,
        message: "login.example.test issued no token: it responded 429",
      });
      clock.advance(14_000);
    }
    expect(requests).toHaveLength(1);
    clock.advance(2_000);
    expect((await ask("robin")).reveal()).toBe("later");
  });

  it.each<[string, Answer, string]>([
    [
      "the wrong secret, as RFC 6749 demands it",
      { status: 401, body: { error: "invalid_client" }, headers: { "www-authenticate": 'Basic realm="idp"' } },
      "invalid_client",
    ],
    ["a 401 without a code", { status: 401, body: {} }, "invalid_client, its client id or secret is wrong (401)"],
    [
      "a token that is bound to a key",
      { status: 200, body: { access_token: "a", token_type: "DPoP" } },
      "its token is no Bearer token",
    ],
    [
      "a token of two lines",
      { status: 200, body: { access_token: "a\r\nb: c", token_type: "Bearer" } },
      "its token has characters that no header can have",
    ],
  ])("%s is named", async (_, answer, why) => {
    const { tokens } = tokensWith([answer]);
    await expect(tokens.tokenFor(identity, causeOf("robin"))).rejects.toMatchObject({
      message: `login.example.test issued no token: ${why}`,
    });
  });

  it.each<[string, Answer]>([
    ["a rejection", { status: 401, body: { error: "invalid_client", error_description: CANARY } }],
    ["a response without a token", { status: 200, body: { token_type: "Bearer" } }],
    ["a gateway's error page", { status: 502, body: {} }],
  ])("%s is a retryable fault that quotes nothing, and the next call requests a token again", async (_, answer) => {
    const { tokens } = tokensWith([answer, granted("later")]);
    const fault = await tokens.tokenFor(identity, causeOf("robin")).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "token_unavailable", retryable: true });
    expect(JSON.stringify(fault, Object.getOwnPropertyNames(fault))).not.toContain(CANARY);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("later");
  });

  it("a fault of the call is passed on as it is", async () => {
    const { tokens } = tokensWith([new Fault("target_unreachable", "no connection", { retryable: true })]);
    await expect(tokens.tokenFor(identity, causeOf("robin"))).rejects.toMatchObject({ code: "target_unreachable" });
  });
});

describe("token exchange", () => {
  it("token exchange sends the bridge's own token, which names who caused the call, and returns the token received for it", async () => {
    const { tokens, requests } = tokensWith([granted("exchanged")]);
    const identity = identityOf({
      tokenExchange: { ...oauth, audience: "tekton", subjectAudience: "https://login.example.test" },
    });
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("exchanged");
    const form = formOf(requests[0] as OutboundRequest);
    expect(form).toMatchObject({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      audience: "tekton",
    });
    const claims = JSON.parse(Buffer.from(form["subject_token"]?.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ sub: "people:robin", trust_entry: "people", aud: "https://login.example.test" });
    // The token that it is exchanged for is kept, so it is not bound to one request.
    expect(claims).not.toHaveProperty("delivery");
  });
});

describe("a token of the bridge's own", () => {
  it("a token of the bridge is made for each request, and never for a second one", async () => {
    const { tokens, requests } = tokensWith([]);
    const identity = { bridge: { audience: "https://el.example.test" } };
    const request = { delivery: "d-1", route: "docs", body: "{}" };
    const claimsOf = async (cause: Cause, bound: BoundRequest) =>
      decodeJwt((await tokens.boundToken(identity, cause, bound)).reveal());
    const all = await Promise.all([
      claimsOf(causeOf("robin"), request),
      claimsOf(causeOf("robin"), request),
      claimsOf(causeOf("robin"), { ...request, route: "deploy" }),
      claimsOf(causeOf("robin"), { ...request, body: "{ }" }),
      claimsOf(causeOf("robin", "strangers"), request),
    ]);
    expect(new Set(all.map(({ jti }) => jti)).size).toBe(all.length);
    expect(new Set(all.map(({ sub, route, body_sha256 }) => JSON.stringify([sub, route, body_sha256]))).size).toBe(4);
    expect(requests).toEqual([]);
  });
});

describe("a token of AWS", () => {
  it("a token of AWS is requested with the audience", async () => {
    const { tokens } = tokensWith([]);
    expect((await tokens.tokenFor(identityOf({ aws: { audience: "el" } }), causeOf("robin"))).reveal()).toBe(
      "aws for el",
    );
  });

  it("a token of AWS is a configuration fault outside of AWS", async () => {
    const { clock } = tokensWith([]);
    const callOut: CallOut = () => Promise.reject(new Error("not asked"));
    const tokens = new OutboundTokens({
      secrets: secretsOf({}),
      callOut,
      clock,
      issuer: undefined,
      awsToken: undefined,
    });
    const identity = identityOf({ aws: { audience: "el" } });
    await expect(tokens.tokenFor(identity, causeOf("robin"))).rejects.toMatchObject({ code: "configuration_invalid" });
  });
});

describe("a token of a service account", () => {
  const identity = identityOf({
    kubernetes: {
      api: "https://cluster.example.test",
      token: "env:CLUSTER",
      namespace: "ci",
      serviceAccount: "drawbridge",
      audience: "https://el.example.test",
    },
  });

  it("the token of a service account is requested by TokenRequest and kept until shortly before its end", async () => {
    const expirationTimestamp = "2026-11-02T09:10:00Z";
    const { tokens, requests, clock } = tokensWith([
      { status: 201, body: { status: { token: "k", expirationTimestamp } } },
    ]);
    expect((await tokens.tokenFor(identity, causeOf("robin"))).reveal()).toBe("k");
    expect(requests[0]?.url.href).toBe(
      "https://cluster.example.test/api/v1/namespaces/ci/serviceaccounts/drawbridge/token",
    );
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({
      kind: "TokenRequest",
      spec: { audiences: ["https://el.example.test"], expirationSeconds: 600 },
    });
    clock.advance(epochMillis(Date.parse(expirationTimestamp)) - clock.now() - 60_001);
    await tokens.tokenFor(identity, causeOf("robin"));
    expect(requests).toHaveLength(1);
    clock.advance(2);
    await tokens.tokenFor(identity, causeOf("robin"));
    expect(requests).toHaveLength(2);
  });

  it("an API server that asks for time gets it", async () => {
    const { tokens, requests } = tokensWith([{ status: 429, body: {}, headers: { "retry-after": "4" } }]);
    for (let call = 0; call < 3; call++)
      await expect(tokens.tokenFor(identity, causeOf("robin"))).rejects.toMatchObject({ retryAfterSeconds: 4 });
    expect(requests).toHaveLength(1);
  });

  it.each<[string, Answer]>([
    ["refused", { status: 403, body: { kind: "Status", reason: "Forbidden" } }],
    ["answered with something else", { status: 201, body: { status: {} } }],
  ])("a TokenRequest that is %s is a retryable fault", async (_, answer) => {
    const { tokens } = tokensWith([answer]);
    await expect(tokens.tokenFor(identity, causeOf("robin"))).rejects.toMatchObject({
      code: "token_unavailable",
      retryable: true,
    });
  });
});
