import { createHash, generateKeyPairSync, randomUUID } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLog } from "../../shared/host/log.ts";
import description from "../../shared/http/openapi.json" with { type: "json" };
import { GITLAB_ISSUER, JOB_CLAIMS, jobKeySet, jobToken as tokenOfJob } from "../support/gitlab-jobs.ts";
import { bodyOf } from "../support/provider-fixtures.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const OWN_ISSUER = "http://127.0.0.1:1";
const REGISTRY = "https://registry.example.test";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const CANARY = "canary-in-the-query";
const EDGE = "log-token-for-tests";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const entry = { issuer: GITLAB_ISSUER, jwks: { inline: jobKeySet } };
const requests = [
  { methods: ["GET", "HEAD"], paths: ["/v2/**"], scope: "pull" },
  { methods: ["PUT", "POST"], paths: ["/v2/*/uploads"], scope: "push" },
  { methods: ["DELETE"], paths: ["/v2/**"], scope: "delete" },
];
const allow = [
  { role: "builders", scopes: ["pull"] },
  { role: "publishers", scopes: ["pull", "push"] },
];
const sections = {
  identity: { issuer: OWN_ISSUER, keys: ["env:SIGNING"] },
  issuers: {
    jobs: {
      ...entry,
      preset: "gitlab",
      audience: "drawbridge",
      roles: [
        "builders",
        { role: "publishers", when: [{ path: "ref_protected", equals: "true" }] },
        { role: "tiny", when: [{ path: "user_login", equals: "hasty" }] },
      ],
    },
    services: { ...entry, audience: "introspect", roles: ["services"] },
    once: { ...entry, audience: "once", singleUse: true, roles: ["publishers"], preset: "gitlab" },
    digested: { ...entry, audience: "digested", bodyDigestClaim: "digest", roles: ["publishers"], preset: "gitlab" },
  },
  roles: {
    builders: {},
    publishers: {},
    tiny: { limit: { perMinute: 2 } },
    services: { call: ["introspection", "deliveries"] },
    managers: {},
  },
  upstreams: {
    registry: { audience: REGISTRY, allow, requests },
    wiki: {
      audience: "https://wiki.example.test",
      allow: [{ role: "managers", scopes: ["read"] }],
      requests: [{ methods: ["GET"], paths: ["/**"], scope: "read" }],
    },
    trial: {
      audience: "https://trial.example.test",
      mode: "shadow",
      allow: [{ role: "managers", scopes: ["read"] }],
      requests: [{ methods: ["GET"], paths: ["/**"], scope: "read" }],
    },
  },
};

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
const lines: string[] = [];

beforeAll(async () => {
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  bridge = await standaloneBridge({
    sections,
    log: jsonLog(
      (line) => void lines.push(line),
      () => "now",
    ),
    changes: {
      sources: {
        gitlab: { projects: ["platform/*"] },
        edge: { provider: "kong", token: { current: "env:EDGE" }, keep: { writes: true } },
      },
    },
    environment: { SIGNING: pem, EDGE },
    runMs: 4_000,
  });
});
afterAll(() => bridge.stop());

/** A token of a job of a pipeline whose end a source reports. */
const jobToken = (claims: object = {}, audience = "drawbridge"): Promise<string> =>
  tokenOfJob({ pipeline_id: "901", ...claims }, { audience });

