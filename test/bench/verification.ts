import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";
import * as v from "valibot";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import { Secret } from "../../shared/host/secrets.ts";
import { traceOf } from "../../shared/host/trace.ts";
import { Authorizer } from "../../shared/http/authorize.ts";
import { trustEntry } from "../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { ok } from "../../shared/model/result.ts";
import { decidingApi, verifiedJob } from "../support/deciding-api.ts";
import { CANARY } from "../support/http-bridge.ts";
import { bindingDeps } from "../support/test-doubles.ts";
import { compare } from "./compare.ts";
import { gitlabSource, signedRequest } from "./gitlab-source.ts";
import type { Measure } from "./measure.ts";
import { type Row, rateRow } from "./table.ts";

interface Plan {
  readonly pairs: number;
  readonly runMs: number;
}

/** Verifying against the cryptography alone, over the same bytes with the same key, in this process. */
export const verification: Measure = async ({ quick }) => {
  const plan = quick ? { pairs: 5, runMs: 150 } : { pairs: 15, runMs: 250 };
  const rows: Row[] = [];
  for (const kilobytes of [1, 10, 100]) rows.push(await ofSignature(kilobytes, plan));
  for (const algorithm of ["RS256", "ES256"] as const) rows.push(await ofToken(algorithm, plan));
  return [...rows, await ofDecision(quick ? 2_000 : 20_000)];
};

/** A decision for a gateway about a token that was verified a moment ago, with the end of its run and its access token. */
async function ofDecision(calls: number): Promise<Row> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const now = toSeconds(systemClock.now());
  const token = await new SignJWT({ ...CLAIMS, iat: now, exp: now + 3_600 })
    .setProtectedHeader({ alg: "ES256", kid: "key-1" })
    .sign(privateKey);
  const verified = ok(verifiedJob({ iat: now, exp: now + 3_600 }));
  const issuer = {
    issuer: AUDIENCE,
    keySet: async () => ({ keys: [] }),
    mintAccessToken: async () => ({ token: new Secret("made"), expiresAt: systemClock.now() }),
  };
  const authorizer = new Authorizer(
    decidingApi({ clock: systemClock, tokens: { verify: async () => verified }, issuer }),
  );
  const headers = new Headers({ authorization: `Bearer ${token}` });
  const request = { ...emptyRequest(), headers };
  const asked = ok({ method: "GET", target: "/v2/app/manifests/latest?page=1", headers });
  const [ours, baseline]: [number[], number[]] = [[], []];
  // They take turns, so that a slow moment of the machine affects both.
  for (let call = 0; call < calls; call++) {
    const started = performance.now();
    if (!(await authorizer.decide("registry", asked, request)).ok) throw rejectedError("a decision");
    const decided = performance.now();
    await jwtVerify(token, publicKey, { issuer: ISSUER, audience: AUDIENCE, algorithms: ["ES256"] });
    ours.push(decided - started);
    baseline.push(performance.now() - decided);
  }
  const [own, bare] = [p99(ours), p99(baseline)];
  return {
    what: "a gateway's decision : jose's jwtVerify, p99",
    ours: `${own.toFixed(3)} ms`,
    baseline: `${bare.toFixed(3)} ms`,
    ratio: own / bare,
    target: { sense: "at most", ratio: 2 },
  };
}

async function ofSignature(kilobytes: number, { pairs, runMs }: Plan): Promise<Row> {
  const what = `GitLab's signature, ${kilobytes} kB`;
  const source = gitlabSource();
  const request = signedRequest(randomBytes(kilobytes * 1_000), "delivery-1");
  const { headers, body } = request;
  const key = Buffer.from(CANARY.slice("whsec_".length), "base64");
  const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.`;
  const expected = createHmac("sha256", key).update(signed).update(body).digest();
  const { verified } = await compare({
    what,
    pairs,
    ours: () =>
      rateOf(runMs, async (times) => {
        for (let time = 0; time < times; time++)
          if (!(await source.authenticate(request)).ok) throw rejectedError(what);
      }),
    baseline: () =>
      rateOf(runMs, (times) => {
        for (let time = 0; time < times; time++) {
          if (!timingSafeEqual(createHmac("sha256", key).update(signed).update(body).digest(), expected)) {
            throw rejectedError(what);
          }
        }
      }),
  });
  return rateRow(`${what} : node:crypto's HMAC`, verified, 0.9);
}

