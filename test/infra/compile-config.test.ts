import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { compileConfig } from "../../infra/compile-config.ts";
import { EXAMPLE } from "./synthesised.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-compile-"));
});
afterAll(() => rm(folder, { recursive: true }));

const FITTING = {
  issuers: { jobs: { issuer: "https://login.example.com", audience: "bridge" } },
  sources: { hooks: { provider: "gitlab", token: { current: "ssm:/hooks" } } },
  targets: {
    wiki: {
      kind: "confluence",
      product: "cloud",
      site: "https://a.example.com/wiki",
      credential: { bearer: "ssm:/wiki" },
    },
  },
  routes: { status: { when: { "detail-type": ["build.failed"] }, do: { confluence: { target: "wiki" } } } },
};

/** The rejection of a configuration: the line of the file, and its message. Undefined if it is accepted. */
async function rejectionOf(
  name: string,
  changes: object,
): Promise<readonly [line: string, reason: string] | undefined> {
  const path = join(folder, `${name.replaceAll(" ", "-")}.yaml`);
  const text = stringify({ ...FITTING, ...changes });
  await writeFile(path, text);
  const message = await compileConfig(path).then(
    () => undefined,
    (fault: Error) => fault.message,
  );
  if (message === undefined) return undefined;
  const [, line, reason = ""] = /:(\d+):\d+ (.+)$/s.exec(message) ?? [];
  return [text.split("\n")[Number(line) - 1]?.trim() ?? "", reason];
}

const ELSEWHERE = "read on one machine only; in AWS use secretsmanager:name#key or ssm:/path";
const { jobs } = FITTING.issuers;
const { status } = FITTING.routes;
const hooks = (settings: object) => ({ sources: { hooks: { provider: "gitlab", ...settings } } });

const REJECTED: readonly (readonly [name: string, changes: object, line: string, reason: string])[] = [
  [
    "a secret of the environment",
    hooks({ token: { current: "env:HOOKS" } }),
    "current: env:HOOKS",
    `sources.hooks.token.current: secret env:HOOKS: ${ELSEWHERE}`,
  ],
  [
    "a secret in a file",
    hooks({ token: { current: "ssm:/hooks", next: "file:/run/next" } }),
    "next: file:/run/next",
    `sources.hooks.token.next: secret file:/run/next: ${ELSEWHERE}`,
  ],
  [
    "keys in a file",
    { issuers: { jobs: { ...jobs, jwks: { file: "keys.json" } } } },
    "file: keys.json",
    "issuers.jobs.jwks.file: a key file is read on one machine only; in AWS use url or inline",
  ],
  [
    "a signing key in a file",
    { identity: { issuer: "https://bridge.example.com", keys: ["kms:1234-abcd", "file:/run/key.pem"] } },
    "- file:/run/key.pem",
    "identity.keys[1]: read on one machine only; in AWS use secretsmanager:name#key or ssm:/path, kms:<key id>, or no keys at all",
  ],
  [
    "a collector",
    { otlp: { endpoint: "https://collector.example.com" } },
    "otlp:",
    "otlp: threads are exported on one machine only",
  ],
  [
    "null in a pattern",
    { routes: { status: { ...status, when: { detail: { build: { url: ["a", null] } } } } } },
    "- null",
    "url[1]: CloudFormation accepts no null in a pattern",
  ],
  [
    "a pattern that is too long for a rule",
    { routes: { status: { ...status, when: { "detail-type": Array.from({ length: 150 }, () => "build.failed") } } } },
    "when:",
    "routes.status.when: the pattern has 2267 characters as JSON, and a rule of EventBridge accepts 2048",
  ],
  [
    "a shared issuer without a pin",
    { issuers: { jobs: { ...jobs, issuer: "https://gitlab.com" } } },
    "jobs:",
    "signs for all its customers",
  ],
  ["an unknown key", hooks({ tokens: {} }), "tokens: {}", 'there is no "tokens" here'],
];

describe("compiling a configuration for AWS", () => {
  it.each(REJECTED)("%s is rejected, with its line", async (name, changes, line, reason) => {
    expect(await rejectionOf(name, changes)).toEqual([line, expect.stringContaining(reason)]);
  });

  it("a configuration that can run in AWS is accepted", async () => {
    expect(await rejectionOf("all is well", {})).toBeUndefined();
  });

  it("the example is accepted without a warning", async () => {
    const { warnings } = await compileConfig(EXAMPLE);
    expect(warnings).toEqual([]);
  });
});
