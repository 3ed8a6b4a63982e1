import type { Secrets } from "../host/secrets.ts";
import { echoes } from "./checks/feedback-loops.ts";
import { shadowed } from "./checks/shadowed.ts";
import { sharedWithJobs, unaddressed } from "./checks/token-uses.ts";
import { unapprovable } from "./checks/unapprovable.ts";
import { unreachableConsole } from "./checks/unreachable-console.ts";
import {
  loops,
  openToAllSites,
  selfServed,
  unencrypted,
  unnamedPresets,
  unpinned,
  weaklyPinned,
} from "./checks/unsafe.ts";
import { unmatched, unpublished, unreported, unused } from "./checks/useless.ts";
import type { ConfigProblem } from "./explain.ts";
import { type ConfigFinding, findingsOf, type LoadedConfig, readConfig } from "./load.ts";
import { refsIn } from "./references.ts";
import type { Config } from "./schema.ts";
import { unsealed } from "./system-tokens.ts";

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
    unsealed(config),
    unreachableConsole(config),
    await unreadable(neededRefs(config), secrets),
  ];
  const warnings = [
    weaklyPinned,
    unnamedPresets,
    openToAllSites,
    unencrypted,
    sharedWithJobs,
    unaddressed,
    shadowed,
    unmatched,
    unpublished,
    unreported,
    unused,
  ].map((find) => find(config));
  // A key beside the one that signs is left out of what is published: that can wait.
  const unpublishable = await unreadable(keyRefs(config, 1), secrets);
  return [
    ...findingsOf("error", errors.flat(), { path, file }),
    ...findingsOf("warning", [...warnings.flat(), ...unpublishable], { path, file }),
  ];
}

type Refs = ReturnType<typeof refsIn>;

const keyRefs = ({ identity }: Config, from: number, to?: number): Refs =>
  (identity?.keys ?? [])
    .map((ref, at) => refsIn(ref, ["identity", "keys", at]))
    .slice(from, to)
    .flat();

/** Secrets without which something cannot work. */
const neededRefs = (config: Config): Refs => [
  ...keyRefs(config, 0, 1),
  ...config.sources.flatMap(({ name, settings }) => refsIn(settings, ["sources", name])),
  ...config.targets.flatMap(({ name, settings }) => refsIn(settings, ["targets", name])),
  ...refsIn(config.console, ["console"]),
];

async function unreadable(refs: Refs, secrets: Secrets): Promise<readonly ConfigProblem[]> {
  const problems = await Promise.all(
    refs.map(([path, ref]) =>
      secrets.read(ref).then(
        () => [],
        (fault: Error) => [{ path, message: fault.message }],
      ),
    ),
  );
  return problems.flat();
}
