import * as v from "valibot";
import { isSecureUrl } from "../../host/secure-url.ts";
import type { ClaimRule } from "../../identity/claim-rule.ts";
import { matchesGlob } from "../../identity/glob.ts";
import type { ClaimPath, TenantClaims } from "../../identity/presets/preset.ts";
import { presetFor } from "../../identity/presets/registry.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";
import { canMatch } from "./satisfiable.ts";

/** Trust entries that believe every customer of a shared issuer. */
export function unpinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter((one) => !isPinnedById(one) && !isPinnedByName(one))
    .map(({ name, entry, ids }) => ({
      path: ["issuers", name],
      message: `${entry.issuer} signs for all its customers; pin yours in "claims", by "equals" on ${told(ids, " or ")}`,
    }));
}

/** Trust entries that know a customer of a shared issuer by name only. */
export function weaklyPinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter((one) => isPinnedByName(one) && !isPinnedById(one))
    .map(({ name, ids }) => ({
      path: ["issuers", name, "claims"],
      message: `they pin a name, which can become somebody else's; pin ${told(ids, " or ")} too`,
    }));
}

/** Roles and pins that hang on nothing but what the token's holder can choose or change. */
export function selfServed({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers).flatMap(([name, { preset, claims, roles }]) => {
    const { claims: changeable = [], instead = "" } = preset.changeable ?? {};
    const isChangeable = ({ path }: ClaimRule): boolean => changeable.some((start) => isBelow(path, start));
    const isSelfServed = (rules: readonly ClaimRule[]): boolean =>
      rules.some(isChangeable) && rules.every((rule) => isChangeable(rule) || meetsAnything(rule));
    const message = (rules: readonly ClaimRule[], outcome: string): string => {
      const paths = rules.filter(isChangeable).map(({ path }) => path);
      return `whoever holds the token can change ${told(paths, " and ")}, and so ${outcome}: ask for ${instead}`;
    };
    return [
      ...(isSelfServed(claims)
        ? [{ path: ["issuers", name, "claims"], message: message(claims, "be whom the entry wants") }]
        : []),
      ...roles.flatMap(({ role, when }, index) =>
        isSelfServed(when)
          ? [{ path: ["issuers", name, "roles", index], message: message(when, `give itself the role "${role}"`) }]
          : [],
      ),
    ];
  });
}

/** A rule that asks for no more than that the claim is there. */
const meetsAnything = (rule: ClaimRule): boolean => "glob" in rule && rule.glob.some((glob) => /^\*+$/.test(glob));

const isBelow = (path: ClaimPath, start: ClaimPath): boolean =>
  start.every((step, at) => matchesGlob(step, path[at] ?? ""));

/** Trust entries of an issuer whose peculiarities are known, and that do not say so. */
export function unnamedPresets({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers).flatMap(([name, { issuer, preset }]) => {
    const known = presetFor(issuer);
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

const isPinnedById = ({ entry, ids }: Shared): boolean =>
  entry.claims.some((rule) => "equals" in rule && isOneOf(rule, ids));

const isPinnedByName = ({ entry, names }: Shared): boolean =>
  entry.claims.some((rule) => startsOf(rule).every((start) => isWholeName(start)) && isOneOf(rule, names));

const isOneOf = ({ path }: ClaimRule, paths: readonly ClaimPath[]): boolean =>
  paths.some((one) => one.join("\n") === path.join("\n"));

/** What the rule's texts must begin with, where it leaves their ends open. */
function startsOf(rule: ClaimRule): readonly string[] {
  if ("equals" in rule) return [];
  if ("prefix" in rule) return rule.prefix;
  return rule.glob.filter((glob) => glob.includes("*")).map((glob) => glob.slice(0, glob.indexOf("*")));
}

/**
 * `example/`, `project_path:example/` or `organization:example:`;
 * not `example`, which begins other customers' names too.
 */
const isWholeName = (start: string): boolean => /[^/:]\/|:[^:]+:/.test(start);

const told = (paths: readonly ClaimPath[], between: string): string =>
  paths.map((path) => path.join(".")).join(between);

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
