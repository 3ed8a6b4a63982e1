import * as v from "valibot";
import { sealingSecret } from "../host/sealing-key.ts";
import type { Sealing } from "../outbound/system-tokens.ts";
import type { ConfigProblem } from "./explain.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";
import { suggestion } from "./suggest.ts";

// This reads the settings of sources and targets by their keys, whatever provider or action they belong to.

const keeping = v.object({
  site: v.string(),
  forge: v.object({ trust: v.string(), systemToken: v.object({ sealedBy: sealingSecret }) }),
});
const showing = v.object({ site: v.string(), credential: v.object({ forge: v.string() }) });

/** How system tokens are kept, by the sources that keep one. */
export const sealingsOf = ({ sources, issuers }: Pick<Config, "sources" | "issuers">): ReadonlyMap<string, Sealing> =>
  new Map(
    sources.flatMap(({ name, settings }) => {
      const read = v.safeParse(keeping, settings);
      if (!read.success) return [];
      const { trust, systemToken } = read.output.forge;
      return [[name, { ...systemToken, apps: issuers[trust]?.audience ?? [] }] as const];
    }),
  );

/** What opens the system tokens that these targets are shown. */
export function sealingsFor(targets: readonly ConfiguredTarget[], config: Config): readonly Sealing[] {
  const sealings = sealingsOf(config);
  return targets.flatMap(({ settings }) => {
    const read = v.safeParse(showing, settings);
    return read.success ? (sealings.get(read.output.credential.forge) ?? []) : [];
  });
}

/** Targets that are to be shown a system token which no source keeps, or which is another site's. */
export function unsealed({ sources, targets }: Config): readonly ConfigProblem[] {
  return targets.flatMap(({ name, settings }) => {
    const read = v.safeParse(showing, settings);
    if (!read.success) return [];
    const { site, credential } = read.output;
    const source = sources.find((one) => one.name === credential.forge);
    const kept = v.safeParse(keeping, source?.settings);
    const path = ["targets", name, "credential", "forge"];
    if (source === undefined) {
      const names = sources.map((one) => one.name);
      return [{ path, message: `there is no source "${credential.forge}"${suggestion(credential.forge, names)}` }];
    }
    if (!kept.success)
      return [{ path, message: `the source "${source.name}" keeps no token: give it a "systemToken"` }];
    if (kept.output.site === site) return [];
    return [{ path, message: `the source "${source.name}" is of another site, ${kept.output.site}` }];
  });
}
