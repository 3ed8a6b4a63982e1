import type { Secrets } from "../host/secrets.ts";
import { echoes } from "./echoes.ts";
import type { ConfigProblem } from "./explain.ts";
import { type ConfigFinding, findingsOf, type LoadedConfig, readConfig } from "./load.ts";
import type { Config } from "./schema.ts";
import { refsIn } from "./secret-refs.ts";
import { shadowed } from "./shadowed.ts";
import { unapprovable } from "./unapprovable.ts";
import { loops, openToAllSites, selfServed, unencrypted, unnamedPresets, unpinned, weaklyPinned } from "./unsafe.ts";
import { unmatched, unpublished, unreported, unused } from "./useless.ts";

/**
 * All that is wrong with a configuration; if nothing is, all that is unsafe or useless in it. A bridge does not start with
 * an error among them. Throws `configuration_invalid` if there is no such file.
 */
export async function checkConfig(path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> {
  return checkLoaded(await readConfig(path), path, secrets);
}

/** The same for a configuration that was read; `path` is what its findings name. */
export async function checkLoaded(
  loaded: LoadedConfig,
  path: string,
  secrets: Secrets,
): Promise<readonly ConfigFinding[]> {
  if (!loaded.ok) return loaded.findings;
  const { config, file } = loaded;
  const errors = [
    unpinned(config),
    selfServed(config),
    loops(config),
    echoes(config),
    unapprovable(config),
    await unresolved(config, secrets),
  ];
  const warnings = [
    weaklyPinned,
    unnamedPresets,
    openToAllSites,
    unencrypted,
    shadowed,
    unmatched,
    unpublished,
    unreported,
    unused,
  ].map((find) => find(config));
  return [
    ...findingsOf("error", errors.flat(), { path, file }),
    ...findingsOf("warning", warnings.flat(), { path, file }),
  ];
}

async function unresolved({ sources, targets }: Config, secrets: Secrets): Promise<readonly ConfigProblem[]> {
  const parts = [
    ...sources.map(({ name, settings }) => refsIn(settings, ["sources", name])),
    ...targets.map(({ name, settings }) => refsIn(settings, ["targets", name])),
  ];
  const problems = await Promise.all(
    parts.flat().map(([path, ref]) =>
      secrets.read(ref).then(
        () => [],
        (fault: Error) => [{ path, message: fault.message }],
      ),
    ),
  );
  return problems.flat();
}