async function ofToken(algorithm: "RS256" | "ES256", { pairs, runMs }: Plan): Promise<Row> {
  const what = `CI job token, ${algorithm}`;
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: algorithm, use: "sig" };
  const entry = v.parse(trustEntry, {
    preset: "gitlab",
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: [algorithm],
    jwks: { inline: { keys: [jwk] } },
    claims: [{ path: "project_id", equals: "2208" }],
  });
  const verifier = createTokenVerifier({ ci: entry }, bindingDeps(systemClock));
  const now = toSeconds(systemClock.now());
  const token = await new SignJWT({ ...CLAIMS, iat: now, nbf: now - 5, exp: now + 3_600 })
    .setProtectedHeader({ alg: algorithm, kid: "key-1", typ: "JWT" })
    .sign(privateKey);
  const request = {
    method: "POST",
    url: new URL(AUDIENCE),
    headers: new Headers(),
    body: new Uint8Array(),
    receivedAt: systemClock.now(),
  };
  const presented = { scheme: "bearer", token, request } as const;
  const checks = { issuer: ISSUER, audience: AUDIENCE, algorithms: [algorithm], requiredClaims: ["exp"] };
  const { verified } = await compare({
    what,
    pairs,
    ours: () =>
      rateOf(runMs, async (times) => {
        for (let time = 0; time < times; time++)
          if (!(await verifier.verify(presented, ["ci"])).ok) throw rejectedError(what);
      }),
    baseline: () =>
      rateOf(runMs, async (times) => {
        // A token that does not verify throws.
        for (let time = 0; time < times; time++) await jwtVerify(token, publicKey, checks);
      }),
  });
  return rateRow(`${what} : jose's jwtVerify`, verified, 0.9);
}

const p99 = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;

const emptyRequest = () => ({
  method: "GET",
  url: new URL(AUDIENCE),
  body: new Uint8Array(),
  repeatable: false,
  receivedAt: systemClock.now(),
  requestId: "bench",
  traceparent: traceOf(new Headers()),
});

/** The rate of `work` in a second. It runs for a few times at once until the time is up. */
async function rateOf(runMs: number, work: (times: number) => void | Promise<void>) {
  const started = performance.now();
  let done = 0;
  let elapsed = 0;
  while (elapsed < runMs) {
    await work(AT_A_TIME);
    done += AT_A_TIME;
    elapsed = performance.now() - started;
  }
  return { verified: (done * 1_000) / elapsed };
}

const rejectedError = (what: string): Error => new Error(`${what}: rejected`);

const AT_A_TIME = 20;
const ISSUER = "https://gitlab.example.com";
const AUDIENCE = "https://bridge.example.com";

/** As many claims as a job's ID token of GitLab has. */
const CLAIMS = {
  sub: "project_path:platform/bridge-handbook:ref_type:branch:ref:main",
  aud: AUDIENCE,
  iss: ISSUER,
  jti: "0c0f7d1e-55a1-4f6e-9d70-6f0a6f3f3f11",
  namespace_id: "72",
  namespace_path: "platform",
  project_id: "2208",
  project_path: "platform/bridge-handbook",
  user_id: "71",
  user_login: "nverhoeven",
  user_email: "",
  pipeline_id: "90210",
  pipeline_source: "push",
  job_id: "301144",
  ref: "main",
  ref_type: "branch",
  ref_path: "refs/heads/main",
  ref_protected: "true",
  runner_id: 14,
  runner_environment: "self-hosted",
  sha: "8d1f5a7c2b3e4f60718293a4b5c6d7e8f9012345",
  project_visibility: "internal",
  ci_config_ref_uri: "gitlab.example.com/platform/bridge-handbook//.gitlab-ci.yml@refs/heads/main",
  ci_config_sha: "8d1f5a7c2b3e4f60718293a4b5c6d7e8f9012345",
};
