import * as v from "valibot";
import { isSecureUrl } from "../host/secure-url.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import type { ConfigProblem } from "./explain.ts";
import { canMatch } from "./reach.ts";
import type { Config } from "./schema.ts";

/** Claims that say whose token it is: by an id that stays, or by a name that may be somebody else's tomorrow. */
interface TenantClaims {
  readonly ids: readonly string[];
  readonly names: readonly string[];
}

/**
 * Issuers that sign for every customer with one key set: such a token says nothing of whose it is. Forge is not among
 * them, because its audience is the app's own id and every trust entry names its audience.
 */
const SHARED_ISSUERS: Readonly<Record<string, TenantClaims>> = {
  // https://docs.gitlab.com/ci/secrets/id_token_authentication/
  "https://gitlab.com": {
    ids: ["namespace_id", "project_id", "user_id"],
    names: ["namespace_path", "project_path", "user_login", "sub"],
  },
  // https://buildkite.com/docs/agent/v3/cli-oidc
  "https://agent.buildkite.com": {
    ids: ["organization_id", "pipeline_id", "cluster_id"],
    names: ["organization_slug", "sub"],
  },
  // https://docs.github.com/en/actions/reference/security/oidc
  "https://token.actions.githubusercontent.com": {
    ids: ["repository_owner_id", "repository_id"],
    names: ["repository_owner", "repository", "sub"],
  },
  // https://developers.google.com/identity/openid-connect/openid-connect
  "https://accounts.google.com": { ids: ["sub", "hd"], names: ["email"] },
};

/** Trust entries that believe every customer of a shared issuer. */
export function unpinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter(({ entry, ids, names }) => !pins(entry, [...ids, ...names]))
    .map(({ name, entry, ids }) => ({
      path: ["issuers", name],
      message: `${entry.issuer} signs for all its customers; pin yours in "claims", by ${ids.join(" or ")}`,
    }));
}

/** Trust entries that know a customer of a shared issuer by name only. */
export function weaklyPinned({ issuers }: Config): readonly ConfigProblem[] {
  return shared(issuers)
    .filter(({ entry, ids, names }) => pins(entry, names) && !pins(entry, ids))
    .map(({ name, ids }) => ({
      path: ["issuers", name, "claims"],
      message: `they pin a name, which can become somebody else's; pin ${ids.join(" or ")} too`,
    }));
}

function shared(issuers: Config["issuers"]): readonly ({ name: string; entry: TrustEntry } & TenantClaims)[] {
  return Object.entries(issuers).flatMap(([name, entry]) => {
    const claims = Object.hasOwn(SHARED_ISSUERS, entry.issuer) ? SHARED_ISSUERS[entry.issuer] : undefined;
    return claims ? [{ name, entry, ...claims }] : [];
  });
}

const pins = ({ claims }: TrustEntry, names: readonly string[]): boolean =>
  claims.some(({ path: [claim = "", ...deeper] }) => deeper.length === 0 && names.includes(claim));

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
