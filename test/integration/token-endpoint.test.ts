import { execFile, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { blocksOf, readText } from "../support/documents.ts";
import { GITLAB_ISSUER, JOB_CLAIMS, jobKeySet, jobToken } from "../support/gitlab-jobs.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";

const CLUSTER = "https://cluster.example.test";
const OWN_ISSUER = "http://127.0.0.1:1";
const REGISTRY = "https://registry.example.test";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const entry = { issuer: GITLAB_ISSUER, jwks: { inline: jobKeySet } };
const sections = {
  identity: { issuer: OWN_ISSUER, keys: ["env:SIGNING"] },
  issuers: {
    jobs: { ...entry, preset: "gitlab", audience: "drawbridge", roles: ["builders"] },
    services: { ...entry, audience: "introspect", roles: ["services"] },
    pods: {
      preset: "kubernetes",
      issuer: CLUSTER,
      jwks: { inline: jobKeySet },
      audience: "drawbridge",
      roles: ["builders"],
    },
  },
  roles: { builders: {}, services: { call: ["introspection", "deliveries"] }, deployers: {} },
  upstreams: {
    registry: { audience: REGISTRY, minutes: 10, allow: [{ role: "builders", scopes: ["pull", "push"] }] },
    cluster: { audience: "https://k8s.example.test", allow: [{ role: "deployers", scopes: ["deploy"] }] },
  },
};

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;

beforeAll(async () => {
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  bridge = await standaloneBridge({
    sections,
    changes: {
      sources: { gitlab: { projects: ["platform/*"] } },
      targets: { listener: { originKey: { current: "env:ORIGIN" }, namespaces: ["ci"] } },
    },
    environment: { SIGNING: pem, ORIGIN: "key-of-the-origin-for-tests" },
    runMs: 4_000,
  });
});
afterAll(() => bridge.stop());

let pipelines = 900;
const newPipeline = (): string => String(++pipelines);

const post = (path: string, form: Record<string, string> | string, headers: Record<string, string> = {}) =>
  fetch(new URL(path, bridge.url), {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form).toString(),
  });

async function exchange(subject_token: string, more: Record<string, string> = {}) {
  const response = await post("/oauth/token", { grant_type: EXCHANGE, subject_token, audience: "registry", ...more });
  const body: unknown = await response.json();
  return { status: response.status, headers: response.headers, body: body as Record<string, string | number> };
}

async function introspect(token: string) {
  const caller = await jobToken({ sub: "registry" }, { audience: "introspect" });
  const response = await post("/oauth/introspect", { token }, { authorization: `Bearer ${caller}` });
  return (await response.json()) as Record<string, unknown>;
}

const ended = (id: string, finishedAt: Date, status = "success") => ({
  object_kind: "pipeline",
  object_attributes: {
    id: Number(id),
    ref: "main",
    sha: "5a1f".repeat(10),
    source: "push",
    status,
    created_at: new Date(finishedAt.getTime() - 60_000).toISOString(),
    finished_at: finishedAt.toISOString(),
  },
  project: { id: 20, path_with_namespace: "platform/docs", web_url: `${GITLAB_ISSUER}/platform/docs` },
});