/** An access token of the token endpoint. */
async function exchanged(subject_token: string, scope: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: EXCHANGE, subject_token, audience: "registry", scope });
  const response = await fetch(new URL("/oauth/token", bridge.url), { method: "POST", body });
  return ((await response.json()) as { access_token: string }).access_token;
}

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly token?: string | undefined;
  readonly upstream?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const callNginx = ({ method = "GET", target = "/v2/app", token, upstream = "registry", headers }: Asked) =>
  fetch(new URL(`/v1/authorize/nginx/${upstream}`, bridge.url), {
    headers: {
      "x-original-method": method,
      "x-original-uri": target,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
const callForward = ({ method = "GET", target = "/v2/app", token, upstream = "registry", headers }: Asked) =>
  fetch(new URL(`/v1/authorize/forward/${upstream}`, bridge.url), {
    headers: {
      "x-forwarded-method": method,
      "x-forwarded-uri": target,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
async function callOpa({ method = "GET", target = "/v2/app", token, upstream = "registry", headers }: Asked) {
  const asked = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
  const response = await fetch(new URL(`/v1/authorize/opa/${upstream}`, bridge.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      input: { client_ip: "10.0.0.1", request: { http: { method, path: target, headers: asked } } },
    }),
  });
  expect(response.status).toBe(200);
  const { result } = (await response.json()) as { result: OpaResult };
  return result;
}

interface OpaResult {
  readonly allow: boolean;
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message?: string;
}

const problemOf = async (response: Response) =>
  (await response.json()) as { readonly reason?: string; readonly instance: string };

async function audited(reason: string): Promise<readonly { readonly subject?: string; readonly principal: string }[]> {
  const token = await jobToken({ sub: "on-call" }, "introspect");
  const response = await fetch(new URL(`/v1/deliveries?outcome=audit&text=${encodeURIComponent(reason)}`, bridge.url), {
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await response.json()) as { deliveries: [] }).deliveries;
}

describe("a request that may pass", () => {
  it("every form of gateway gets the identity, and an access token for the upstream alone", async () => {
    const token = await jobToken();
    const answers = [await callNginx({ token }), await callForward({ token })];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const opa = await callOpa({ token });
    expect(opa.allow).toBe(true);
    const handed = [...answers.map(({ headers }) => headers), new Headers(opa.headers)];
    for (const headers of handed) {
      expect(headers.get("x-drawbridge-principal")).toBe("jobs:project_path:platform/docs:ref_type:branch:ref:main");
      expect(headers.get("x-drawbridge-trust-entry")).toBe("jobs");
      expect(headers.get("x-drawbridge-roles")).toBe("builders publishers");
      expect(headers.get("x-drawbridge-scope")).toBe("pull");
      const access = headers.get("x-drawbridge-token") ?? "";
      expect(decodeProtectedHeader(access)).toMatchObject({ alg: "ES256", typ: "at+jwt" });
      expect(decodeJwt(access)).toMatchObject({ iss: OWN_ISSUER, aud: REGISTRY, scope: "pull", trust_entry: "jobs" });
    }
    // One token for the same job and scope, whoever asks.
    expect(new Set(handed.map((headers) => headers.get("x-drawbridge-token"))).size).toBe(1);
    expect(
      (await callNginx({ token, method: "PUT", target: "/v2/app/uploads" })).headers.get("x-drawbridge-scope"),
    ).toBe("push");
  });

  it("the access token that it hands on passes for its own scope and upstream, and for no other", async () => {
    const access = (await callNginx({ token: await jobToken() })).headers.get("x-drawbridge-token") ?? "";
    const again = await callNginx({ token: access });
    expect(again.status).toBe(200);
    expect(again.headers.get("x-drawbridge-token")).toBe(access);
    expect(again.headers.get("x-drawbridge-principal")).toBe(
      "jobs:project_path:platform/docs:ref_type:branch:ref:main",
    );
    expect((await callNginx({ token: access, method: "PUT", target: "/v2/app/uploads" })).status).toBe(403);
    expect((await callNginx({ token: access, upstream: "wiki" })).status).toBe(403);
  });

  it("so does one of the token endpoint", async () => {
    const token = await exchanged(await jobToken(), "push");
    expect((await callForward({ token, method: "PUT", target: "/v2/app/uploads" })).status).toBe(200);
    expect((await callForward({ token })).status).toBe(403);
  });

  it("a token that is for one request passes once", async () => {
    const token = await jobToken({ jti: "used-once" }, "once");
    const answers = [await callNginx({ token }), await callForward({ token }), await callNginx({ token })];
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 401]);
  });

  it("a token that vouches for a body does not pass, because the gateway keeps the body", async () => {
    const token = await jobToken({ digest: createHash("sha256").update("").digest("base64url") }, "digested");
    for (let time = 0; time < 2; time++) {
      expect((await callNginx({ token })).status).toBe(401);
      expect(await callOpa({ token })).toMatchObject({ allow: false, status: 401 });
    }
  });

  it("a subject that no header can have is percent-encoded", async () => {
    const answer = await callNginx({ token: await jobToken({ sub: "a\ud800b ä%" }) });
    expect(answer.headers.get("x-drawbridge-principal")).toBe("jobs:a%EF%BF%BDb%20%C3%A4%25");
  });
});

describe("a request that is refused", () => {
  const cases: readonly (readonly [
    string,
    Omit<Asked, "token"> & { readonly claims?: object },
    number,
    string | undefined,
  ])[] = [
    [
      "a role that may not",
      { method: "PUT", target: "/v2/app/uploads", claims: { ref_protected: "false" } },
      403,
      "scope_forbidden",
    ],
    ["a scope that nobody has", { method: "DELETE" }, 403, "scope_forbidden"],
    ["no role of the upstream", { upstream: "wiki" }, 403, "role_missing"],
    ["a path that is not listed", { target: "/v1/app" }, 403, "asked_request_not_listed"],
    ["a method that is not listed", { method: "PATCH" }, 403, "asked_request_not_listed"],
    ["a method in small letters", { method: "get" }, 403, "asked_request_ambiguous"],
    ["another path in a header", { headers: { "x-original-url": "/admin" } }, 403, "asked_request_ambiguous"],
    [
      "another method in another spelling",
      { headers: { x_http_method_override: "PUT" } },
      403,
      "asked_request_ambiguous",
    ],
    [
      "the identity in another spelling",
      { headers: { x_drawbridge_principal: "root" } },
      403,
      "asked_request_ambiguous",
    ],
    ["a deeper path than the pattern", { method: "PUT", target: "/v2/a/b/uploads" }, 403, "asked_request_not_listed"],
    ["dot segments", { target: "/v2/../admin" }, 403, "asked_request_ambiguous"],
    ["an encoded slash", { target: "/v2/..%2Fadmin" }, 403, "asked_request_ambiguous"],
    ["another method in a header", { headers: { "x-http-method-override": "DELETE" } }, 403, "asked_request_ambiguous"],
    ["an upstream that is not there", { upstream: "none" }, 404, "upstream_unknown"],
    ["an upstream called constructor", { upstream: "constructor" }, 404, "upstream_unknown"],
    ["the token of a pipeline that no source reports", { claims: { project_path: "other/docs" } }, 403, "run_missing"],
    ["a token for another audience", { claims: { aud: REGISTRY } }, 401, undefined],
  ];

  it.each(cases)("by %s, in the words of each gateway", async (_, { claims, ...asked }, status, reason) => {
    const token = await jobToken(claims, claims && "aud" in claims ? String(claims.aud) : undefined);
    const [forward, nginx, opa] = [
      await callForward({ ...asked, token }),
      await callNginx({ ...asked, token }),
      await callOpa({ ...asked, token }),
    ];
    expect(forward.status).toBe(status);
    // nginx knows 401 and 403 only.
    expect(nginx.status).toBe(status === 401 ? 401 : 403);
    expect(opa).toMatchObject({ allow: false, status });
    for (const response of [forward, nginx]) {
      const problem = await problemOf(response);
      expect(problem.reason).toBe(reason);
      expect(opa.message).toMatch(/\([0-9a-f-]{36}\)$/);
      for (const name of ["principal", "token", "scope"])
        expect(response.headers.get(`x-drawbridge-${name}`)).toBeNull();
    }
  });

  it("without a token, with a foreign one and with two", async () => {
    const foreign = await generateKeyPair("RS256");
    const forged = await new SignJWT(JOB_CLAIMS)
      .setProtectedHeader({ alg: "RS256", kid: "jobs-1" })
      .setIssuer(GITLAB_ISSUER)
      .setAudience("drawbridge")
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(foreign.privateKey);
    const token = await jobToken();
    for (const asked of [
      {},
      { token: forged },
      { headers: { authorization: `Bearer ${token}, Bearer ${token}` } },
      { headers: { authorization: "Basic YTpi" } },
    ]) {
      const response = await callNginx(asked);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect((await callForward(asked)).status).toBe(401);
      expect(await callOpa(asked)).toMatchObject({ allow: false, status: 401 });
    }
  });

  it("above the rate of a role, with the time to wait for those that can pass it on", async () => {
    const token = await jobToken({ user_login: "hasty", sub: "hasty" });
    const access = await exchanged(token, "pull");
    // A minute may end between two requests.
    const answers: Response[] = [];
    while (answers.length < 6) answers.push(await callForward({ token }));
    expect(answers[0]?.status).toBe(200);
    const late = answers.find(({ status }) => status === 429);
    expect(Number(late?.headers.get("retry-after"))).toBeGreaterThan(0);
    const limit = Number(answers[0]?.headers.get("ratelimit-limit"));
    expect(limit).toBeGreaterThan(Number(answers[0]?.headers.get("ratelimit-remaining")));
    expect(late?.headers.get("ratelimit-remaining")).toBe("0");
    const byNginx: number[] = [];
    while (byNginx.length < 4) byNginx.push((await callNginx({ token })).status);
    expect(byNginx).toContain(403);
    const byAccess: number[] = [];
    while (byAccess.length < 4) byAccess.push((await callForward({ token: access })).status);
    expect(byAccess).toContain(429);
    const byOpa: OpaResult[] = [];
    while (byOpa.length < 4) byOpa.push(await callOpa({ token }));
    expect(byOpa).toContainEqual(expect.objectContaining({ allow: false, status: 429 }));
  });

  it("if the gateway does not say which request it is about", async () => {
    const token = await jobToken();
    const headers = { authorization: `Bearer ${token}`, "x-forwarded-method": "GET", "x-forwarded-uri": "/v2/app" };
    const nginx = await fetch(new URL("/v1/authorize/nginx/registry", bridge.url), { headers });
    expect(nginx.status).toBe(403);
    expect((await problemOf(nginx)).reason).toBe("asked_request_missing");
    const opa = await fetch(new URL("/v1/authorize/opa/registry", bridge.url), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ input: {} }),
    });
    // Kong answers 500 to everything but 200, so nothing passes.
    expect(opa.status).toBe(400);
    expect((await problemOf(opa)).reason).toBe("asked_request_missing");
  });

  it("it is in the audit once, with the upstream and the reason, and no query is recorded or logged", async () => {
    const token = await jobToken({ ref_protected: "false", sub: "one-that-is-audited" });
    for (let time = 0; time < 3; time++)
      await callForward({ token, method: "PUT", target: `/v2/app/uploads?secret=${CANARY}` });
    expect(await audited("registry scope_forbidden")).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ what: "upstream_refused", subject: "registry scope_forbidden" }),
      ]),
    );
    const ofCaller = (await audited("")).filter((one) => JSON.stringify(one).includes("one-that-is-audited"));
    expect(ofCaller).toHaveLength(1);
    expect(JSON.stringify(await audited(""))).not.toContain(CANARY);
    expect(lines.join()).not.toContain(CANARY);
  });
});

