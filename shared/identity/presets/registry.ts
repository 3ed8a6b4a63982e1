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

/** An issuer with only the properties that the standards define. */
const plain: Preset = {
  name: "oidc",
  // OpenID Connect Core 1.0 §5.7: these claims do not identify a person.
  changeable: { claims: [["email"], ["preferred_username"], ["name"]], instead: "sub or groups" },
};

/** Every preset, in alphabetical order. */
export const presets: readonly Preset[] = [
  aws,
  buildkite,
  cognito,
  entra,
  entraV1,
  forge,
  github,
  gitlab,
  google,
  keycloak,
  kong,
  kubernetes,
  plain,
  okta,
];

export const presetNames: readonly string[] = presets.map(({ name }) => name);

export function presetOf(name: string | undefined): Preset {
  return presets.find((preset) => preset.name === name) ?? plain;
}

/** Returns the preset for an issuer with this text; undefined if there is none. */
export function presetFor(issuer: string): Preset | undefined {
  return presets.find((preset) => preset.issuer === issuer || preset.issuerForm?.matches.test(issuer));
}

/** Returns the claims that distinguish the customers of a shared issuer, for any preset of the entry. */
export function tenantClaimsOf(issuer: string, { tenant }: Preset): TenantClaims | undefined {
  return tenant?.(issuer) ?? presetFor(issuer)?.tenant?.(issuer);
}

/** Whether this issuer also signs tokens for others than the operator, for any preset of the entry. */
export const isShared = (issuer: string, preset: Preset): boolean =>
  tenantClaimsOf(issuer, preset) !== undefined || (presetFor(issuer) ?? preset).isIdentifiedByAudience === true;
