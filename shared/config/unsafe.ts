import * as v from "valibot";
import { isSecureUrl } from "../host/secure-url.ts";
import type { ClaimRule } from "../identity/claim-rule.ts";
import type { ClaimPath, TenantClaims } from "../identity/presets/preset.ts";
import { presets } from "../identity/presets/registry.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import type { ConfigProblem } from "./explain.ts";
import { canMatch } from "./reach.ts";
import type { Config } from "./schema.ts";

/** Trust entries that believe every customer of a shared issuer. */
export function unpinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter(({ entry, ids, names }) => !pins(entry, [...ids, ...names]))
    .map(({ name, entry, ids }) => ({
      path: ["issuers", name],
      message: `${entry.issuer} signs for all its customers; pin yours in "claims", by ${told(ids)}`,
    }));
}

/** Trust entries that know a customer of a shared issuer by name only. */
export function weaklyPinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter(({ entry, ids, names }) => pins(entry, names) && !pins(entry, ids))
    .map(({ name, ids }) => ({
      path: ["issuers", name, "claims"],
      message: `they pin a name, which can become somebody else's; pin ${told(ids)} too`,
    }));
}

/** Roles that hang on nothing but what the token's holder can choose or change. */
export function selfServed({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers).flatMap(([name, { preset, roles }]) => {
    const changeable = ({ path }: ClaimRule): boolean =>
      (preset.changeable ?? []).some((start) => start.every((step, at) => path[at] === step));
    return roles.flatMap(({ role, when }, index) => {
      if (when.length === 0 || !when.every(changeable)) return [];
      const claims = when.map(({ path }) => path.join(".")).join(" and ");
      const message = `whoever holds the token can change ${claims}, and so give itself the role "${role}": ask for another claim too`;
      return [{ path: ["issuers", name, "roles", index], message }];
    });
  });
}

/** Trust entries of an issuer whose peculiarities are known, and that do not say so. */
export function unnamedPresets({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers).flatMap(([name, { issuer, preset }]) => {
    const known = presets.find((one) => one.issuer === issuer || one.issuerForm?.matches.test(issuer));
    if (known === undefined || preset.name !== PLAIN) return [];
    return [
      { path: ["issuers", name], message: `add "preset: ${known.name}", which knows this issuer's peculiarities` },
    ];
  });
}

const PLAIN = "oidc";

interface Shared extends TenantClaims {
  readonly name: string;
  readonly entry: TrustEntry;
}

const shared = (issuers: Config["issuers"]): readonly Shared[] =>
  Object.entries(issuers).flatMap(([name, entry]) => (entry.tenant ? [{ name, entry, ...entry.tenant }] : []));

const pins = ({ claims }: TrustEntry, paths: readonly ClaimPath[]): boolean =>
  claims.some(({ path }) => paths.some((one) => one.join("\n") === path.join("\n")));

const told = (paths: readonly ClaimPath[]): string => paths.map((path) => path.join(".")).join(" or ");

// What follows reads the settings of sources and targets by their keys, whatever provider or action they belong to.

const tellsOfPages = v.object({
  site: v.string(),
  ownAccounts: v.optional(v.array(v.string()), []),
  // An Automation rule chooses itself what it tells.
  ...v.entriesFromList(["hubSignature", "connect", "forge"], v.optional(v.unknown())),
});
const writesPages = v.object({ site: v.string() });

/** Sources that tell of the bridge's own writes to a page, where an edited page fires something: a circle. */
export function loops({ sources, targets, routes }: Config): readonly ConfigProblem[] {
  return sources.flatMap(({ name, provider, settings }) => {
    const source = v.safeParse(tellsOfPages, settings);
    if (!source.success || source.output.ownAccounts.length > 0) return [];
    const { site, hubSignature, connect, forge } = source.output;
    if ((hubSignature ?? connect ?? forge) === undefined) return [];
    const edit = {
      source: [`drawbridge.${provider}`],
      "detail-type": ["page.updated"],
      "detail.source": [`/sources/${name}`],
    };
    const writing = targets.filter((target) => v.is(writesPages, target.settings) && target.settings.site === site);
    const writer = writing.find((target) => routes.some((route) => route.target === target.name));
    const fires = routes.some(
      (route) => canMatch(route.pattern, edit) && !writing.some((one) => one.name === route.target),
    );
    if (!writer || !fires) return [];
    const message = `each write of the target "${writer.name}" comes back as an edit, and a route acts on edits: name its account in "ownAccounts"`;
    return [{ path: ["sources", name], message }];
  });
}

/** Sources that believe every site on which a Forge app is installed. */
export function openToAllSites({ sources }: Config): readonly ConfigProblem[] {
  const open = v.object({ forge: v.object({ installations: v.optional(v.undefined()) }) });
  return sources
    .filter(({ settings }) => v.is(open, settings))
    .map(({ name }) => ({
      path: ["sources", name, "forge"],
      message: 'every site that installs the app is believed; name yours in "installations"',
    }));
}

/** Targets that are called over an open line. */
export function unencrypted({ targets }: Config): readonly ConfigProblem[] {
  return targets
    .filter(({ settings }) => v.is(v.object({ url: v.string() }), settings) && !isSecureUrl(settings.url))
    .map(({ name }) => ({
      path: ["targets", name, "url"],
      message:
        "http:// to another machine: whoever is on the way can read and change what is sent; use https:// if you can",
    }));
}
