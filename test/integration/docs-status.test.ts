import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { systemClock as clock, toSeconds } from "../../shared/host/clock.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { bindingDeps } from "../support/test-doubles.ts";
import { entryOf, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const DOCUMENT = readText("docs/status.md");
const AUDIENCE = "https://bridge.example.com";
const ISSUER = "https://ci.example.test";
const key = signingKey("job-key");

const bash = spawnSync("bash", ["--version"]).status === 0 && spawnSync("curl", ["--version"]).status === 0;

let folder: string;
let bridge: Awaited<ReturnType<typeof httpBridge>>;
let token: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-status-"));
  const issuers = {
    jobs: entryOf({ issuer: ISSUER, audience: AUDIENCE, jwks: { inline: keySetOf(key) }, roles: ["ci"] }),
  };
  const tokens = createTokenVerifier(issuers, bindingDeps(clock));
  const policy = policyOf(v.parse(v.record(v.string(), role), DEFAULT_ROLES));
  const status = statusSource({ tokens, policy, issuers, trustEntries: ["jobs"], clusters: [], jobs: [] });
  bridge = await httpBridge({ status, clock });
  const now = toSeconds(clock.now());
  token = tokenOf(ISSUER, key, { claims: { sub: "a job", aud: AUDIENCE, iat: now, exp: now + 300 } });
  await writeFile(join(folder, "token"), token);
  const agent = join(folder, "buildkite-agent");
  await writeFile(agent, `#!/bin/sh\n[ "$*" = "oidc request-token --audience ${AUDIENCE}" ] && cat ${folder}/token\n`);
  await chmod(agent, 0o755);
});
afterAll(async () => {
  await bridge.close();
  await rm(folder, { recursive: true });
});

/** Runs a script of the document, with this test's bridge instead of the one that it names. */
async function run(
  script: string,
  environment: Readonly<Record<string, string>>,
  address = new URL("/v1/status", bridge.url).href,
): Promise<{ readonly stderr: string }> {
  const text = script.replace("https://bridge.example.com/v1/status", address);
  expect(text).toContain(address);
  const PATH = `${folder}:${process.env["PATH"]}`;
  return await promisify(execFile)("bash", ["-c", text], { env: { PATH, ...environment } });
}

const blockWith = (language: string, start: string): string =>
  blocksOf(DOCUMENT, language).find((block) => block.includes(start)) ?? "";

/** The build of the newest delivery. */
function newest() {
  const event = [...bridge.records.values()].at(-1)?.events?.[0];
  return event && "build" in event ? event.build : undefined;
}

describe.skipIf(!bash)(`a script of docs/status.md${bash ? "" : ": left out, bash or curl is missing"}`, () => {
  it("the script reports the end of a GitLab pipeline", async () => {
    const file = parse(blockWith("yaml", "# .gitlab-ci.yml")) as Record<
      string,
      { script: string[]; variables: { STATE: string } }
    >;
    const [script = ""] = file[".report-to-drawbridge"]?.script ?? [];
    for (const job of ["report-success", "report-failure"]) {
      const STATE = file[job]?.variables.STATE ?? "";
      await run(script, { DRAWBRIDGE_TOKEN: token, STATE, CI_PIPELINE_URL: "https://gitlab.example.test/1" });
      expect(newest()).toMatchObject({ state: STATE, url: "https://gitlab.example.test/1" });
    }
  });

  it.each([
    ["0", "succeeded"],
    ["7", "failed"],
  ])("the script reports the end of a Buildkite step with status %s", async (status, state) => {
    await run(blockWith("sh", "# .buildkite/hooks"), {
      BUILDKITE_COMMAND_EXIT_STATUS: status,
      BUILDKITE_STEP_KEY: "tests",
      BUILDKITE_BUILD_URL: `https://buildkite.example.test/${status}`,
    });
    expect(newest()).toMatchObject({ state, pipeline: 'jobs: "a job" tests' });
  });

  it("a Buildkite step without a key that ended before its command is reported as failed", async () => {
    const BUILDKITE_BUILD_URL = "https://buildkite.example.test/checkout";
    const { stderr } = await run(blockWith("sh", "# .buildkite/hooks"), { BUILDKITE_BUILD_URL });
    expect(stderr).not.toContain("not reported");
    expect(newest()).toMatchObject({ state: "failed", pipeline: 'jobs: "a job"', url: BUILDKITE_BUILD_URL });
  });

  it.each([
    ["the bridge is down", "http://127.0.0.1:1/v1/status", {}, "Failed to connect"],
    ["the agent gets no token", undefined, { PATH: process.env["PATH"] ?? "" }, "buildkite-agent"],
  ])("the hook of Buildkite fails no step if %s", async (_, address, environment, why) => {
    const script = blockWith("sh", "# .buildkite/hooks").replace("--retry 5", "--retry 1");
    const { stderr } = await run(script, environment, address);
    expect(stderr).toContain(why);
    expect(stderr).toContain("not reported to Drawbridge");
  });

  it("the script fails if the bridge rejects the token, so that somebody notices", async () => {
    const file = parse(blockWith("yaml", "# .gitlab-ci.yml")) as Record<string, { script: string[] }>;
    const [script = ""] = file[".report-to-drawbridge"]?.script ?? [];
    const environment = {
      DRAWBRIDGE_TOKEN: "x.y.z",
      STATE: "failed",
      CI_PIPELINE_URL: "https://gitlab.example.test/2",
    };
    await expect(run(script, environment)).rejects.toThrow("401");
  });
});
