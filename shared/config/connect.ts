import type { ActionDeps } from "../actions/action.ts";
import { actions } from "../actions/registry.ts";
import type { Source } from "../delivery/receive.ts";
import { Fault } from "../host/fault.ts";
import type { ConnectedSource, ProviderDeps } from "../providers/provider.ts";
import { providers } from "../providers/registry.ts";
import type { Route } from "../routes/route.ts";
import { connectAction } from "./connect-action.ts";
import type { Config } from "./schema.ts";
import type { CredentialUseDeps } from "./track-credential-use.ts";

/** Every configured source, ready to prove and to read, and to sign fixtures where it can. */
export function connectSources(
  config: Config,
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

/** Every configured route, ready to match and to run. */
export const connectRoutes = (config: Config, deps: ActionDeps & CredentialUseDeps): readonly Route[] =>
  actions.flatMap((action) => connectAction(action, config, deps));

/** A loaded configuration names only what exists, so a miss is a mistake of ours. */
function known<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw new Fault("configuration_invalid", `there is no "${name}"`, { retryable: false });
}
