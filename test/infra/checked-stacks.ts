import { Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { BridgeStack } from "../../infra/bridge-stack.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import { readSettings } from "../../infra/settings.ts";
import { EVERYTHING, EXAMPLE, withApp } from "./synthesised.ts";

const DOMAIN = {
  domainName: "bridge.example.com",
  certificate: "arn:aws:acm:eu-central-1:111111111111:certificate/00000000-0000-0000-0000-000000000000",
  trustStore: "s3://trust.example/clients.pem",
};

/** The forms of the stack that rules are checked on: each adds resources that the others lack. */
export const FORMS: readonly (readonly [name: string, context: Readonly<Record<string, unknown>>])[] = [
  ["with default settings", {}],
  ["behind a domain with mutual TLS", DOMAIN],
  ["behind the function's URL", { ingress: "function-url", receiveConcurrency: 10 }],
  ["with every kind of source, action and identity", { config: EVERYTHING }],
  ["with copies of the table in other regions", { region: "eu-central-1", replicaRegions: "eu-west-1,us-east-1" }],
  ["with keys of the account's own that are not retained", { customerKey: true, region: "eu-central-1", keep: false }],
];

interface Rules {
  /** Whether CDK checks CloudFormation's own rules too. Its engine needs seconds to start. */
  readonly cloudFormation: boolean;
  readonly change?: (stack: BridgeStack) => void;
}

/** Synthesises as `infra/app.ts` does, without the bundles. cdk-nag and CDK's own validation throw their objections. */
export async function checkedStack(
  { config = EXAMPLE, ...context }: Readonly<Record<string, unknown>>,
  { cloudFormation, change }: Rules,
): Promise<BridgeStack> {
  const compiled = await compileConfig(String(config));
  return withApp(
    context,
    (app) => {
      const stack = new BridgeStack(app, { settings: readSettings(app.node), compiled });
      change?.(stack);
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      app.synth();
      return stack;
    },
    { builtinCloudFormationValidation: cloudFormation },
  );
}