describe("the exchange of a job's token", () => {
  it("a job gets an access token that another library verifies, for the upstream alone, and that names who is behind it", async () => {
    const pipeline = newPipeline();
    const { status, headers, body } = await exchange(await jobToken({ pipeline_id: pipeline }), { scope: "pull" });
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 600, scope: "pull" });
    expect(body["issued_token_type"]).toBe("urn:ietf:params:oauth:token-type:access_token");
    const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", bridge.url));
    const checks = { issuer: OWN_ISSUER, audience: REGISTRY, typ: "at+jwt" };
    const { payload } = await jwtVerify(String(body["access_token"]), keys, checks);
    expect(payload).toMatchObject({
      sub: `jobs:${JOB_CLAIMS.sub}`,
      client_id: "jobs",
      scope: "pull",
      initiator: { id: "7", name: "kim", proof: "jobs" },
      run: { keys: [`gitlab/${pipeline}`] },
    });
    expect(await introspect(String(body["access_token"]))).toMatchObject({ active: true, ...payload });
  });

  it("the discovery document names the endpoint, as RFC 8414 has it", async () => {
    const response = await fetch(new URL("/.well-known/openid-configuration", bridge.url));
    expect(await response.json()).toMatchObject({
      token_endpoint: `${OWN_ISSUER}/oauth/token`,
      introspection_endpoint: `${OWN_ISSUER}/oauth/introspect`,
      grant_types_supported: [EXCHANGE],
    });
  });

  it("without a scope it gets all that its roles allow, and never outlives the token that it was exchanged for", async () => {
    const token = await jobToken({ pipeline_id: newPipeline() }, { lifetime: 130 });
    const { body } = await exchange(token);
    expect(body["scope"]).toBe("pull push");
    expect(body["expires_in"]).toBeLessThanOrEqual(120);
    const { exp } = decodeJwt(String(body["access_token"]));
    expect(exp).toBeLessThanOrEqual(decodeJwt(token).exp ?? 0);
  });

  it.each<[string, Record<string, string>, object]>([
    ["another grant", { grant_type: "client_credentials" }, { error: "unsupported_grant_type" }],
    [
      "an upstream that does not exist",
      { audience: "nothing" },
      { error: "invalid_target", reason: "upstream_unknown" },
    ],
    ["the name of a member of every object", { audience: "constructor" }, { error: "invalid_target" }],
    ["an upstream for others", { audience: "cluster" }, { error: "invalid_target", reason: "role_missing" }],
    ["a scope for nobody", { scope: "pull admin" }, { error: "invalid_scope", reason: "scope_forbidden" }],
    ["an actor", { actor_token: "x" }, { error: "invalid_request" }],
    [
      "a SAML assertion",
      { subject_token_type: "urn:ietf:params:oauth:token-type:saml2" },
      { error: "invalid_request" },
    ],
    [
      "a refresh token",
      { requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" },
      { error: "invalid_request" },
    ],
    ["no audience", { audience: "" }, { error: "invalid_request" }],
    ["a resource", { resource: REGISTRY }, { error: "invalid_request" }],
    ["a blank scope", { scope: " " }, { error: "invalid_request" }],
    ["a scope that is too long", { scope: "x".repeat(101) }, { error: "invalid_request", reason: "body_invalid" }],
  ])("a request for %s is refused in the form of RFC 6749", async (_, more, error) => {
    const { status, headers, body } = await exchange(await jobToken({ pipeline_id: newPipeline() }), more);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    expect(body).toMatchObject({ ...error, error_description: expect.any(String), instance: expect.any(String) });
    expect(body).not.toHaveProperty("access_token");
  });

  it("a repeated parameter, JSON and an empty form are refused", async () => {
    const twice = await post("/oauth/token", `grant_type=${EXCHANGE}&audience=registry&audience=cluster`);
    expect([twice.status, (await twice.json()) as object]).toMatchObject([400, { error: "invalid_request" }]);
    expect((await post("/oauth/token", {}, { "content-type": "application/json" })).status).toBe(400);
    expect((await post("/oauth/token", "a=b", { "content-type": "application/json" })).status).toBe(415);
    expect((await fetch(new URL("/oauth/token", bridge.url))).status).toBe(405);
  });

  it.each<[string, () => Promise<string>]>([
    ["for another audience", () => jobToken({ pipeline_id: "1" }, { audience: "https://gitlab.example.test" })],
    ["that has expired", () => jobToken({ pipeline_id: "1" }, { issuedAgo: 4_000 })],
    ["of an unknown issuer", async () => (await jobToken({})).replace(/^[^.]+/, "e30")],
    ["that is no JWT", async () => "x".repeat(40)],
  ])("a token %s gets the one answer that says nothing", async (_, token) => {
    const { status, body } = await exchange(await token());
    expect(status).toBe(400);
    expect(body).toEqual({
      error: "invalid_request",
      error_description: "The sender could not be authenticated",
      instance: expect.any(String),
    });
  });

  it("a token of the bridge itself is no subject token", async () => {
    const { body } = await exchange(await jobToken({ pipeline_id: newPipeline() }));
    expect((await exchange(String(body["access_token"]))).status).toBe(400);
  });

  it("a token that belongs to no run is refused, because nothing would end what it gets", async () => {
    const { body } = await exchange(await jobToken({}));
    expect(body).toMatchObject({ error: "invalid_request", reason: "run_missing" });
  });

  it("a token whose run's end nobody reports is refused: of another project, or without the time of its issue", async () => {
    const elsewhere = { project_path: "other/docs", project_id: "21", namespace_path: "other" };
    for (const claims of [elsewhere, { iat: undefined }]) {
      const { body } = await exchange(await jobToken({ pipeline_id: newPipeline(), ...claims }));
      expect(body).toMatchObject({ error: "invalid_request", reason: "run_missing" });
    }
  });

  it("every exchange is recorded with who asked, and no token is", async () => {
    const token = await jobToken({ pipeline_id: newPipeline() });
    const { body } = await exchange(token, { scope: "push" });
    const caller = await jobToken({ sub: "registry" }, { audience: "introspect" });
    const listed = await fetch(new URL("/v1/deliveries?outcome=audit&type=token_exchanged", bridge.url), {
      headers: { authorization: `Bearer ${caller}` },
    });
    const text = await listed.text();
    expect((JSON.parse(text) as { deliveries: object[] }).deliveries[0]).toMatchObject({
      subject: "registry push",
      principal: { subject: JOB_CLAIMS.sub, trustEntry: "jobs" },
    });
    expect(text).not.toContain(token.split(".")[2]);
    expect(text).not.toContain(String(body["access_token"]).split(".")[2]);
  });
});

