import { providers } from "#providers";
import type { Source } from "../delivery/receive.ts";
import { Fault } from "../host/fault.ts";
import type { ClusterSource, ConnectedSource, JobSource, ProviderDeps } from "../providers/provider.ts";
import type { Config, ConfigWithoutOrders } from "./schema.ts";

export const PROVIDER_NAMES: readonly string[] = providers.map(({ name }) => name);

/** Connects every configured source: it can authenticate and parse, and some sources can sign fixtures. */
export function connectSources(
  config: ConfigWithoutOrders,
  deps: ProviderDeps,
): ReadonlyMap<string, Source & Pick<ConnectedSource, "sign">> {
  const sources = new Map<string, Source & Pick<ConnectedSource, "sign">>();
  for (const { name, provider: kind, roles, mode, settings } of config.sources) {
    const provider = known(providers, kind);
    const contentTypes = ["application/json", ...(provider.contentTypes ?? [])];
    const connected = provider.connect({ name, settings }, deps);
    sources.set(name, { name, provider: kind, roles, mode, contentTypes, ...connected });
  }
  return sources;
}

/** Returns the paths in a provider's payloads to the numbers that distinguish one event from the next. */
export const countersOf = (provider: string): readonly string[] => known(providers, provider).counters ?? [];

/** Returns the sources that report the runs of Kubernetes clusters. */
export const clusterSources = ({ sources }: Pick<Config, "sources">): readonly ClusterSource[] =>
  sources.flatMap(({ name, provider: kind, settings }) => {
    const cluster = known(providers, kind).clusterOf?.(settings);
    return cluster ? [{ source: name, ...cluster }] : [];
  });

/** Returns the sources whose CI systems prove their jobs with tokens. */
export const jobSources = ({ sources }: Pick<Config, "sources">): readonly JobSource[] =>
  sources.flatMap(({ name, provider: kind, settings }) => known(providers, kind).jobsOf?.({ name, settings }) ?? []);

/** A loaded configuration names only what exists, so an unknown name is a defect of the bridge. */
function known<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw new Fault("configuration_invalid", `there is no "${name}"`, { retryable: false });
}