describe("an upstream in shadow mode", () => {
  it("lets everything pass, and says and records what it would refuse", async () => {
    const token = await jobToken({ sub: "in-the-shadow" });
    const refused = await callNginx({ token, upstream: "trial" });
    expect(refused.status).toBe(200);
    expect(refused.headers.get("x-drawbridge-would-refuse")).toBe("role_missing");
    // No gateway keeps a header that the client sent.
    for (const name of ["principal", "token", "roles", "scope", "trust-entry"])
      expect(refused.headers.get(`x-drawbridge-${name}`)).toBe("");
    expect(await audited("trial role_missing")).toMatchObject([
      { what: "upstream_refused_in_shadow", subject: "trial role_missing" },
    ]);
    expect(await foundBy("shadow=true")).toMatchObject([
      { subject: "trial role_missing", shadowRejection: { reason: "role_missing" } },
    ]);
    expect(await foundBy("type=upstream_refused&limit=200")).not.toContainEqual(
      expect.objectContaining({ subject: "trial role_missing" }),
    );
    const nobody = await callForward({ upstream: "trial" });
    expect(nobody.status).toBe(200);
    expect(nobody.headers.get("x-drawbridge-would-refuse")).toBe("credential_missing");
    expect(await callOpa({ upstream: "trial" })).toMatchObject({
      allow: true,
      headers: { "X-Drawbridge-Would-Refuse": "credential_missing" },
    });
  });
});

