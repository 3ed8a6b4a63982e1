import { execFile, spawnSync } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { selfSigned, testAuthority } from "../support/certificates.ts";
import { commandLine } from "../support/command-line.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { type GatewayName, isInstalled, startGateway } from "../support/gateway-programs.ts";
import { type IdentityProvider, type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { JOB_ISSUERS } from "../support/issuers/jobs.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const PAGE = readText("docs/calling-protected-services.md");
const FOLDER = "examples/protected-service";
const BRIDGE = "https://bridge.example.com";
const REGISTRY = "https://registry.example.com";
const ORGANIZATION = "0190a1b2-0000-4000-8000-000000000001";

const text = v.string();
const gitlab = v.parse(
  v.object({
    "push-manifest": v.object({
      id_tokens: v.record(text, v.object({ aud: text })),
      variables: v.record(text, text),
      script: v.tuple([text]),
    }),
  }),
  parse(readText(`${FOLDER}/gitlab-ci.yml`)),
)["push-manifest"];
const [buildkite] = v.parse(
  v.object({ steps: v.tuple([v.object({ env: v.record(text, text), command: text })]) }),
  parse(readText(`${FOLDER}/buildkite-pipeline.yml`)),
).steps;
const [tekton] = v.parse(
  v.object({
    spec: v.object({ steps: v.tuple([v.object({ env: v.array(v.object({ name: text })), script: text })]) }),
  }),
  parse(readText(`${FOLDER}/tekton-task.yaml`)),
).spec.steps;

const PROGRAMS = ["sh", "curl", "jq"];
const missing = [
  ...PROGRAMS.filter((program) => spawnSync(program, ["--version"]).error !== undefined),
  ...(["nginx", "caddy"] as const).filter((name) => !isInstalled(name)),
];

type Claims = Readonly<Record<string, unknown>>;

/** A job or pod whose tokens have the documented form of its system. Each token is of another job. */
function jobOf(preset: "gitlab" | "buildkite" | "kubernetes", changes: () => Claims = () => ({})): MachineClient {
  const { claims = {}, issuer = "", lifetime = 300 } = JOB_ISSUERS.find((one) => one.preset === preset) ?? {};
  return {
    id: randomUUID(),
    secret: randomUUID(),
    lifetimeSeconds: lifetime,
    instead: {
      get claims() {
        return { iss: issuer, ...claims, aud: BRIDGE, job_id: randomUUID(), ...changes() };
      },
      header: { typ: "JWT" },
    },
  };
}

const podOf = (account: () => string): MachineClient =>
  jobOf("kubernetes", () => {
    const name = account();
    const pod = { namespace: "ci", serviceaccount: { name }, pod: { name: "docs-build-x7k2p-push-pod" } };
    return {
      iss: "https://oidc.example.com/prod-cluster",
      sub: `system:serviceaccount:ci:${name}`,
      "kubernetes.io": pod,
    };
  });

const CALLERS = {
  protectedBranch: jobOf("gitlab"),
  otherBranch: jobOf("gitlab", () => ({ ref: "topic-1", ref_protected: "false" })),
  otherAudience: jobOf("gitlab", () => ({ aud: "https://vault.example.com" })),
  mainBuild: jobOf("buildkite", () => ({ organization_id: ORGANIZATION, build_id: randomUUID() })),
  topicBuild: jobOf("buildkite", () => ({ organization_id: ORGANIZATION, build_branch: "topic-1" })),
  publisherPod: podOf(() => "publisher"),
  // Refusals of one account within ten minutes have one record.
  otherPod: podOf(() => `account-${randomUUID()}`),
  onCall: { id: "on-call", secret: "secret-of-on-call", claims: { groups: ["on-call"] } },
} as const satisfies Record<string, MachineClient>;

let identity: IdentityProvider;
let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
let folder: string;
const gateways: Awaited<ReturnType<typeof startGateway>>[] = [];

/** What reached the service behind the gateways. */
const reached: { readonly method: string | undefined; readonly body: string; readonly token: string }[] = [];
const service = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += String(chunk);
  });
  request.on("end", () => {
    const { method, headers } = request;
    reached.push({ method, body, token: headers.authorization?.replace("Bearer ", "") ?? "" });
    response.writeHead(201).end("created\n");
  });
});

