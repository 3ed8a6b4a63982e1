import { createHash } from "node:crypto";
import { join } from "node:path";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import * as v from "valibot";
import { type Account, REGION } from "./account.ts";
import type { BuiltConfig, Template } from "./assembly.ts";
import { zip } from "./python.ts";

/** A created stack, with the physical id of each logical id. */
export interface Deployed {
  readonly template: Template;
  readonly physicalIds: ReadonlyMap<string, string>;
  /** SHA-256 of each package in base64, by its key. */
  readonly packages: ReadonlyMap<string, string>;
}

const VERSION = "2010-05-15";
/** The part of CDK's modern bootstrap that a stack reads. */
const BOOTSTRAP = { Name: "/cdk-bootstrap/hnb659fds/version", Value: "30" };
/** The bootstrap's bucket for packages, in moto's account. */
const ASSETS = `cdk-hnb659fds-assets-123456789012-${REGION}`;

/** Stores the secrets under the configuration's references. Members of one secret become one JSON object. */
export async function storeSecrets({ secrets, ssm }: Account, values: ReadonlyMap<string, string>): Promise<void> {
  const objects = new Map<string, Record<string, string>>();
  for (const [ref, value] of values) {
    const [, service, Name = "", member] = /^(secretsmanager|ssm):([^#]+)(?:#(.+))?$/.exec(ref) ?? [];
    if (service === "ssm") await ssm.send(new PutParameterCommand({ Name, Value: value, Type: "SecureString" }));
    else if (member === undefined) await secrets.send(new CreateSecretCommand({ Name, SecretString: value }));
    else objects.set(Name, { ...objects.get(Name), [member]: value });
  }
  for (const [Name, object] of objects)
    await secrets.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(object) }));
}

interface DeployOptions {
  readonly assembly: BuiltConfig;
  /** As adapted. */
  readonly template: Template;
  readonly programs: string;
  readonly folder: string;
}

/** Uploads the functions' packages and creates the stack, as `cdk deploy` does in a bootstrapped account. */
export async function deploy(account: Account, options: DeployOptions): Promise<Deployed> {
  const { assembly, template, programs, folder } = options;
  await account.ssm.send(new PutParameterCommand({ ...BOOTSTRAP, Type: "String" }));
  await account.rest("s3", "PUT", `/${ASSETS}`, LOCATION);
  const packages = new Map<string, string>();
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== "AWS::Lambda::Function") continue;
    const { S3Key } = v.parse(code, Properties["Code"]);
    const packed = await zip(programs, assembly.assetFolder(S3Key), join(folder, S3Key));
    await account.rest("s3", "PUT", `/${ASSETS}/${S3Key}`, packed);
    packages.set(S3Key, createHash("sha256").update(packed).digest("base64"));
  }
  const stack = { StackName: assembly.stackName };
  await account.query("cloudformation", VERSION, "CreateStack", { ...stack, TemplateBody: JSON.stringify(template) });
  const description = await account.query("cloudformation", VERSION, "DescribeStackResources", stack);
  const physicalIds = new Map(
    [...description.matchAll(/<member>.*?<\/member>/gs)].map(([member]) => [
      textOf(member, "LogicalResourceId"),
      textOf(member, "PhysicalResourceId"),
    ]),
  );
  return { template, physicalIds, packages };
}

const code = v.object({ S3Key: v.string() });
const LOCATION = Buffer.from(
  `<CreateBucketConfiguration><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`,
);

const textOf = (xml: string, element: string): string =>
  (new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1] ?? "").replaceAll("&amp;", "&");
