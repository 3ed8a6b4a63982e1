import { aws } from "./aws.ts";
import { buildkite } from "./buildkite.ts";
import { cognito } from "./cognito.ts";
import { entra, entraV1 } from "./entra.ts";
import { forge } from "./forge.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { google } from "./google.ts";
import { keycloak } from "./keycloak.ts";
import { kong } from "./kong.ts";
import { kubernetes } from "./kubernetes.ts";
import { okta } from "./okta.ts";
import type { Preset, TenantClaims } from "./preset.ts";

/** An issuer about which nothing is known but what the standards say. */
const plain: Preset = {
  name: "oidc",
  // OpenID Connect Core 1.0 §5.7: these must not be taken for who somebody is.
  changeable: { claims: [["email"], ["preferred_username"], ["name"]], instead: "sub or groups" },
};

/** Every preset, in alphabetical order. */
export const presets: readonly Preset[] = [
  ...[aws, buildkite, cognito, entra, entraV1, forge, github, gitlab, google, keycloak, kong, kubernetes, plain, okta],
];

export const presetNames: readonly string[] = presets.map(({ name }) => name);

export function presetOf(name: string | undefined): Preset {
  return presets.find((preset) => preset.name === name) ?? plain;
}

/** The preset that was made for an issuer with this text. */
export function presetFor(issuer: string): Preset | undefined {
  return presets.find((preset) => preset.issuer === issuer || preset.issuerForm?.matches.test(issuer));
}

/** The claims that tell the customers of a shared issuer apart, whichever preset the entry names. */
export function tenantClaimsOf(issuer: string, { tenant }: Preset): TenantClaims | undefined {
  return tenant?.(issuer) ?? presetFor(issuer)?.tenant?.(issuer);
}

/** Whether others than the operator have tokens of this issuer, whichever preset the entry names. */
export const isShared = (issuer: string, preset: Preset): boolean =>
  tenantClaimsOf(issuer, preset) !== undefined || (presetFor(issuer) ?? preset).isIdentifiedByAudience === true;