beforeAll(async () => {
  if (missing.length > 0) return;
  folder = await mkdtemp(join(tmpdir(), "drawbridge-protected-"));
  identity = await startIdentityProvider({ clients: Object.values(CALLERS) });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const policy = v.parse(
    v.looseObject({
      issuers: v.record(text, v.looseObject({})),
      roles: v.looseObject({}),
      upstreams: v.looseObject({}),
    }),
    parse(blocksOf(PAGE, "yaml").find((block) => block.startsWith("# drawbridge.yaml")) ?? ""),
  );
  const keys = { jwks: { url: `${identity.issuer}/jwks` }, algorithms: ["ES256"] };
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  bridge = await standaloneBridge({
    sections: {
      identity: { issuer: BRIDGE, keys: ["env:SIGNING"] },
      issuers: {
        ...Object.fromEntries(Object.entries(policy.issuers).map(([name, entry]) => [name, { ...entry, ...keys }])),
        people: {
          issuer: identity.issuer,
          audience: BRIDGE,
          algorithms: ["ES256"],
          roles: [{ role: "reader", when: [{ path: "groups", equals: "on-call" }] }],
        },
      },
      roles: { ...policy.roles, reader: { call: ["deliveries"] } },
      upstreams: policy.upstreams,
    },
    changes: {
      sources: {
        gitlab: { projects: ["platform/*"] },
        buildkite: {
          provider: "buildkite",
          signature: { current: "env:BUILDKITE" },
          organization: "example",
          pipelines: ["docs"],
        },
      },
      targets: { listener: { originKey: { current: "env:ORIGIN" }, namespaces: ["ci"] } },
    },
    environment: {
      SIGNING: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
      BUILDKITE: "buildkite-secret-for-tests",
      ORIGIN: "key-of-the-origin-for-tests",
    },
    // The run lasts as long as the test that calls from it.
    runMs: 600_000,
  });
  const authority = testAuthority("agents");
  const certificates = {
    server: authority.issue("server"),
    agent: authority.issue("agent"),
    stranger: selfSigned("agent"),
  };
  for (const [name, { certificate, key }] of Object.entries(certificates)) {
    await writeFile(join(folder, `${name}.pem`), certificate);
    await writeFile(join(folder, `${name}.key`), key);
  }
  await writeFile(join(folder, "agents-ca.pem"), authority.certificate);
  await writeFile(join(folder, "manifest.json"), MANIFEST);
});
afterAll(async () => {
  if (missing.length > 0) return;
  for (const gateway of gateways) await gateway.stop();
  service.closeAllConnections();
  service.close();
  await bridge.stop();
  await identity.close();
  await rm(folder, { recursive: true });
});

const MANIFEST = '{"schemaVersion":2}';

/** Starts a gateway in front of the service, and returns its port. */
async function portOf(name: GatewayName, change?: (block: string) => string): Promise<number> {
  const { port: servicePort } = service.address() as AddressInfo;
  const gateway = await startGateway(name, {
    folder,
    bridge: bridge.url.origin,
    service: `127.0.0.1:${servicePort}`,
    authorities: join(folder, "agents-ca.pem"),
    ...(change && { change }),
  });
  gateways.push(gateway);
  return gateway.port;
}

/** nginx that asks for the certificate of an agent, with the lines of the page. */
const portWithCertificates = (): Promise<number> => {
  const [lines = ""] = blocksOf(PAGE, "nginx");
  const own = lines.replace("listen 8443", "listen 8080").replaceAll("/etc/nginx/tls", folder);
  return portOf("nginx", (block) => block.replace("listen 8080;", own));
};

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a script as its system does, beside the file that it sends. */
const runScript = (script: string, environment: Readonly<Record<string, string>>): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { PATH: `${folder}:${process.env["PATH"]}`, ...environment };
    execFile("sh", ["-ec", script], { cwd: folder, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });

const tokenOf = (caller: keyof typeof CALLERS): Promise<string> => identity.token(CALLERS[caller], BRIDGE);

async function runGitlabJob(caller: keyof typeof CALLERS, port: number) {
  expect(gitlab.id_tokens).toEqual({ DRAWBRIDGE_TOKEN: { aud: BRIDGE } });
  const token = await tokenOf(caller);
  const own = { ...gitlab.variables, SERVICE: `http://127.0.0.1:${port}` };
  expect(Object.keys(own)).toEqual(Object.keys(gitlab.variables));
  return { token, ...(await runScript(gitlab.script[0], { ...own, DRAWBRIDGE_TOKEN: token })) };
}

async function runBuildkiteStep(caller: keyof typeof CALLERS, port: number, certificate = "agent") {
  const token = await tokenOf(caller);
  const asked = `oidc request-token --audience ${BRIDGE} --claim organization_id --claim build_id`;
  const agent = join(folder, "buildkite-agent");
  await writeFile(agent, `#!/bin/sh\n[ "$*" = "${asked}" ] && echo "${token}"\n`);
  await chmod(agent, 0o755);
  const own = {
    SERVICE: `https://localhost:${port}`,
    AGENT_CERT: join(folder, `${certificate}.pem`),
    AGENT_KEY: join(folder, `${certificate}.key`),
  };
  expect(Object.keys(own)).toEqual(Object.keys(buildkite.env));
  // The upload of a pipeline makes one dollar of two, and puts values in place of one.
  const script = buildkite.command.replaceAll(/\$\$|\$\w+/g, (found) => (found === "$$" ? "$" : ""));
  return { token, ...(await runScript(script, { ...own, CURL_CA_BUNDLE: join(folder, "agents-ca.pem") })) };
}

async function runTektonTask(caller: keyof typeof CALLERS, port: number) {
  const token = await tokenOf(caller);
  const run = await startedRun();
  await writeFile(join(folder, "token"), token);
  const own = {
    BRIDGE: bridge.url.origin,
    SERVICE: `http://127.0.0.1:${port}`,
    TOKEN_FILE: join(folder, "token"),
    ...run,
  };
  expect(Object.keys(own)).toEqual(tekton.env.map(({ name }) => name));
  return { token, ...(await runScript(tekton.script, own)) };
}

/** What Tekton copies from a run that a page edit started to its pods. */
async function startedRun() {
  versions += 1;
  const at = Date.now();
  const page = { id: 98310, spaceKey: "ENG", title: "Release", version: versions, modificationDate: at };
  const edited = {
    event: "page_updated",
    timestamp: at,
    userKey: "ff80",
    accountId: "ff80",
    updateTrigger: "edit_page",
  };
  const response = await bridge.pageEdit({ ...edited, page });
  const { delivery } = v.parse(v.object({ delivery: text }), await response.json());
  const found = () =>
    [...bridge.listener.runs.values()].find(({ annotations }) => annotations["drawbridge.dev/delivery"] === delivery);
  await until("the run to be started", async () => found() !== undefined);
  const { name = "", annotations = {} } = found() ?? {};
  return { RUN: name, DELIVERY: delivery, PROOF: annotations["drawbridge.dev/proof"] ?? "" };
}
let versions = 1;

/** Looks an id up as on-call does. */
async function explained(id: string): Promise<string> {
  const environment = { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: await tokenOf("onCall"), TZ: "UTC" };
  const { code, out, err } = await commandLine(["explain", id], { cwd: folder, environment }).ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
}

