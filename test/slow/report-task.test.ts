import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import * as v from "valibot";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { systemClock as clock, toSeconds } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { policyOf, role } from "../../shared/identity/policy.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import { readText } from "../support/documents.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { bindingDeps } from "../support/test-doubles.ts";
import { entryOf, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const step = v.object({
  onError: v.string(),
  env: v.array(v.object({ name: v.string(), value: v.string() })),
  script: v.string(),
});
const task = v.object({ spec: v.object({ steps: v.tuple([step]) }) });
const [{ onError, env, script }] = v.parse(task, parse(readText("deploy/tekton/report-to-drawbridge.yaml"))).spec.steps;

const AUDIENCE = "https://bridge.example.com/v1/status";
const ISSUER = "https://cluster.example.test";
const key = signingKey("cluster-key");
const PROGRAMS = ["sh", "curl", "jq", "sed", "tail"];
const missing = PROGRAMS.filter((program) => spawnSync(program, ["--version"]).error !== undefined);

type Bridge = Awaited<ReturnType<typeof httpBridge>>;
const open: Bridge[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-report-"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const bridge of open.splice(0)) await bridge.close();
});

/** A bridge with a trust entry for the cluster. Its store refuses the first `refusals` reports. */
async function startBridge({ refusals = 0, roles = ["ci"] } = {}): Promise<Bridge> {
  const issuers = { jobs: entryOf({ issuer: ISSUER, audience: AUDIENCE, jwks: { inline: keySetOf(key) }, roles }) };
  const tokens = createTokenVerifier(issuers, bindingDeps(clock));
  const policy = policyOf(
    v.parse(v.record(v.string(), role), { ci: { call: ["status"] }, reader: { call: ["deliveries"] } }),
  );
  const status = statusSource({ tokens, policy, issuers, trustEntries: ["jobs"], clusters: [], jobs: [] });
  const records = new Map<string, RecordedDelivery>();
  let left = refusals;
  const deliveries = {
    record: async (delivery: RecordedDelivery) => {
      if (left-- > 0) throw new Fault("store_unavailable", "the store is away", { retryable: true });
      records.set(delivery.id, delivery);
      return "recorded" as const;
    },
    get: async (id: string) => records.get(id),
  };
  const bridge = await httpBridge({ status, clock, receiving: { deliveries } });
  open.push(bridge);
  return Object.assign(bridge, { records });
}

