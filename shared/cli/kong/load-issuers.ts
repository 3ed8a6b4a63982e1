import type { Config } from "../../config/schema.ts";
import { callOut as defaultCallOut } from "../../host/call-out.ts";
import { Fault } from "../../host/fault.ts";
import { redactText } from "../../host/url-credentials.ts";
import { ALGORITHMS } from "../../identity/algorithms.ts";
import { discover, jwksLoader, type KeySources } from "../../identity/load-jwks.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import { usageFault } from "../command.ts";
import type { Issuer } from "./callers.ts";
import { type JwtKey, jwtKeysOf } from "./jwt-keys.ts";
import { type Edition, type RenderInput, upstreamsBehind } from "./render.ts";

export interface LoadedIssuers {
  readonly issuers: readonly Issuer[];
  /** What Kong will refuse although the bridge would not. */
  readonly warnings: readonly string[];
  /** Those whose keys could not be loaded: the name, the address and why, without a quote of what was answered. */
  readonly unavailable: readonly string[];
}

/**
 * Loads the present keys of everyone whose tokens may pass to an upstream behind Kong. An issuer that does not publish them
 * now has none.
 */
export async function loadIssuers(
  config: RenderInput["config"],
  edition: Edition,
  sources: KeySources = {},
): Promise<LoadedIssuers> {
  const { identity, kong } = config;
  if (upstreamsBehind(config).length === 0) return { issuers: [], warnings: [], unavailable: [] };
  if (identity === undefined) throw usageFault("an upstream behind Kong needs `identity`");
  const url = `${kong.bridge.url}/.well-known/jwks.json`;
  const own = { issuer: identity.issuer, internalOrigins: [], jwks: { url }, algorithms: ALGORITHMS };
  const bridge = {
    name: "bridge",
    issuer: identity.issuer,
    audiences: [],
    keysUrl: url,
    // An access token lives for an hour at most.
    maxLifetimeSeconds: 3_600,
    clockSkewSeconds: 0,
    entry: undefined,
  };
  const entries = Object.entries(config.issuers)
    .filter(([, entry]) => mayPass(entry, config))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const published = await Promise.all([
    keysOf("bridge", own, sources),
    ...entries.map(([name, entry]) => keysOf(name, entry, sources)),
  ]);
  const urls = await Promise.all(
    entries.map(([name, entry]) => (edition === "enterprise" ? keysUrlOf(name, entry, sources) : undefined)),
  );
  const [bridgeKeys, ...keySets] = published;
  const issuers = [
    { ...bridge, keys: keysIn(bridgeKeys) },
    ...entries.map(([name, entry], at): Issuer => {
      const { issuer, audience: audiences, maxLifetimeSeconds, clockSkewSeconds } = entry;
      const keys = keysIn(keySets[at]);
      return { name, issuer, audiences, keysUrl: urls[at], keys, maxLifetimeSeconds, clockSkewSeconds, entry };
    }),
  ];
  const { distinct, warnings } = withoutCollisions(issuers);
  const bound = entries
    .filter(([, { proof }]) => proof === "dpop")
    .map(([name]) => `${name}: Kong reads no DPoP tokens`);
  return {
    issuers: distinct,
    unavailable: published.flatMap((one) => ("unavailable" in one ? [one.unavailable] : [])),
    warnings:
      edition === "enterprise"
        ? bound
        : [...published.flatMap((one) => ("skipped" in one ? one.skipped : [])), ...warnings, ...bound],
  };
}

/** Whether a token of the entry may get a scope of an upstream behind Kong. */
const mayPass = ({ roles }: TrustEntry, config: RenderInput["config"]): boolean =>
  upstreamsBehind(config).some(([, { allow }]) => allow.some(({ role }) => roles.some((one) => one.role === role)));

type Published =
  | { readonly keys: readonly JwtKey[]; readonly skipped: readonly string[] }
  | { readonly unavailable: string };

const keysIn = (published: Published | undefined): readonly JwtKey[] =>
  published !== undefined && "keys" in published ? published.keys : [];

async function keysOf(
  name: string,
  entry: Pick<TrustEntry, "issuer" | "internalOrigins" | "jwks" | "algorithms">,
  sources: KeySources,
): Promise<Published> {
  try {
    const { keys, skipped } = jwtKeysOf(await jwksLoader(entry, sources)(), entry);
    return { keys, skipped: skipped.map((why) => `${name}: ${why}`) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { unavailable: `${name} from ${placeOfKeys(entry)}: ${error.message}` };
  }
}

/** Where the keys are, or where their address is found. */
function placeOfKeys({ issuer, jwks = { url: issuer } }: Pick<TrustEntry, "issuer" | "jwks">): string {
  if ("file" in jwks) return `the file ${jwks.file}`;
  return "url" in jwks ? redactText(jwks.url) : "the configuration";
}

async function keysUrlOf(name: string, entry: TrustEntry, { callOut = defaultCallOut }: KeySources): Promise<string> {
  if (entry.jwks === undefined) return (await discover(callOut, entry)).url.href;
  if ("url" in entry.jwks) return entry.jwks.url;
  const why = `Kong Enterprise loads keys from an address, and the trust entry "${name}" has none`;
  throw usageFault(`${why}: give it jwks.url, or render for oss`);
}

/**
 * Kong has one key for a kid. The second of two different keys is left out, and the key of the bridge in the set of somebody
 * else: a key in common would make them one caller, with the groups of the bridge.
 */
function withoutCollisions(issuers: readonly Issuer[]) {
  const owners = new Map<string, { readonly pem: string; readonly name: string }>();
  const warnings: string[] = [];
  const ofBridge = new Set(
    issuers.flatMap(({ entry, keys }) => (entry === undefined ? keys : [])).map(({ pem }) => pem),
  );
  const distinct = issuers.map((issuer) => ({
    ...issuer,
    keys: issuer.keys.filter(({ kid, pem }) => {
      if (issuer.entry !== undefined && ofBridge.has(pem)) {
        warnings.push(`${issuer.name}: key ${kid}: it is a key of the bridge`);
        return false;
      }
      const owner = owners.get(kid) ?? { pem, name: issuer.name };
      owners.set(kid, owner);
      if (owner.pem !== pem) warnings.push(`${issuer.name}: key ${kid}: another key of ${owner.name} has this kid`);
      return owner.pem === pem;
    }),
  }));
  return { distinct, warnings };
}

/** The configuration, if it says where Kong is. */
export function withKong(config: Config): RenderInput["config"] {
  const { kong } = config;
  if (kong === undefined) throw usageFault("the configuration has no section `kong` (docs/kong.md)");
  return { ...config, kong };
}