describe("the end of a run", () => {
  it.each(["success", "failed", "canceled"])("ends its tokens within five seconds: %s", async (status) => {
    const pipeline = newPipeline();
    const token = await jobToken({ pipeline_id: pipeline });
    const issued = String((await exchange(token)).body["access_token"]);
    const other = String((await exchange(await jobToken({ pipeline_id: newPipeline() }))).body["access_token"]);
    expect((await bridge.gitlabPipeline(ended(pipeline, new Date(), status))).status).toBe(202);
    await expect.poll(() => introspect(issued), { timeout: 5_000 }).toEqual({ active: false });
    expect(await introspect(other)).toMatchObject({ active: true });
    expect((await exchange(token)).body).toMatchObject({ error: "invalid_request", reason: "run_ended" });
  });

  it("ends the tokens of a child pipeline with a name, and of a project whose path changed meanwhile", async () => {
    for (const [claims, changes] of [
      [{ pipeline_source: "parent_pipeline" }, { source: "parent_pipeline", name: "Child build" }],
      [{ pipeline_source: "webide" }, { source: "webide" }],
      [{}, {}],
    ] as const) {
      const pipeline = newPipeline();
      const issued = String(
        (await exchange(await jobToken({ pipeline_id: pipeline, ...claims }))).body["access_token"],
      );
      const { object_attributes, ...rest } = ended(pipeline, new Date());
      const project = { ...rest.project, path_with_namespace: "platform/documents" };
      const report = { ...rest, project, object_attributes: { ...object_attributes, ...changes } };
      expect((await bridge.gitlabPipeline(report)).status).toBe(202);
      await expect.poll(() => introspect(issued), { timeout: 5_000 }).toEqual({ active: false });
    }
  });

  it("a pipeline that is run again gets tokens again, and an old report of its end ends none of them", async () => {
    const pipeline = newPipeline();
    const firstEnd = new Date(Date.now() - 60_000);
    const old = String(
      (await exchange(await jobToken({ pipeline_id: pipeline }, { issuedAgo: 90 }))).body["access_token"],
    );
    await bridge.gitlabPipeline(ended(pipeline, firstEnd));
    await expect.poll(() => introspect(old), { timeout: 5_000 }).toEqual({ active: false });
    const again = await exchange(await jobToken({ pipeline_id: pipeline }, { issuedAgo: 20 }));
    expect(again.status).toBe(200);
    await bridge.gitlabPipeline(ended(pipeline, firstEnd, "failed"));
    expect(await introspect(String(again.body["access_token"]))).toMatchObject({ active: true });
  });
});

