import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AUDIENCE,
  BODY,
  causeOf,
  ROUTE,
  startInterceptorBench,
  startIssuer,
  TRIGGER,
} from "../support/interceptor-bench.ts";
import { getOver, goJson, postOver } from "../support/interceptor-caller.ts";
import { b64, signText } from "../unit/identity/tokens.ts";

let bench: Awaited<ReturnType<typeof startInterceptorBench>>;
beforeEach(async () => {
  bench = await startInterceptorBench();
});
afterEach(() => bench.close());

const CONTINUED = { continue: true, status: {} };
/** What every failed check looks like in the log of the sink. */
const REFUSED = {
  continue: false,
  status: { code: 7, message: "the request is not one of the bridge for this trigger" },
};

/** Signs claims with the bridge's own key, as no bridge would. */
function signed(claims: object, header: object = {}): string {
  const { issuer, clock } = bench;
  const iat = clock.now() / 1_000;
  const all = { iss: issuer.url, aud: AUDIENCE, sub: "source:wiki", iat, nbf: iat, exp: iat + 600, ...claims };
  const key = { alg: "ES256", kid: issuer.kid, privateKey: issuer.privateKey, jwk: { kty: "EC" } } as const;
  return signText(JSON.stringify({ alg: "ES256", typ: "JWT", kid: issuer.kid, ...header }), JSON.stringify(all), key);
}

describe("a request of the bridge", () => {
  it("the trigger continues, and its bindings get who caused the request, with nothing of the token", async () => {
    const token = await bench.tokenFor();
    const { answer, text } = await bench.ask(token);
    expect(answer).toEqual({
      ...CONTINUED,
      extensions: {
        drawbridge: {
          who: "gitlab-jobs:project:docs",
          trustEntry: "gitlab-jobs",
          delivery: "d-1",
          route: ROUTE,
          identity: expect.any(String),
        },
      },
    });
    expect(JSON.parse(Buffer.from(answer.extensions.drawbridge.identity, "base64url").toString())).toEqual({
      sub: "gitlab-jobs:project:docs",
      principal: { iss: "https://gitlab.example.test", sub: "project:docs" },
      trust_entry: "gitlab-jobs",
      delivery: "d-1",
      route: ROUTE,
    });
    const parts = token.split(".");
    for (const output of [text, ...bench.lines]) for (const part of parts) expect(output).not.toContain(part);
  });

  it("the digest is that of the body as it was sent, although the sink escapes it", async () => {
    expect(goJson({ body: BODY })).toContain("\\u003c");
    const body = '{"a": "\\ud800 \u2028 & <", "b":1.0}\n';
    expect((await bench.ask(await bench.tokenFor({ body }), { body })).answer).toMatchObject(CONTINUED);
  });

  it("every trigger of a listener may ask about one request, and a later request with the same token is refused", async () => {
    const token = await bench.tokenFor();
    const context = { event_id: "event-1", trigger_id: TRIGGER };
    const second = { event_id: "event-1", trigger_id: "namespaces/ci/triggers/docs-audit" };
    const other = { event_id: "event-1", trigger_id: "namespaces/ci/triggers/release" };
    expect((await bench.ask(token, { context: other, interceptor_params: { route: "release" } })).answer).toEqual(
      REFUSED,
    );
    expect((await bench.ask(token, { context })).answer).toMatchObject(CONTINUED);
    expect((await bench.ask(token, { context: second })).answer).toMatchObject(CONTINUED);
    expect((await bench.ask(token)).answer).toEqual(REFUSED);
    expect(bench.reported.map(({ reason }) => reason)).toEqual(["claim_mismatch", "token_replayed"]);
    expect((await bench.ask(await bench.tokenFor())).answer).toMatchObject(CONTINUED);
  });

  it("of many parallel requests with one token, one continues", async () => {
    const token = await bench.tokenFor();
    const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask(token)));
    expect(answers.filter(({ answer }) => answer.continue)).toHaveLength(1);
  });

  it("a token that was used before a restart is refused after it", async () => {
    const token = await bench.tokenFor();
    expect((await bench.ask(token)).answer).toMatchObject(CONTINUED);
    bench.clock.advance(1_000);
    bench.restart();
    expect((await bench.ask(token)).answer).toEqual(REFUSED);
    expect(bench.reported[0]).toMatchObject({ reason: "token_before_start", isSigned: true });
    expect((await bench.ask(await bench.tokenFor())).answer).toMatchObject(CONTINUED);
  });

  it.each([
    ["set forward and back", [700_000, -700_000]],
    ["set back", [-4_000]],
  ])("a token cannot be used again after somebody %s the clock", async (_, steps) => {
    const token = await bench.tokenFor();
    expect((await bench.ask(token)).answer).toMatchObject(CONTINUED);
    for (const step of steps) {
      bench.clock.set(step);
      await bench.ask(await bench.tokenFor());
    }
    expect((await bench.ask(token)).answer).toEqual(REFUSED);
  });

  it("a trigger may name an audience of its own, and then no other is accepted", async () => {
    const interceptor_params = { route: ROUTE, audience: "https://other.example.test" };
    const token = await bench.tokenFor({ audience: "https://other.example.test" });
    expect((await bench.ask(token, { interceptor_params })).answer).toMatchObject(CONTINUED);
    expect((await bench.ask(await bench.tokenFor(), { interceptor_params })).answer).toEqual(REFUSED);
  });

  it.each(["$(tasks.build.results.digest)", "Cost $$5", "ends with $", "two\nlines"])(
    "a subject %j, which Tekton would change or read as code, is empty and is whole in the encoded identity",
    async (subject) => {
      const request = { delivery: "d-1", route: ROUTE, body: BODY };
      const { token } = await bench.issuer.mint(
        { audience: AUDIENCE, cause: causeOf(subject), request },
        bench.clock.now(),
      );
      const { answer } = await bench.ask(token.reveal());
      const { who, identity } = answer.extensions.drawbridge;
      expect(who).toBe("");
      expect(JSON.parse(Buffer.from(identity, "base64url").toString()).sub).toBe(`gitlab-jobs:${subject}`);
    },
  );
});