/** No word of a token, and none of its claims that says who called. */
function expectNoClaim({ token, out, err }: Ran & { readonly token: string }): void {
  const values = JSON.stringify(decodeJwt(token)).match(/(?<=")[^"]{5,}(?="[,}\]])/g) ?? [];
  expect(values.length).toBeGreaterThan(2);
  for (const secret of [...token.split("."), ...values]) expect(out + err).not.toContain(secret);
}

const idIn = (output: string): string => /(?:Id for on-call: |urn:uuid:)([0-9a-f-]{36})/.exec(output)?.[1] ?? "";

/** Without what differs from run to run. */
const withoutIds = (output: string): string =>
  output
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>")
    .replace(/\bd-[a-z2-7]{26}\b/g, "<delivery>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replace(/(?<=the credential )[^ ,]+/g, "<key>")
    // A second try of the test counts as well.
    .replace(/\d+ requests? for/g, "<count> for")
    .replace(/<id>(?:, <id>)+/g, "<id>")
    // The words depend on the release of curl.
    .replace(/(?<=^Status \d+, ).*(?=\. Id )/gm, "<words>")
    .trim();

/** The outputs that the page shows. */
const SHOWN = blocksOf(PAGE, "text").map(withoutIds);

describe("the page", () => {
  it.each(["gitlab-ci.yml", "buildkite-pipeline.yml", "tekton-task.yaml"])("shows %s as it is", (file) => {
    expect(blocksOf(PAGE, "yaml")).toContain(readText(`${FOLDER}/${file}`));
  });
});

const title = `the calls of a protected service${missing.length > 0 ? `: left out, without ${missing.join(", ")}` : ""}`;
describe.skipIf(missing.length > 0)(title, () => {
  /** Expects that one request reached the service, with the access token that the bridge made. */
  function expectReached(before: number, subject: string, { code, err }: Ran): void {
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(reached.slice(before)).toMatchObject([{ method: "PUT", body: MANIFEST }]);
    expect(decodeJwt(reached.at(-1)?.token ?? "")).toMatchObject({ aud: REGISTRY, scope: "push", sub: subject });
  }

  it("a GitLab job calls with its own token, and what is refused can be looked up by the id that it prints", async () => {
    const port = await portOf("caddy");
    const before = reached.length;
    const passed = await runGitlabJob("protectedBranch", port);
    expectReached(before, `gitlab-jobs:${decodeJwt(passed.token).sub}`, passed);
    const refused = await runGitlabJob("otherBranch", port);
    expect(refused.code).toBe(22);
    expectNoClaim(refused);
    const explanation = await explained(idIn(refused.err));
    const unknown = await runGitlabJob("otherAudience", port);
    expect(unknown.code).toBe(22);
    expectNoClaim(unknown);
    const explanationOfUnknown = await explained(idIn(unknown.err));
    for (const output of [refused.out + refused.err, explanation, unknown.out + unknown.err, explanationOfUnknown])
      expect(SHOWN).toContain(withoutIds(output));
    expect(reached.length).toBe(before + 1);
  });

  it("a Buildkite step calls with the token and the certificate of its agent", async () => {
    const port = await portWithCertificates();
    const before = reached.length;
    const passed = await runBuildkiteStep("mainBuild", port);
    expectReached(before, `buildkite-jobs:${decodeJwt(passed.token).sub}`, passed);
    const refused = await runBuildkiteStep("topicBuild", port);
    expect(refused.code).toBe(22);
    expectNoClaim(refused);
    const { instance } = v.parse(v.object({ status: v.literal(403), instance: text }), JSON.parse(refused.out));
    expect(instance).toBe(`urn:uuid:${idIn(refused.err)}`);
    expect(await explained(idIn(refused.err))).toContain("was made to refuse a request: scope_forbidden");
    const unproved = await runBuildkiteStep("mainBuild", port, "stranger");
    expect(unproved.code).toBe(22);
    expect(unproved.err).toContain("Status 400, ");
    expect(idIn(unproved.err)).toBe("");
    expect(reached.length).toBe(before + 1);
  });

  it("a Tekton task exchanges the token of its pod, for its run alone", async () => {
    const port = await portOf("caddy");
    const before = reached.length;
    const passed = await runTektonTask("publisherPod", port);
    expectReached(before, "cluster-jobs:system:serviceaccount:ci:publisher", passed);
    const refused = await runTektonTask("otherPod", port);
    expect(refused.code).toBe(1);
    expectNoClaim(refused);
    expect(SHOWN).toContain(withoutIds(refused.err.replace(/^curl: .*\n/, "")));
    expect(await explained(idIn(refused.err))).toContain("It was refused: scope_forbidden.");
    expect(reached.length).toBe(before + 1);
  });
});