describe("the token of a pod", () => {
  const shown = ({ delivery, name, proof }: Run) => ({
    drawbridge_run: name,
    drawbridge_delivery: delivery,
    drawbridge_proof: proof,
  });

  it("is exchanged for one that names the run and the person behind it, stands in the timeline, and ends with the run", async () => {
    const run = await startedRun();
    const { status, body } = await exchange(await podToken(run), { ...shown(run), scope: "pull" });
    expect([status, body]).toEqual([200, expect.anything()]);
    const token = String(body["access_token"]);
    expect(decodeJwt(token)).toMatchObject({
      sub: "pods:system:serviceaccount:ci:builder",
      run: { keys: [`cluster/ci/${run.name}`], since: 0 },
      delivery: run.delivery,
      initiator: { id: "ff80", proof: "source:wiki" },
    });
    const caller = await jobToken({ sub: "registry" }, { audience: "introspect" });
    const response = await fetch(new URL(`/v1/deliveries/${run.delivery}`, bridge.url), {
      headers: { authorization: `Bearer ${caller}` },
    });
    expect(await response.text()).toContain('"kind":"token_exchanged","upstream":"registry","scope":"pull"');
    await expect.poll(() => introspect(token), { timeout: 12_000 }).toEqual({ active: false });
    // Also with a token that the cluster issued later, as for another pod.
    expect((await exchange(await podToken(run, "ci", -3), shown(run))).body).toMatchObject({ reason: "run_ended" });
  });

  it("is refused without the proof of its run, and with that of another run, delivery or namespace", async () => {
    const [run, other] = [await startedRun(), await startedRun()];
    for (const [token, sent] of [
      [await podToken(run), {}],
      [await podToken(run), { ...shown(run), drawbridge_proof: "" }],
      [await podToken(run), { ...shown(run), drawbridge_proof: other.proof }],
      [await podToken(run), { ...shown(run), drawbridge_delivery: other.delivery }],
      [await podToken(run), { ...shown(run), drawbridge_run: other.name }],
      [await podToken(run, "cd"), shown(run)],
    ] as const)
      expect((await exchange(token, sent)).body).toMatchObject({ error: "invalid_request", reason: "run_missing" });
    expect((await exchange(await podToken(run), shown(run))).status).toBe(200);
  });
});

describe("introspection", () => {
  it("only holders of the role may ask, and learn nothing about what is no token of an upstream", async () => {
    const job = await jobToken({ pipeline_id: newPipeline() });
    const { access_token } = (await exchange(job)).body;
    const token = String(access_token);
    expect((await post("/oauth/introspect", { token })).status).toBe(401);
    expect((await post("/oauth/introspect", { token }, { authorization: `Bearer ${job}` })).status).toBe(403);
    expect(await introspect(job)).toEqual({ active: false });
    expect(await introspect("x")).toEqual({ active: false });
    const [header, payload, signature] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), scope: "admin" })).toString("base64url");
    expect(await introspect([header, forged, signature].join("."))).toEqual({ active: false });
    // A token for a listener has the same key and issuer.
    const { kid = "" } = decodeProtectedHeader(token);
    const signed = (typ: string) =>
      new SignJWT(decodeJwt(token)).setProtectedHeader({ alg: "ES256", kid, typ }).sign(privateKey);
    expect(await introspect(await signed("at+jwt"))).toMatchObject({ active: true });
    expect(await introspect(await signed("JWT"))).toEqual({ active: false });
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
    expect(await introspect([none, payload, ""].join("."))).toEqual({ active: false });
  });
});

