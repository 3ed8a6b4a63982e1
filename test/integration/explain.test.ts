import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { commandHost } from "../support/command-host.ts";
import { push } from "../support/console-traffic.ts";
import { signedGitlabHeaders } from "../support/gitlab-signature.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { bodyOf } from "../support/provider-fixtures.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const person = { id: "person", secret: "person-secret-for-tests" };
const GITLAB = `whsec_${randomBytes(32).toString("base64")}`;

const EDGE = "log-token-for-tests";

let home: string;
let identity: IdentityProvider;
let listener: SandboxListener;
let bridge: Awaited<ReturnType<typeof startStandalone>>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
  identity = await startIdentityProvider({ clients: [person] });
  listener = await startSandboxListener();
  const target = { kind: "tekton", runsReportedBy: "cluster" };
  const onBranch = (name: string) => ({
    source: ["drawbridge.gitlab"],
    "detail-type": ["code.pushed"],
    detail: { code: { name: [name] } },
  });
  const config = {
    issuers: { people: { issuer: identity.issuer, audience: AUDIENCE, roles: ["on-call"] } },
    sources: {
      "platform-gitlab": { provider: "gitlab", signingToken: { current: "env:GITLAB", next: "env:NEXT" } },
      edge: { provider: "kong", token: { current: "env:EDGE" } },
      cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
    },
    targets: { listener: { ...target, url: listener.url.href }, down: { ...target, url: "http://127.0.0.1:9" } },
    routes: {
      "push-build": { when: onBranch("main"), do: { tekton: { target: "listener" } } },
      "to-nowhere": { when: onBranch("down"), do: { tekton: { target: "down" } } },
    },
  };
  await writeFile(join(home, "drawbridge.yaml"), stringify(config));
  bridge = await startStandalone({
    config: await loadConfig(join(home, "drawbridge.yaml")),
    secrets: secretsOf({
      GITLAB,
      NEXT: `whsec_${randomBytes(32).toString("base64")}`,
      CLUSTER: "cluster-secret",
      EDGE,
    }),
    log: silentLog,
    retry: { baseMs: 1, capMs: 2, maxAttempts: 2 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(async () => {
  await bridge?.stop();
  await listener?.close();
  await identity?.close();
  await rm(home, { recursive: true, force: true });
});

/** Returns the id of the delivery, or of the request that was refused. */
async function pushed(
  branch: string,
  token = GITLAB,
  project = `platform/${branch}`,
  after = randomBytes(20).toString("hex"),
): Promise<string> {
  const body = JSON.stringify(push(branch, { after, project: { id: 7, path_with_namespace: project } }));
  const signed = signedGitlabHeaders(body, { token, id: randomUUID(), at: systemClock.now() });
  const headers = { "content-type": "application/json", ...signed };
  const response = await fetch(new URL("/webhooks/platform-gitlab", bridge.url), { method: "POST", headers, body });
  const { delivery, instance = "" } = (await response.json()) as {
    readonly delivery?: string;
    readonly instance?: string;
  };
  return delivery ?? instance.replace("urn:uuid:", "");
}

const run = (...args: readonly string[]) => runAt(undefined, ...args);

/** `columns`: the width of the terminal, if it is one. */
async function runAt(columns: number | undefined, ...args: readonly string[]) {
  const printed: string[] = [];
  const environment = {
    DRAWBRIDGE_URL: bridge.url.href,
    DRAWBRIDGE_TOKEN: await identity.token(person, AUDIENCE),
    DRAWBRIDGE_CONFIG: join(home, "drawbridge.yaml"),
  };
  const code = await runCommand(args, commandHost({ environment, columns, print: (text) => void printed.push(text) }));
  return { code, text: printed.join("\n") };
}

async function fetchJson<T>(path: string): Promise<T> {
  const authorization = `Bearer ${await identity.token(person, AUDIENCE)}`;
  const response = await fetch(new URL(path, bridge.url), { headers: { authorization } });
  return (await response.json()) as T;
}

const MISS = 'detail.code.name is "Main", wants "main" (only upper and lower case differ)';

describe("a push that fired nothing, because its pattern missed one field", () => {
  it("one command names the nearest route and the field, and the next command tests the local file", async () => {
    const id = await pushed("Main");
    const { code, text } = await run("explain", "platform/Main");
    expect(code).toBe(0);
    expect(text).toContain(`! No route fired. The nearest is push-build. No match: ${MISS}.`);
    const [, command = ""] = /drawbridge (route test \S+ --delivery \S+)/.exec(text) ?? [];
    expect(command).toBe(`route test push-build --delivery ${id}`);
    const tested = await run(...command.split(" "));
    expect([tested.code, tested.text]).toEqual([1, expect.stringContaining(`match     no: ${MISS}`)]);
  });

  it("on a terminal each time is short and in the zone of the machine, else it is as it was recorded", async () => {
    const id = await pushed("Main");
    expect((await runAt(200, "explain", id)).text).toMatch(
      /received at (\d\d:\d\d:\d\d|\d\d-\d\d \d\d:\d\d) by the source/,
    );
    expect((await run("explain", id)).text).toMatch(/received at \d{4}-\d\d-\d\dT[\d:.]+Z by the source/);
  });

  it("one call of the HTTP API gives the same answer", async () => {
    const path = `/v1/deliveries/${await pushed("Main")}?explain=true`;
    const { explanation } = await fetchJson<{ readonly explanation: { readonly answer: string } }>(path);
    expect(explanation.answer).toBe(`No route fired. The nearest is push-build. No match: ${MISS}.`);
  });

  it("a text that several deliveries have explains the newest and lists the others, and one that none has says so", async () => {
    expect(await run("explain", "no-such-project")).toEqual({
      code: 1,
      text: 'no delivery has "no-such-project"',
    });
    await expect(run("explain", "https://ci.example.test/")).rejects.toMatchObject({ code: "usage_invalid" });
    await pushed("one");
    const newest = await pushed("one-more");
    const { code, text } = await run("explain", "tform/one");
    expect([code, text]).toEqual([0, expect.stringContaining(`code.pushed platform/one-more one-more (${newest})`)]);
    expect(text).toMatch(/Other deliveries have it too[\s\S]+STATE[\s\S]+– no route[^\n]+platform\/one one/);
  });

  it("of several deliveries the first that needs a person is explained", async () => {
    const failed = await pushed("down", GITLAB, "platform/several");
    const later = await pushed("one", GITLAB, "platform/several");
    const { text } = await until(
      "the older one to be given up",
      () => run("explain", "platform/several"),
      ({ text: seen }) => seen.includes(`(${failed})`) && seen.includes("✕ Route to-nowhere"),
    );
    expect(text).toContain(`(${failed})`);
    expect(text).toMatch(new RegExp(`Other deliveries have it too[^]+${later}`));
  });
});

describe("a push that its sender reports twice", () => {
  it("the first report is explained, which acted, and not the repeat", async () => {
    const commit = randomBytes(20).toString("hex");
    const first = await pushed("main", GITLAB, "platform/twice", commit);
    const repeat = await pushed("main", GITLAB, "platform/twice", commit);
    const { text } = await until(
      "the second report to be known as a repeat",
      () => run("explain", commit),
      ({ text: seen }) => seen.includes("– repeat"),
    );
    expect(text).toMatch(new RegExp(`\\(${first}\\)[^]+Other deliveries have it too[^]+${repeat}`));
  });
});

describe("a request that a gateway refused", () => {
  it("its correlation id and its request id explain it, and a UUID that nothing has is one of no refused request", async () => {
    const record = bodyOf("kong", "refused-unauthenticated");
    const headers = { "content-type": "application/json", "x-kong-token": EDGE };
    const body = JSON.stringify([record]);
    await fetch(new URL("/webhooks/edge", bridge.url), { method: "POST", headers, body });
    for (const id of [record["correlation_id"], Object(record["request"]).id]) {
      const { code, text } = await run("explain", String(id));
      expect([code, text]).toEqual([0, expect.stringContaining("gateway.refused")]);
      expect(text).toContain("PUT /v2/app/manifests/1.4.2");
    }
    const none = await run("explain", randomUUID());
    expect([none.code, none.text]).toEqual([1, expect.stringContaining("No refused request has this id")]);
  });
});

describe("a push whose target is down", () => {
  it("one command says which attempt failed and why, and what to check", async () => {
    const id = await pushed("down");
    const { text } = await until(
      "the route to be given up",
      () => run("explain", id),
      // The line of the attempt is written before the state, which the answer has.
      ({ text }) => text.includes("✕ Route to-nowhere: Attempt 2 was given up"),
    );
    expect(text).toMatch(/✕ Route to-nowhere: Attempt 2 was given up at \S+: .*127.0.0.1:9.* Earlier attempts: 1\./);
    expect(text).toContain("drawbridge check --live down");
    expect(text).toContain(`drawbridge events replay ${id} --route to-nowhere`);
  });
});

describe("a push that is signed with a secret of yesterday", () => {
  const OLD = `whsec_${randomBytes(32).toString("base64")}`;
  let request: string;
  beforeAll(async () => {
    await pushed("good");
    for (let count = 0; count < 3; count++) request = await pushed("main", OLD);
  });

  it("the list of deliveries counts it, with the last good request and the unused next secret", async () => {
    const { text } = await run("events", "list");
    expect(text).toMatch(
      /Refused, without a record of each:\n {2}3 requests for platform-gitlab since \S+: signature_mismatch; last good \S+; the secret "next" is not in use/,
    );
    expect((await run("events", "list", "--source", "cluster")).text).not.toContain("signature_mismatch");
  });

  it("one command about the source names the reason, the newest requests, and what to do", async () => {
    const { code, text } = await run("explain", "platform-gitlab");
    expect(code).toBe(0);
    expect(text).toContain("✕ 3 requests for platform-gitlab since");
    expect(text).toContain(`newest requests: ${request}, `);
    expect(text).toContain("Compare the secret on both sides, including `next` during a rotation");
  });

  it("one command about the request's id names the reason, and an unknown id says how far back it looked", async () => {
    expect(await run("explain", request)).toEqual({
      code: 0,
      text: expect.stringMatching(/^✕ Refused: signature_mismatch\. Compare the secret on both sides/),
    });
    expect(await run("explain", randomUUID())).toEqual({
      code: 1,
      text: expect.stringMatching(/^No refused request has this id\. .+ back to \d{4}-/),
    });
  });

  it("one call of the HTTP API gives the same counts", async () => {
    expect(await fetchJson("/v1/refusals?source=platform-gitlab")).toMatchObject({
      refusals: [{ source: "platform-gitlab", reason: "signature_mismatch", count: 3 }],
      sources: [{ source: "platform-gitlab", lastGoodAt: expect.any(String), unusedNext: true }],
    });
  });
});

describe("a job whose token has a wrong audience", () => {
  it("the list of refused deliveries has it, and one command names the reason and what to do", async () => {
    const authorization = `Bearer ${await identity.token(person, "https://other.example.test")}`;
    const body = JSON.stringify({ state: "succeeded", pipeline: "docs" });
    const headers = { authorization, "content-type": "application/json" };
    const report = async (): Promise<string> => {
      const answer = await fetch(new URL("/v1/status", bridge.url), { method: "POST", headers, body });
      const { instance } = (await answer.json()) as { readonly instance: string };
      return instance.replace("urn:uuid:", "");
    };
    const first = await report();
    const again = await report();
    const { text } = await run("events", "list", "--outcome", "refused");
    const [id = ""] = /d-[a-z2-7]{26}/.exec(text) ?? [];
    expect((await run("explain", "status")).text).toMatch(
      new RegExp(`✕ audience_mismatch of person at \\S+, recorded as ${id}[^]+ explain ${id}`),
    );
    const explained = (await run("explain", id)).text;
    expect(explained).toContain("✕ It was refused: audience_mismatch.");
    expect(explained).toMatch(/expected https:\/\/bridge\.example\.test.+Make the caller request the audience/);
    // Both requests lead to the one record. Only the later one is said to repeat it.
    const repeats = /^The request repeats that of \S+, which is explained here/;
    expect((await run("explain", again)).text).toMatch(new RegExp(`${repeats.source}[^]+\\(${id}\\)`));
    expect((await run("explain", first)).text).toContain(`(${id})`);
    for (const other of [first, id]) expect((await run("explain", other)).text).not.toMatch(repeats);
  });
});

describe("a request for a source that nobody configured", () => {
  it("the name that its caller chose is counted nowhere", async () => {
    await fetch(new URL("/webhooks/attacker-chose-this", bridge.url), { method: "POST", body: "{}" });
    expect(JSON.stringify(await fetchJson("/v1/refusals"))).not.toContain("attacker");
  });
});
