import * as v from "valibot";
import { encryptionSecret } from "../host/encryption-key.ts";
import type { TokenEncryption } from "../outbound/system-tokens.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";

// This reads the settings of sources and targets by their keys, independently of their provider or action.

/** Settings of a source that stores a system token. */
export const storesSystemToken = v.object({
  site: v.string(),
  forge: v.object({ trust: v.string(), systemToken: v.object({ sealedBy: encryptionSecret }) }),
});
/** Settings of a target whose calls carry a system token. */
export const usesSystemToken = v.object({ site: v.string(), credential: v.object({ forge: v.string() }) });

/** Returns how each source encrypts its stored system token. Sources without a system token are left out. */
export const tokenEncryptionsOf = ({
  sources,
  issuers,
}: Pick<Config, "sources" | "issuers">): ReadonlyMap<string, TokenEncryption> =>
  new Map(
    sources.flatMap(({ name, settings }) => {
      const parsed = v.safeParse(storesSystemToken, settings);
      if (!parsed.success) return [];
      const { trust, systemToken } = parsed.output.forge;
      return [[name, { ...systemToken, apps: issuers[trust]?.audience ?? [] }] as const];
    }),
  );

/** Returns what decrypts the system tokens that calls to these targets carry. */
export function tokenEncryptionsFor(targets: readonly ConfiguredTarget[], config: Config): readonly TokenEncryption[] {
  const encryptions = tokenEncryptionsOf(config);
  return targets.flatMap(({ settings }) => {
    const parsed = v.safeParse(usesSystemToken, settings);
    return parsed.success ? (encryptions.get(parsed.output.credential.forge) ?? []) : [];
  });
}
