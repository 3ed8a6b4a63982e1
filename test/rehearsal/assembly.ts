import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { BridgeStack } from "../../infra/bridge-stack.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import { readSettings } from "../../infra/settings.ts";

/** The members of a template that the rehearsal reads. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
  readonly [section: string]: unknown;
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
}

export interface BuiltConfig {
  readonly stackName: string;
  readonly template: Template;
  /** The folder of a function's bundled code, by the key under which its package is uploaded. */
  assetFolder(key: string): string;
}

/** Synthesises the stack as `npm run synth` does: functions bundled, the configuration at `config` compiled in. */
// moto does not shorten the names it makes up, as CloudFormation does: a longer one is too long for an archive.
const STAGE = "local";

export async function buildConfig(config: string, folder: string): Promise<BuiltConfig> {
  const app = new App({ outdir: folder, autoSynth: false, context: { stage: STAGE, config } });
  const stack = new BridgeStack(app, { settings: readSettings(app.node), compiled: await compileConfig(config) });
  const { directory } = app.synth();
  return {
    stackName: stack.stackName,
    // CDK wrote the file in CloudFormation's form.
    template: JSON.parse(await readFile(join(directory, stack.templateFile), "utf8")) as Template,
    assetFolder: (key) => join(directory, `asset.${key.replace(/\.zip$/, "")}`),
  };
}
