import { Arn, ArnFormat, Stack } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Function as Handler } from "aws-cdk-lib/aws-lambda";
import { viaService } from "./via-service.ts";

export interface SecretGrant {
  /** `secretsmanager:name#key` and `ssm:/path`, as the configuration has them. */
  readonly refs: readonly string[];
  /** ARN of the KMS key that encrypts them. Undefined for the keys that AWS manages. */
  readonly key: string | undefined;
}

/** Characters. All variables of a function have 4 KB (Lambda quotas). */
const MAX_LIST = 2_500;

/** Allows a function to read exactly the secrets that these references name. */
export function grantSecrets(handler: Handler, { refs, key }: SecretGrant): void {
  const stack = Stack.of(handler);
  const allow = (action: string, resources: readonly string[], conditions = {}): void => {
    if (resources.length === 0) return;
    const statement = { actions: [action], resources: [...new Set(resources)].sort(), conditions };
    handler.addToRolePolicy(new PolicyStatement(statement));
  };
  allow(
    "secretsmanager:GetSecretValue",
    named(refs, /^secretsmanager:([^#]+)/).map((name) => secretArn(name, stack)),
  );
  const paths = [...new Set(named(refs, /^ssm:\/(.+)/))].sort();
  allow(
    "ssm:GetParameters",
    paths.map((path) => stack.formatArn({ service: "ssm", resource: "parameter", resourceName: path })),
  );
  const parameters = paths.map((path) => `/${path}`).join();
  // Without the list, the function reads each parameter by itself.
  if (parameters !== "" && parameters.length <= MAX_LIST) handler.addEnvironment("PARAMETERS", parameters);
  // Callers of the account may use the AWS-managed keys of both services. A customer-managed key needs this grant.
  if (key !== undefined && refs.length > 0) allow("kms:Decrypt", [key], viaService(stack, "secretsmanager", "ssm"));
}

const named = (refs: readonly string[], pattern: RegExp): readonly string[] =>
  refs.flatMap((ref) => pattern.exec(ref)?.[1] ?? []);

/** Secrets Manager adds six characters of its own to the name in an ARN; `?` stands for one of them. */
function secretArn(name: string, stack: Stack): string {
  if (name.startsWith("arn:")) return name;
  const parts = { service: "secretsmanager", resource: "secret", arnFormat: ArnFormat.COLON_RESOURCE_NAME };
  return Arn.format({ ...parts, resourceName: `${name}-??????` }, stack);
}