interface Shown {
  readonly id: string;
  readonly what: string;
  readonly source: string;
  readonly principal: { readonly subject: string };
}

/** What on-call is shown of a path of the API. */
async function shown<T>(path: string): Promise<T> {
  const token = await jobToken({ sub: "on-call" }, "introspect");
  const response = await fetch(new URL(path, bridge.url), { headers: { authorization: `Bearer ${token}` } });
  return (await response.json()) as T;
}
const foundBy = async (query: string): Promise<readonly Shown[]> =>
  (await shown<{ deliveries: readonly Shown[] }>(`/v1/deliveries?${query}`)).deliveries;

/** Kong's record of one request. */
function logged(
  fixture: string,
  { status = 403, correlation = "", decision = "", id = randomUUID().replaceAll("-", "") },
) {
  const body = bodyOf("kong", fixture);
  const headers = { "x-kong-request-id": id, "x-drawbridge-request": decision };
  const request = { ...Object(body["request"]), id, uri: "/v2/app/uploads" };
  return { ...body, request, response: { status, headers }, correlation_id: correlation };
}
const sendLog = (records: readonly object[], token = EDGE) =>
  fetch(new URL("/webhooks/edge", bridge.url), {
    method: "POST",
    headers: { "content-type": "application/json", "x-kong-token": token },
    body: JSON.stringify(records),
  });