interface Report {
  readonly bridge: URL;
  readonly values?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** Runs the script of the step, in the environment that the Task gives it. */
async function report({ bridge, values = {}, token = tokenFor() }: Report) {
  const file = join(folder, "token");
  await writeFile(file, token);
  const given = { STATUS: "Succeeded", PAGE: "", PIPELINE: "docs-build", RETRIES: "1", ...values };
  const own = { BRIDGE: bridge.origin, TOKEN_FILE: file, ...given };
  expect(Object.keys(own).sort()).toEqual(env.map(({ name }) => name).sort());
  const child = spawn("sh", ["-c", script], {
    env: { PATH: process.env["PATH"], ...own },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void output.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, log: Buffer.concat(output).toString("utf8") };
}

function tokenFor(): string {
  const now = toSeconds(clock.now());
  return tokenOf(ISSUER, key, {
    claims: { sub: "system:serviceaccount:ci:docs", aud: AUDIENCE, iat: now, exp: now + 300 },
  });
}

/** The builds that a bridge has recorded. */
const buildsOf = ({ records }: Bridge) =>
  [...records.values()].flatMap(({ events = [] }) =>
    events.flatMap((event) => ("build" in event ? [event.build] : [])),
  );

const title = `the Task that reports a run${missing.length > 0 ? `: left out, without ${missing.join(", ")}` : ""}`;
describe.skipIf(missing.length > 0)(title, () => {
  it("a failure of the step does not fail the run, and no value from outside is in the script", () => {
    expect(onError).toBe("continue");
    expect(script).not.toContain("$(params");
    expect(env.filter(({ value }) => value.startsWith("$(params")).map(({ name }) => name)).toEqual([
      "PAGE",
      "PIPELINE",
      "STATUS",
      "BRIDGE",
    ]);
  });

  it.each([
    ["Succeeded", "succeeded"],
    ["Completed", "succeeded"],
    ["Failed", "failed"],
    ["None", "skipped"],
  ])("a run that ended with %s is reported as %s", async (STATUS, state) => {
    const bridge = await startBridge();
    const { code, log } = await report({ bridge: bridge.url, values: { STATUS, PAGE: "98310" } });
    expect({ code, log }).toEqual({ code: 0, log: `reported: ${state}\n` });
    expect(buildsOf(bridge)).toMatchObject([
      { state, message: "98310", pipeline: "jobs: system:serviceaccount:ci:docs docs-build" },
    ]);
  });

  it.each([
    ["quotes", "https://wiki.example.com/display/ENG/\"quoted\"+'page'"],
    ["commands of the shell", "https://wiki.example.com/display/ENG/$(touch+x);`id`"],
    ["variables of Tekton", "https://wiki.example.com/display/ENG/$(params.page)$$(tasks.status)"],
    ["a backslash at its end", "https://wiki.example.com/display/ENG/page\\"],
    ["letters of other alphabets", "https://wiki.example.com/display/ENG/Übersicht+資料"],
  ])("an address of a page with %s arrives as it is", async (_, page) => {
    const bridge = await startBridge();
    const { code } = await report({ bridge: bridge.url, values: { PAGE: page, PIPELINE: "a\"b'$(c)" } });
    expect(code).toBe(0);
    expect(buildsOf(bridge)).toMatchObject([{ message: page, pipeline: expect.stringContaining("$(c)") }]);
  });

  it("a bridge that is away is asked again, and the log says that it cannot be reached", async () => {
    const bridge = await startBridge();
    await bridge.close();
    open.pop();
    const begin = performance.now();
    const { code, log } = await report({ bridge: bridge.url });
    expect(code).toBe(1);
    expect(log).toContain("cannot be reached");
    expect(performance.now() - begin).toBeGreaterThan(900);
  });

  it("a slash at the end of the bridge's address makes no difference", async () => {
    const bridge = await startBridge();
    const values = { BRIDGE: `${bridge.url.origin}/` };
    expect(await report({ bridge: bridge.url, values })).toEqual({ code: 0, log: "reported: succeeded\n" });
    expect(buildsOf(bridge)).toHaveLength(1);
  });

  it("a missing token is the reason in the log", async () => {
    const bridge = await startBridge();
    const TOKEN_FILE = join(folder, "absent");
    const { code, log } = await report({ bridge: bridge.url, values: { TOKEN_FILE } });
    expect(code).toBe(1);
    expect(log).toMatch(/^NOT REPORTED: the token of the service account cannot be read: .*absent/);
    expect(buildsOf(bridge)).toEqual([]);
  });

  it("a bridge that cannot record now is asked again, and gets the report once", async () => {
    const bridge = await startBridge({ refusals: 1 });
    expect(await report({ bridge: bridge.url })).toEqual({ code: 0, log: "reported: succeeded\n" });
    expect(buildsOf(bridge)).toHaveLength(1);
  });

  it.each([
    ["a token that the bridge does not accept", { token: "x.y.z" }, {}, "does not accept the token (401)"],
    ["an account without a role for it", {}, { roles: ["reader"] }, "may not report (403)"],
    ["a page that is none", { values: { PAGE: 'no "page"' } }, {}, '"page\\" is missing or invalid'],
  ])("the log says what is wrong with %s, and no secret", async (_, changes, settings, expected) => {
    const bridge = await startBridge(settings);
    const token = tokenFor();
    const { code, log } = await report({ bridge: bridge.url, token, ...changes });
    expect(code).toBe(1);
    expect(log).toMatch(/^NOT REPORTED: /);
    expect(log).toContain(expected);
    expect(log).not.toContain(token.split(".")[2]);
    expect(buildsOf(bridge)).toEqual([]);
  });
});
