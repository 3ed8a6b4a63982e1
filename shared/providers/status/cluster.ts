import { isListed } from "../../host/name-pattern.ts";
import { claimAt } from "../../identity/claim-at.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { ClusterSource } from "../provider.ts";

/**
 * Rejects the status of a job in a namespace that the source of its cluster does not list. Two trust entries are of one
 * cluster if they have the same issuer and the same keys. A source without trust entries may be any cluster that is not
 * another source's. Undefined if the token names no namespace, or if no source can be of its cluster.
 */
export function rejectNamespace(
  claims: Readonly<Record<string, unknown>>,
  entry: TrustEntry | undefined,
  { clusters, issuers }: Clusters,
): Rejection | undefined {
  const namespace = claimAt(claims, ["kubernetes.io", "namespace"]);
  if (typeof namespace !== "string") return undefined;
  const proved = provedBy(entry, { clusters, issuers });
  const own = proved.length > 0 ? proved : clusters.filter(({ trust }) => trust.length === 0);
  if (own.length === 0 || own.some(({ namespaces }) => isListed(namespace, namespaces))) return undefined;
  return { reason: "namespace_not_listed", namespace, source: own.map(({ source }) => source).join(", ") };
}

/**
 * Returns the sources that report the runs of the cluster whose tokens the trust entry accepts. Sources without trust
 * entries are of that cluster only if no entry accepts the tokens of another one.
 */
export function sourcesOfCluster(
  entry: TrustEntry | undefined,
  { clusters, issuers }: Clusters,
): readonly ClusterSource[] {
  const proved = provedBy(entry, { clusters, issuers });
  if (proved.length > 0) return proved;
  const others = Object.values(issuers).filter(({ preset }) => preset.pod !== undefined);
  return others.every((other) => isSameCluster(other, entry)) ? clusters.filter(({ trust }) => trust.length === 0) : [];
}

const provedBy = (entry: TrustEntry | undefined, { clusters, issuers }: Clusters): readonly ClusterSource[] =>
  clusters.filter(({ trust }) => trust.some((name) => isSameCluster(issuers[name], entry)));

interface Clusters {
  readonly clusters: readonly ClusterSource[];
  readonly issuers: Readonly<Record<string, TrustEntry>>;
}

/** Unrelated clusters may have the same issuer, and then have other keys. */
const isSameCluster = (one: TrustEntry | undefined, other: TrustEntry | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  one.issuer === other.issuer &&
  JSON.stringify(one.jwks) === JSON.stringify(other.jwks);