describe("a request that the bridge did not make for this trigger", () => {
  const bound = { delivery: "d-1", route: ROUTE };
  const digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
  const attacks: readonly (readonly [string, string, () => Promise<string | undefined>, boolean])[] = [
    ["no token", "credential_missing", async () => undefined, false],
    ["a text that is no token", "token_malformed", async () => "x.y.z", false],
    [
      "a token without a signature",
      "algorithm_not_allowed",
      async () => withoutSignature(await bench.tokenFor()),
      false,
    ],
    [
      "a token that another issuer signed",
      "issuer_unknown",
      () => fromElsewhere("https://elsewhere.example.test"),
      false,
    ],
    ["a token that another key signed", "key_unknown", () => fromElsewhere(bench.issuer.url), false],
    ["a changed token", "token_signature_invalid", async () => changed(await bench.tokenFor()), false],
    ["a token for another audience", "audience_mismatch", () => bench.tokenFor({ audience: "https://x.test" }), true],
    ["a token for another route", "claim_mismatch", () => bench.tokenFor({ route: "release" }), true],
    ["a token for another body", "body_digest_mismatch", () => bench.tokenFor({ body: `${BODY} ` }), true],
    ["a token that is bound to no request", "claim_missing", async () => signed({}), true],
    ["a token without a route", "claim_missing", async () => signed({ delivery: "d-1", body_sha256: digest }), true],
    ["a token without an expiry", "claim_missing", async () => signed({ ...bound, exp: undefined }), true],
    ["a token that lives too long", "token_lifetime_too_long", async () => signed({ ...bound, exp: 4e9 }), true],
  ];
  it.each(attacks)(
    "a request with %s is refused, and only the interceptor's log says %s",
    async (_, reason, make, isSigned) => {
      const { answer, text } = await bench.ask(await make());
      expect(answer).toEqual(REFUSED);
      expect(text).not.toContain(reason);
      expect(bench.reported).toMatchObject([{ trigger: TRIGGER, reason, isSigned }]);
      expect(bench.lines.join()).toContain(reason);
    },
  );

  it("an expired token is refused", async () => {
    const token = await bench.tokenFor();
    bench.clock.advance(606_000);
    expect((await bench.ask(token)).answer).toEqual(REFUSED);
    expect(bench.reported).toMatchObject([{ reason: "token_expired" }]);
  });

  it("a second header Authorization is refused, because it is unknown which one others read", async () => {
    const token = await bench.tokenFor();
    const header = { Authorization: [`Bearer ${token}`, "Bearer other"] };
    expect((await bench.ask(token, { header })).answer).toEqual(REFUSED);
    expect(bench.reported).toMatchObject([{ reason: "credential_malformed" }]);
  });

  it("a refused request does not use up the token of the real one", async () => {
    const token = await bench.tokenFor();
    await bench.ask(token, { body: `${BODY} ` });
    await bench.ask(token, { interceptor_params: { route: "release" } });
    expect((await bench.ask(token)).answer).toMatchObject(CONTINUED);
  });

  it.each([
    {},
    { route: "" },
    { route: ["docs-build"] },
    ...["", ["https://other.example.test"], 5, null, {}].map((audience) => ({ route: ROUTE, audience })),
  ])("a trigger with the params %j never runs", async (given) => {
    const { answer } = await bench.ask(await bench.tokenFor(), { interceptor_params: given });
    expect(answer).toMatchObject({ continue: false, status: { code: 9 } });
  });

  it.each([
    {},
    { event_id: "" },
    { event_id: 5 },
    { event_id: null },
    { event_id: "e".repeat(65) },
    { event_id: "a\nb" },
  ])("a question with the id %j of its request is refused, because single use depends on it", async (context) => {
    const token = await bench.tokenFor();
    for (let n = 0; n < 2; n++) {
      const asked = { ...context, trigger_id: TRIGGER } as { event_id: string; trigger_id: string };
      expect((await bench.ask(token, { context: asked })).status).toBe(400);
    }
  });

  it("a long name of a trigger is cut in the log, whether the trigger continues or not", async () => {
    const context = { event_id: "event-1", trigger_id: "x".repeat(100_000) };
    expect((await bench.ask(await bench.tokenFor(), { context })).answer).toMatchObject(CONTINUED);
    expect((await bench.ask(undefined, { context })).answer).toEqual(REFUSED);
    expect(Math.max(...bench.lines.map(({ length }) => length))).toBeLessThan(1_000);
  });

  const withoutSignature = (token: string): string => {
    const [, claims = ""] = token.split(".");
    return `${b64('{"alg":"none","typ":"JWT"}')}.${claims}.AA`;
  };
  const changed = (token: string): string => {
    const [header, , signature] = token.split(".");
    return `${header}.${signed({ ...bound, sub: "root" }).split(".")[1]}.${signature}`;
  };
  /** A token of another issuer, which names itself `iss`. */
  async function fromElsewhere(iss: string): Promise<string> {
    const other = await startIssuer();
    await other.close();
    const key = { alg: "ES256", kid: other.kid, privateKey: other.privateKey, jwk: { kty: "EC" } } as const;
    const iat = bench.clock.now() / 1_000;
    const claims = { iss, aud: AUDIENCE, sub: "a", iat, exp: iat + 600, ...bound, body_sha256: digest };
    return signText(JSON.stringify({ alg: "ES256", typ: "JWT", kid: other.kid }), JSON.stringify(claims), key);
  }
});

