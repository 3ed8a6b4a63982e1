import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import * as v from "valibot";
import type { ConfiguredTarget } from "../shared/config/schema.ts";
import { type TargetIdentity, targetIdentity } from "../shared/outbound/target-identity.ts";

const withIdentity = v.object({ identity: targetIdentity });

/** How the bridge identifies itself to those of these targets that get a short-lived token. */
export const identitiesOf = (targets: readonly ConfiguredTarget[]): readonly TargetIdentity[] =>
  targets.flatMap(({ settings }) => {
    const read = v.safeParse(withIdentity, settings);
    return read.success ? [read.output.identity] : [];
  });

/** Whether the bridge itself issues a token for any of them. */
export const needSigning = (identities: readonly TargetIdentity[]): boolean =>
  identities.some((one) => "bridge" in one || "tokenExchange" in one);

const AUDIENCE = "sts:IdentityTokenAudience";

/**
 * Allows a function to get tokens of AWS that attest its role, for exactly these targets. The action takes no resource
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_policies.html).
 */
export function grantWebIdentity({ grantPrincipal }: IGrantable, identities: readonly TargetIdentity[]): void {
  const audiences = identities.flatMap((one) => ("aws" in one ? [one.aws.audience] : []));
  if (audiences.length === 0) return;
  grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({
      actions: ["sts:GetWebIdentityToken"],
      resources: ["*"],
      conditions: {
        "ForAllValues:StringEquals": { [AUDIENCE]: [...new Set(audiences)].sort() },
        // `ForAllValues` is also true if the request has no value.
        Null: { [AUDIENCE]: "false" },
      },
    }),
  );
}
