import type { Config } from "../../config/schema.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { Upstream } from "../../identity/upstream.ts";
import type { JwtKey } from "./jwt-keys.ts";

/** The keys of an issuer whose tokens may pass, and where they are published. */
export interface Issuer {
  /** The name of the trust entry; `bridge` for the bridge itself, which no entry can be called. */
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Undefined for keys without an address. */
  readonly keysUrl: string | undefined;
  readonly keys: readonly JwtKey[];
  readonly maxLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  /** Undefined for the bridge. */
  readonly entry: TrustEntry | undefined;
}

/** Who is one caller for Kong: trust entries with a key in common, or with one issuer. */
export interface Caller {
  readonly issuers: readonly Issuer[];
  /** The keys of all of them, each once. */
  readonly keys: readonly JwtKey[];
  /** `<upstream>:<scope>` of what their tokens may get. */
  readonly groups: readonly string[];
  readonly limit: CallerLimit | undefined;
}

/** A limit that counts for every token of a caller. */
export interface CallerLimit {
  readonly role: string;
  readonly perMinute: number;
  /** Paths of the claims by whose values it is counted. */
  readonly claims: readonly (readonly string[])[];
}

export const groupOf = (upstream: string, scope: string): string => `${upstream}:${scope}`;

/** Joins the issuers that are one caller for Kong, in the order of their names. */
export function callersOf(
  issuers: readonly Issuer[],
  {
    isApart,
    config,
    upstreams,
  }: {
    readonly isApart: (one: Issuer, other: Issuer) => boolean;
    readonly config: Pick<Config, "roles">;
    readonly upstreams: readonly (readonly [string, Upstream])[];
  },
): readonly Caller[] {
  const joined: Issuer[][] = [];
  for (const issuer of issuers) {
    const same = joined.filter((members) => members.some((one) => !isApart(one, issuer)));
    for (const members of same) joined.splice(joined.indexOf(members), 1);
    joined.push([...same.flat(), issuer]);
  }
  return joined.map((members) => ({
    issuers: members,
    keys: [...new Map(members.flatMap(({ keys }) => keys).map((key) => [key.kid, key])).values()].sort(byKid),
    groups: [...new Set(members.flatMap((one) => groupsOf(one, upstreams)))].sort(),
    limit: limitOf(members, config),
  }));
}

const byKid = (one: JwtKey, other: JwtKey): number => (one.kid < other.kid ? -1 : 1);

/** A token of the bridge has scopes of its own, and any of them. */
const groupsOf = ({ entry }: Issuer, upstreams: readonly (readonly [string, Upstream])[]): readonly string[] =>
  upstreams.flatMap(([name, { allow }]) =>
    allow
      .filter(({ role }) => entry === undefined || entry.roles.some((earned) => earned.role === role))
      .flatMap(({ scopes }) => scopes.map((scope) => groupOf(name, scope))),
  );

/**
 * The smallest limit of the roles that every token earns. Kong has one limit for a caller and does not know which rules a
 * token meets, so the others are the bridge's alone. Kong must not refuse what the bridge would allow.
 */
function limitOf(members: readonly Issuer[], { roles }: Pick<Config, "roles">): CallerLimit | undefined {
  const [first] = members;
  const earned = members.map(({ entry }) =>
    entry === undefined || entry.mode === "shadow"
      ? []
      : entry.roles.filter(({ when }) => when.length === 0).map(({ role }) => role),
  );
  const [common = []] = earned;
  const [smallest] = common
    .filter((role) => earned.every((names) => names.includes(role)))
    .flatMap((role) => {
      const limit = roles[role]?.limit;
      return limit === undefined ? [] : [{ role, ...limit }];
    })
    .sort((a, b) => a.perMinute - b.perMinute || (a.role < b.role ? -1 : 1));
  if (smallest === undefined) return undefined;
  const shown = first?.entry?.preset.shown ?? [];
  const claims = smallest.per.map((claim) => shown.find((path) => path.at(-1) === claim) ?? [claim]);
  return { role: smallest.role, perMinute: smallest.perMinute, claims };
}