describe("a job that a gateway refused first", () => {
  it("one correlation id finds the decision, the refusal, the call that passed, and the run and the page after it", async () => {
    const correlation = randomUUID();
    const push = { method: "PUT", target: "/v2/app/uploads", headers: { "x-correlation-id": correlation } };
    const job = { sub: "job-with-a-correlation-id", job_id: "45127" };
    // The branch is not protected, so the job may not push.
    const refused = await callForward({ ...push, token: await jobToken({ ...job, ref_protected: "false" }) });
    expect(refused.status).toBe(403);
    const decision = refused.headers.get("x-drawbridge-request") ?? "";
    const batch = [logged("refused-forbidden", { correlation, decision })];
    // Kong sends a batch again of which it got no answer.
    expect([(await sendLog(batch)).status, (await sendLog(batch)).status]).toEqual([202, 200]);
    // Somebody protects the branch.
    expect((await callForward({ ...push, token: await jobToken(job) })).status).toBe(200);
    await sendLog([logged("passed", { status: 201, correlation })]);
    const edit = { timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } };
    const answer = await bridge.pageEdit(edit, { "x-correlation-id": correlation });
    const { delivery } = (await answer.json()) as { readonly delivery: string };

    const page = () => bridge.confluence.page(PAGE).latest.body;
    await until("the page to show PASSED", page, (body) => body.includes("PASSED"));
    const found = await until(
      "all of them to be listed",
      () => foundBy(`correlation=${correlation}`),
      (all) => all.length === 4,
    );
    const whats = found.map(({ what }) => what);
    expect(whats.sort()).toEqual(["gateway.passed", "gateway.refused", "page.updated", "upstream_refused"]);
    expect(found.find(({ what }) => what === "upstream_refused")?.principal.subject).toBe(job.sub);
    expect((await foundBy(`find=${correlation}`)).map(({ id }) => id)).toEqual(found.map(({ id }) => id));
    // The id that the job was told leads to who was refused and to what the gateway said.
    expect((await foundBy(`correlation=${decision}`)).map(({ what }) => what).sort()).toEqual([
      "gateway.refused",
      "upstream_refused",
    ]);
    // So does the job.
    expect((await foundBy("outcome=audit&run=45127")).map(({ what }) => what)).toContain("upstream_refused");
    for (const query of ["run=45127", "find=45127", "type=upstream_refused"])
      expect((await foundBy(query)).map(({ what }) => what)).toContain("upstream_refused");
    expect((await foundBy("outcome=event&type=upstream_refused")).length).toBe(0);
    // An act of the audit is found by its whole name, and fills no other list.
    const acts = (await foundBy("type=token_exchanged")).map(({ what }) => what);
    expect([...new Set(acts)]).toEqual(["token_exchanged"]);
    for (const query of ["limit=200", "type=t"])
      expect((await foundBy(query)).map(({ what }) => what)).not.toContain("token_exchanged");
    const { reported } = await shown<{ reported: { newest: readonly { what: string; subject: string }[] } }>(
      "/v1/overview",
    );
    expect(reported.newest).toContainEqual(
      expect.objectContaining({ what: "upstream_refused", subject: "registry scope_forbidden" }),
    );
    const timeline = JSON.stringify(await shown(`/v1/deliveries/${delivery}`));
    expect(timeline).toContain("page-build");
    // All of it is one thread, from the refusal to the page.
    const thread = JSON.stringify(await shown(`/v1/threads?correlation=${correlation}`));
    for (const step of ["upstream_refused registry", "PUT /v2/app/uploads", "page-build"])
      expect(thread).toContain(step);
  });

  it("refused again within ten minutes, the id that it gets and its correlation id lead to its record", async () => {
    const job = { sub: "job-that-tries-again", job_id: "45128", ref_protected: "false" };
    const refuse = async (correlation: string) => {
      const token = await jobToken(job);
      const headers = { "x-correlation-id": correlation };
      const answer = await callForward({ method: "PUT", target: "/v2/app/uploads", headers, token });
      expect(answer.status).toBe(403);
      return answer.headers.get("x-drawbridge-request") ?? "";
    };
    const first = await refuse(randomUUID());
    const [{ id } = { id: "" }] = await foundBy(`correlation=${first}`);
    for (let time = 0; time < 3; time++) {
      const correlation = randomUUID();
      const again = await refuse(correlation);
      for (const query of [`correlation=${again}`, `find=${again}`, `correlation=${correlation}`])
        expect((await foundBy(query)).map((found) => found.id)).toEqual([id]);
      expect(await shown(`/v1/deliveries?find=${again}`)).toMatchObject({ repeatOf: id });
      expect(JSON.stringify(await shown(`/v1/threads?correlation=${again}`))).toContain(id);
    }
    expect(await shown(`/v1/deliveries?find=${first}`)).not.toHaveProperty("repeatOf");
    // Another scope is no repeat.
    const headers = { "x-correlation-id": randomUUID() };
    await callForward({ method: "DELETE", target: "/v2/app", headers, token: await jobToken(job) });
    const [other, ...rest] = await foundBy(`find=${headers["x-correlation-id"]}`);
    expect([other?.id, rest]).toEqual([expect.not.stringMatching(`^${id}$`), []]);
  });

  it("a text that is no correlation id is neither kept nor looked for", async () => {
    const planted = `glpat-${"a1".repeat(12)}`;
    const edit = { timestamp: 1_793_600_000_001, event: "page_updated", page: { id: Number(PAGE) } };
    const answer = await bridge.pageEdit(edit, { "x-correlation-id": planted });
    const { delivery } = (await answer.json()) as { readonly delivery: string };
    expect(JSON.stringify(await shown(`/v1/deliveries/${delivery}`))).not.toContain(planted);
    expect(await shown(`/v1/deliveries?correlation=${planted}`)).toMatchObject({ reason: "query_invalid" });
  });
});

