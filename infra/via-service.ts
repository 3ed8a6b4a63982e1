import type { Stack } from "aws-cdk-lib";

/**
 * A condition that lets only these services use a key on behalf of a function, never the function itself.
 * https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
 */
export const viaService = (
  { region, urlSuffix }: Pick<Stack, "region" | "urlSuffix">,
  ...services: readonly string[]
): Readonly<Record<string, object>> => ({
  StringEquals: { "kms:ViaService": services.map((service) => `${service}.${region}.${urlSuffix}`) },
});
