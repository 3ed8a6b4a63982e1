import type { Stack } from "aws-cdk-lib";

/**
 * A key is used only by these services on a function's behalf, and never by the function itself.
 * https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
 */
export const viaService = (
  { region, urlSuffix }: Pick<Stack, "region" | "urlSuffix">,
  ...services: readonly string[]
): Readonly<Record<string, object>> => ({
  StringEquals: { "kms:ViaService": services.map((service) => `${service}.${region}.${urlSuffix}`) },
});