/** What gateways say about a client, as somebody would write it who wants to be an administrator. */
const spoofed = (token: string): readonly (readonly [name: string, value: string])[] => [
  ["X-Consumer-ID", "ae974d6c-0f8a-4dc5-b701-fa0aa38592bd"],
  ["X-Consumer-Custom-ID", GITLAB_ISSUER],
  ["X-Consumer-Username", "on-call"],
  ["X-Consumer-Groups", "on-call, services"],
  ["X-Authenticated-Groups", "on-call, services"],
  ["X-Credential-Identifier", "services"],
  ["X-Anonymous-Consumer", "true"],
  ["X-Userinfo", Buffer.from(JSON.stringify({ sub: "on-call", roles: ["services"] })).toString("base64")],
  ["X-Access-Token", token],
  ["X-ID-Token", token],
  ["X-Forwarded-Access-Token", token],
  ["X-Drawbridge-Token", token],
  ["X-Drawbridge-Principal", "services:on-call"],
  ["X-Drawbridge-Roles", "services publishers"],
  ["X-Drawbridge-Trust-Entry", "services"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Forwarded-Proto", "https"],
  ["X-Forwarded-Host", "bridge.example.com"],
  ["X-Forwarded-Port", "443"],
  ["X-Forwarded-Prefix", "/admin"],
  ["X-Forwarded-User", "on-call"],
  ["X-Forwarded-Client-Cert", "By=spiffe://a;Subject=CN=on-call"],
  ["X-Real-IP", "127.0.0.1"],
  ["X-Client-Cert", "-----BEGIN%20CERTIFICATE-----"],
  ["X-Client-Verify", "SUCCESS"],
  ["X-SSL-Client-S-DN", "CN=on-call"],
  ["X-Auth-Request-User", "on-call"],
  ["X-Auth-Request-Groups", "services"],
  ["X-Remote-User", "on-call"],
  ["Remote-User", "on-call"],
  ["X-Amzn-Oidc-Data", token],
  ["X-Pomerium-Jwt-Assertion", token],
  ["X-Kong-Request-Id", "2f6946328ffc4946b8c9120704a4a155"],
];

describe("headers in which a gateway says who the client is", () => {
  /** Every call of the API, with something in place of each parameter. */
  const calls = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path.replace(/\{[^}]+\}/g, "registry")] as const),
  );
  const sent = async (method: string, path: string, headers: Readonly<Record<string, string>>) => {
    const response = await fetch(new URL(path, bridge.url), { method, headers });
    const text = await response.text();
    const { reason, result } = text.startsWith("{") ? JSON.parse(text) : {};
    const handed = ["principal", "roles", "scope", "trust-entry"].map((name) =>
      response.headers.get(`x-drawbridge-${name}`),
    );
    return {
      status: response.status,
      reason,
      handed,
      allow: result?.allow,
      challenge: response.headers.get("www-authenticate"),
    };
  };

  it("change nothing in any call, whoever makes it", async () => {
    const privileged = await jobToken({ sub: "on-call" }, "introspect");
    const headers = Object.fromEntries(spoofed(privileged));
    const asked = {
      "x-original-method": "GET",
      "x-original-uri": "/v2/app",
      "x-forwarded-method": "GET",
      "x-forwarded-uri": "/v2/app",
    };
    const callers = [
      {},
      { authorization: "Bearer nonsense" },
      { authorization: `Bearer ${await jobToken({ ref_protected: "false", sub: "small" })}` },
      { authorization: `Bearer ${privileged}` },
    ];
    expect(calls.length).toBeGreaterThan(40);
    for (const [method, path] of calls) {
      for (const caller of callers) {
        const plain = await sent(method, path, { ...asked, ...caller });
        expect(await sent(method, path, { ...headers, ...asked, ...caller }), `${method} ${path}`).toEqual(plain);
      }
    }
  }, 60_000);

  it("change neither who sent a delivery nor what it means", async () => {
    const headers = Object.fromEntries(spoofed(await jobToken({ sub: "on-call" }, "introspect")));
    const recorded = async (timestamp: number, more: Readonly<Record<string, string>>) => {
      const edit = { timestamp, event: "page_updated", page: { id: Number(PAGE) } };
      const answer = await bridge.pageEdit(edit, more);
      const { delivery } = (await answer.json()) as { readonly delivery: string };
      return shown<Shown & { readonly roles?: unknown }>(`/v1/deliveries/${delivery}`);
    };
    const [plain, spoof] = [await recorded(1_793_600_000_002, {}), await recorded(1_793_600_000_003, headers)];
    expect(spoof.principal).toEqual(plain.principal);
    expect(spoof.what).toBe(plain.what);
    expect(JSON.stringify(spoof)).not.toContain("on-call");
    expect((await sendLog([logged("refused-forbidden", {})], "another")).status).toBe(401);
  });
});
