import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { BridgeStack } from "../bridge-stack.ts";
import { compileConfig } from "../compile-config.ts";
import { readSettings } from "../settings.ts";

export interface AlarmCounts {
  readonly alarms: number;
  /** Of all alarms: an expression is billed for each of its metrics. */
  readonly metrics: number;
}

interface AlarmProperties {
  readonly Metrics?: readonly { readonly MetricStat?: object }[];
}

/** Counts the alarms in the template of `infra/example`, whose functions are not bundled for it. */
export async function countAlarms(): Promise<AlarmCounts> {
  const outdir = await mkdtemp(join(tmpdir(), "drawbridge-cost-"));
  try {
    const app = new App({ outdir, context: { "aws:cdk:bundling-stacks": [] } });
    const compiled = await compileConfig("infra/example/drawbridge.yaml");
    const { stackName } = new BridgeStack(app, { settings: readSettings(app.node), compiled });
    // A template's resources have this shape.
    const { Resources } = app.synth().getStackByName(stackName).template as {
      readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: AlarmProperties }>>;
    };
    const alarms = Object.values(Resources).filter(({ Type }) => Type === "AWS::CloudWatch::Alarm");
    const metrics = alarms.map(({ Properties: { Metrics } }) =>
      Metrics === undefined ? 1 : Metrics.filter(({ MetricStat }) => MetricStat !== undefined).length,
    );
    return { alarms: alarms.length, metrics: metrics.reduce((sum, count) => sum + count, 0) };
  } finally {
    await rm(outdir, { recursive: true });
  }
}