describe("the interceptor", () => {
  it("the interceptor refuses while the bridge's keys cannot be loaded, and continues afterwards", async () => {
    bench.issuer.setAway(true);
    const token = await bench.tokenFor();
    expect((await bench.ask(token)).answer).toMatchObject({ continue: false, status: { code: 14 } });
    expect(bench.reported).toMatchObject([{ reason: "keys_unavailable", isSigned: false }]);
    bench.issuer.setAway(false);
    bench.clock.advance(10_000);
    expect((await bench.ask(token)).answer).toMatchObject(CONTINUED);
  });

  it("the interceptor continues with the keys that it has while the bridge is away", async () => {
    await bench.ask(await bench.tokenFor());
    bench.issuer.setAway(true);
    bench.clock.advance(1_800_000);
    expect((await bench.ask(await bench.tokenFor())).answer).toMatchObject(CONTINUED);
  });

  it.each(["", "[]", '{"body":5,"context":{}}', '{"context":null}', "x".repeat(2_200_000)])(
    "a body that is no question is answered with 400, which the sink takes as no decision in favour",
    async (body) => {
      expect((await postOver(bench.url, bench.ca, body)).status).toBe(400);
      expect(bench.reported).toEqual([]);
    },
  );

  it("the interceptor says that it is up, and counts what it decided", async () => {
    await bench.ask(await bench.tokenFor());
    await bench.ask(undefined);
    const get = (path: string) => getOver(new URL(path, bench.url), bench.ca);
    expect((await get("/readyz")).status).toBe(200);
    const { text } = await get("/metrics");
    expect(text).toContain('drawbridge_interceptor_requests_total{outcome="continued"} 1\n');
    expect(text).toContain('drawbridge_interceptor_requests_total{outcome="credential_missing"} 1\n');
    expect((await get("/other")).status).toBe(404);
  });
});
