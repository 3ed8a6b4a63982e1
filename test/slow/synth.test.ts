import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { actions } from "../../shared/actions/registry.ts";
import { EVERYTHING } from "../infra/synthesised.ts";
import { actionFixtureOf } from "../support/action-fixtures.ts";

const run = promisify(execFile);
/** Many bundles, on a machine that may be busy. */
const BUILD_TIMEOUT_MS = 120_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-synth-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** `npm run synth` into a folder, without AWS credentials, settings or a home folder. */
async function synth(out: string, ...context: readonly string[]): Promise<{ ok: boolean; printed: string }> {
  const args = ["node_modules/tsx/dist/cli.mjs", "infra/app.ts", ...context.flatMap((pair) => ["-c", pair])];
  const env = { PATH: process.env["PATH"], HOME: folder, CDK_OUTDIR: join(folder, out) };
  return run(process.execPath, args, { env }).then(
    ({ stderr }) => ({ ok: true, printed: stderr }),
    ({ stderr }: { readonly stderr: string }) => ({ ok: false, printed: stderr }),
  );
}

/** The configuration with everything, with a target and a route for each kind of action that it lacks. */
async function withEveryAction(): Promise<string> {
  const value = parse(await readFile(EVERYTHING, "utf8"));
  const configured = Object.values(value.targets).map((target) => Object(target).kind);
  for (const { name } of actions.filter(({ name }) => !configured.includes(name))) {
    const { target, options, busEvent } = actionFixtureOf(name);
    // Functions in AWS read no environment variables.
    const settings = JSON.parse(JSON.stringify(target).replaceAll('"env:', '"ssm:/'));
    value.targets[`fixture-${name}`] = { kind: name, ...settings };
    value.routes[`fixture-${name}`] = {
      when: { "detail-type": [busEvent["detail-type"]] },
      do: { [name]: { target: `fixture-${name}`, ...options } },
    };
  }
  const config = join(folder, "everything.yaml");
  await writeFile(config, stringify(value));
  return config;
}

/** The type of a bundle's `handler`, loaded in its own process with the environment that the stack sets. */
async function handlerIn(bundle: string): Promise<string> {
  const script = `const { handler } = await import(${JSON.stringify(join(bundle, "index.mjs"))}); console.log(typeof handler);`;
  const env = {
    AWS_REGION: "eu-central-1",
    STAGE: "stage",
    TABLE_NAME: "table",
    BUS_NAME: "bus",
    QUEUE_URL: "https://sqs.invalid/queue",
    DEAD_LETTER_QUEUE_URL: "https://sqs.invalid/dead-letters",
  };
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { env });
  return stdout.trim();
}

describe("npm run synth", () => {
  it(
    "the stack and a bundle for each function are written, with the configuration compiled in",
    async () => {
      const config = await withEveryAction();
      const { ok, printed } = await synth("prod", "stage=prod", `config=${config}`);
      expect(printed).toContain(`drawbridge-prod: ${config} compiled into`);
      expect(ok).toBe(true);
      const written = await readdir(join(folder, "prod"));
      const bundles = written.filter((name) => name.startsWith("asset.")).map((name) => join(folder, "prod", name));
      expect(bundles.length).toBe(5 + actions.length);
      for (const bundle of bundles) {
        const files = await readdir(bundle);
        const texts = await Promise.all(files.map((file) => readFile(join(bundle, file), "utf8")));
        expect(texts.filter((text) => text.includes("docs-listener")).length).toBe(1);
        expect(await handlerIn(bundle)).toBe("function");
      }
    },
    BUILD_TIMEOUT_MS,
  );

  it("the installed CDK command line reads the stack", async () => {
    const { stdout } = await run(
      process.execPath,
      ["node_modules/aws-cdk/bin/cdk", "ls", "--app", join(folder, "prod")],
      {
        env: { PATH: process.env["PATH"], HOME: folder, CI: "true", CDK_DISABLE_CLI_TELEMETRY: "true" },
      },
    );
    expect(stdout.trim()).toBe("drawbridge-prod");
  });

  it("a wrong configuration is reported, and nothing is written", async () => {
    const config = join(folder, "wrong.yaml");
    await writeFile(config, "sources: { hooks: { provider: gitlab, token: { current: env:HOOKS } } }\n");
    const { ok, printed } = await synth("wrong", `config=${config}`);
    expect(ok).toBe(false);
    expect(printed).toContain(`${config}:1`);
    expect(printed).toContain("env:HOOKS");
    expect(await readdir(join(folder, "wrong"))).toEqual([]);
  });
});
