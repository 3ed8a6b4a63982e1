import { parseArgs } from "node:util";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import cdkJson from "../cdk.json" with { type: "json" };
import { Fault } from "../shared/host/fault.ts";
import { BridgeStack } from "./bridge-stack.ts";
import { compileConfig } from "./compile-config.ts";
import { readSettings, warningsAbout } from "./settings.ts";

// The CDK command line passes context and output folder itself. Run alone (`npm run synth -- -c stage=test`), this file
// reads both and synthesises the stack without AWS credentials and without network.
try {
  const { context = [] } = parseArgs({ options: { context: { type: "string", short: "c", multiple: true } } }).values;
  const app = new App({
    outdir: process.env["CDK_OUTDIR"] ?? "cdk.out",
    autoSynth: false,
    context: cdkJson.context,
    postCliContext: Object.fromEntries(context.map((pair) => pair.split(/=(.*)/s))),
  });
  const settings = readSettings(app.node);
  const compiled = await compileConfig(settings.config);
  const warnings = [...compiled.warnings, ...warningsAbout(settings).map((warning) => `warning: ${warning}`)];
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
  const { stackName } = new BridgeStack(app, { settings, compiled });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const { directory } = app.synth();
  process.stderr.write(`${stackName}: ${settings.config} compiled into ${directory}\n`);
} catch (error) {
  process.stderr.write(`synth: ${error instanceof Fault ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
