import { Validations } from "aws-cdk-lib";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { AwsSolutionsChecks } from "cdk-nag";
import { describe, expect, it } from "vitest";
import { BridgeStack } from "../../infra/bridge-stack.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import { readSettings } from "../../infra/settings.ts";
import { EVERYTHING, EXAMPLE, withApp } from "./synthesised.ts";

const DOMAIN = {
  domainName: "bridge.example.com",
  certificate: "arn:aws:acm:eu-central-1:111111111111:certificate/00000000-0000-0000-0000-000000000000",
  trustStore: "s3://trust.example/clients.pem",
};

/** Synthesises as `infra/app.ts` does, without the bundles. CDK's own validation and cdk-nag throw their objections. */
async function checked(
  { config = EXAMPLE, ...context }: Readonly<Record<string, unknown>>,
  change?: (stack: BridgeStack) => void,
) {
  const compiled = await compileConfig(String(config));
  return withApp(context, (app) => {
    const stack = new BridgeStack(app, { settings: readSettings(app.node), compiled });
    change?.(stack);
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    app.synth();
    return stack;
  });
}

describe("cdk-nag (AwsSolutions) and CloudFormation's own rules", () => {
  it.each([
    ["with default settings", {}],
    ["behind a domain with mutual TLS", DOMAIN],
    ["behind the function's URL", { ingress: "function-url", receiveConcurrency: 10 }],
    ["with every kind of source, action and identity", { config: EVERYTHING }],
    ["with copies of the table in other regions", { region: "eu-central-1", replicaRegions: "eu-west-1,us-east-1" }],
    [
      "with keys of the account's own that are not retained",
      { customerKey: true, region: "eu-central-1", keep: false },
    ],
  ])("no rule objects to the stack %s", async (_, context) => {
    await expect(checked(context)).resolves.toBeDefined();
  });

  it("every suppressed rule has a written reason", async () => {
    const stack = await checked({ config: EVERYTHING });
    const reasons = stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .map(({ data }) => JSON.stringify(data));
    expect(reasons.length).toBeGreaterThan(0);
    for (const one of reasons) expect(one).toMatch(/.{40}/);
    expect(new Set(reasons.map((one) => /AwsSolutions-\w+/.exec(one)?.[0]))).toEqual(
      new Set(["AwsSolutions-IAM5", "AwsSolutions-SQS3", "AwsSolutions-APIG4"]),
    );
  });

  it("a stack that breaks a rule is rejected, so the check is active", async () => {
    await expect(checked({}, (stack) => new Queue(stack, "Unguarded"))).rejects.toThrow("AwsSolutions-SQS3");
  });
});
