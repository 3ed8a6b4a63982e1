import * as v from "valibot";
import { encryptionSecret } from "../host/encryption-key.ts";
import type { TokenEncryption } from "../outbound/system-tokens.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";

// This reads the settings of sources and targets by their keys, whatever provider or action they belong to.

/** Settings of a source that keeps a system token. */
export const keeping = v.object({
  site: v.string(),
  forge: v.object({ trust: v.string(), systemToken: v.object({ sealedBy: encryptionSecret }) }),
});
/** Settings of a target whose calls show one. */
export const showing = v.object({ site: v.string(), credential: v.object({ forge: v.string() }) });

/** How system tokens are kept, by the sources that keep one. */
export const tokenEncryptionsOf = ({
  sources,
  issuers,
}: Pick<Config, "sources" | "issuers">): ReadonlyMap<string, TokenEncryption> =>
  new Map(
    sources.flatMap(({ name, settings }) => {
      const read = v.safeParse(keeping, settings);
      if (!read.success) return [];
      const { trust, systemToken } = read.output.forge;
      return [[name, { ...systemToken, apps: issuers[trust]?.audience ?? [] }] as const];
    }),
  );

/** What opens the system tokens that these targets are shown. */
export function tokenEncryptionsFor(targets: readonly ConfiguredTarget[], config: Config): readonly TokenEncryption[] {
  const encryptions = tokenEncryptionsOf(config);
  return targets.flatMap(({ settings }) => {
    const read = v.safeParse(showing, settings);
    return read.success ? (encryptions.get(read.output.credential.forge) ?? []) : [];
  });
}