/** A page edit, and the run that it starts. */
async function startedRun() {
  const version = ++pages;
  const response = await bridge.pageEdit({
    event: "page_updated",
    timestamp: Date.now(),
    userKey: "ff80",
    accountId: "ff80",
    page: { id: 98310, spaceKey: "ENG", title: "Release", version, modificationDate: Date.now() },
    updateTrigger: "edit_page",
  });
  expect(response.status).toBe(202);
  const { delivery } = (await response.json()) as { readonly delivery: string };
  const runs = () => [...bridge.listener.runs.values()];
  const found = () => runs().find(({ annotations }) => annotations["drawbridge.dev/delivery"] === delivery);
  await expect.poll(found, { timeout: 5_000 }).toBeDefined();
  const run = found();
  return { delivery, name: run?.name ?? "", proof: run?.annotations["drawbridge.dev/proof"] ?? "" };
}
let pages = 0;
type Run = Awaited<ReturnType<typeof startedRun>>;

const podToken = (run: Run, namespace = "ci", issuedAgo = 10) =>
  jobToken(
    {
      iss: CLUSTER,
      sub: `system:serviceaccount:${namespace}:builder`,
      aud: ["drawbridge"],
      "kubernetes.io": { namespace, serviceaccount: { name: "builder" }, pod: { name: `${run.name}-build-pod` } },
    },
    { issuedAgo },
  );

const hasTools = ["bash", "curl", "jq"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

describe.skipIf(!hasTools)("the scripts of docs/token-endpoint.md", () => {
  const PAGE = readText("docs/token-endpoint.md");
  const yamlWith = (text: string) => parse(blocksOf(PAGE, "yaml").find((block) => block.includes(text)) ?? "");

  const uploaded = (command: string): string =>
    command.replaceAll(/\$\$|\$\w+/g, (found) => (found === "$$" ? "$" : ""));

  it.each<[string, () => string]>([
    ["a GitLab job", () => yamlWith("# .gitlab-ci.yml").publish.script[0]],
    // The upload of a pipeline makes one dollar of two, and puts values in place of one.
    ["a Buildkite step", () => uploaded(yamlWith("# .buildkite/pipeline.yml").steps[0].command)],
    ["a Tekton Task", () => yamlWith("kind: Task").spec.steps[0].script],
  ])("%s gets an access token with its own token", async (system, script) => {
    const folder = await mkdtemp(join(tmpdir(), "drawbridge-exchange-"));
    try {
      const run = await startedRun();
      const token = await (system === "a Tekton Task" ? podToken(run) : jobToken({ pipeline_id: newPipeline() }));
      const file = join(folder, "token");
      await writeFile(file, token);
      const agent = join(folder, "buildkite-agent");
      await writeFile(agent, `#!/bin/sh\necho "${token}"\n`);
      await chmod(agent, 0o755);
      const env = {
        PATH: `${folder}:${process.env["PATH"]}`,
        DRAWBRIDGE_URL: new URL(bridge.url).origin,
        DRAWBRIDGE_TOKEN: token,
        TOKEN_FILE: file,
        RUN: run.name,
        DELIVERY: run.delivery,
        PROOF: run.proof,
      };
      const { stdout } = await promisify(execFile)("bash", ["-ec", `${script()}\nprintf %s "$access_token"`], { env });
      const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", bridge.url));
      const { payload } = await jwtVerify(stdout, keys, { issuer: OWN_ISSUER, audience: REGISTRY, typ: "at+jwt" });
      expect(payload["scope"]).toBe("push");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
