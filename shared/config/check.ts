import { actions } from "../actions/registry.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import type { Check, CheckContext, Found } from "./checks/check.ts";
import { checks } from "./checks/registry.ts";
import { ignoreOf } from "./checks/unused-ignore.ts";
import { type ConfigFinding, findingOf, inOrder, type LoadedConfig, readConfig, showFinding } from "./load.ts";
import type { Config } from "./schema.ts";

/**
 * Returns all mistakes of a configuration, and all findings of the checks in its valid parts. A bridge does not start if
 * one of them is an error. Throws `configuration_invalid` if the file does not exist.
 */
export async function checkConfig(path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> {
  return checkLoaded(await readConfig(path), path, secrets);
}

/** The same for a loaded configuration. `path` is the file name in its findings. */
export const checkLoaded = (loaded: LoadedConfig, path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> =>
  findingsOf(loaded, path, { secrets, here: undefined });

/**
 * `checkConfig` on the machine where the bridge will run: it also tries the secrets of the sources and the key files. It
 * sends no request.
 */
export const checkHere = async (path: string, secrets: Secrets, clock: Clock): Promise<readonly ConfigFinding[]> =>
  checkLoadedHere(await readConfig(path), path, secrets, clock);

/** As {@link checkHere}, for a loaded configuration. */
export const checkLoadedHere = (
  loaded: LoadedConfig,
  path: string,
  secrets: Secrets,
  clock: Clock,
): Promise<readonly ConfigFinding[]> => findingsOf(loaded, path, { secrets, here: { clock } });

export interface CheckedConfig {
  readonly config: Config;
  readonly warnings: readonly ConfigFinding[];
}

/**
 * Reads a configuration and checks it as {@link checkHere} does, so that what was checked is what is used. Throws
 * `configuration_invalid` with one line for each error.
 */
export async function readChecked(path: string, secrets: Secrets, clock: Clock): Promise<CheckedConfig> {
  const loaded = await readConfig(path);
  const findings = await findingsOf(loaded, path, { secrets, here: { clock } });
  const errors = findings.filter(({ level }) => level === "error");
  if (loaded.ok && errors.length === 0) {
    return { config: loaded.config, warnings: findings.filter(({ level }) => level === "warning") };
  }
  const message = ["the configuration is invalid:", ...errors.map(showFinding)].join("\n");
  throw new Fault("configuration_invalid", message, { retryable: false });
}

/** Returns a line for each target that says what it costs; none if the configuration has a mistake of form. */
export async function expectedOfTargets(path: string): Promise<readonly string[]> {
  const loaded = await readConfig(path);
  if (!loaded.ok) return [];
  return loaded.config.targets.flatMap(({ name, kind, settings }) => {
    const expected = actions.find((action) => action.name === kind)?.expects?.(settings);
    return expected === undefined ? [] : [`info targets.${name}: ${expected}`];
  });
}

async function findingsOf(
  loaded: LoadedConfig,
  path: string,
  context: Omit<CheckContext, "found">,
): Promise<readonly ConfigFinding[]> {
  const mistakes = loaded.ok ? [] : loaded.findings;
  const valid = loaded.ok ? { ...loaded, incomplete: [] } : loaded.valid;
  if (valid === undefined) return mistakes;
  const { config, file, incomplete } = valid;
  const found: Found[] = [];
  const canRun = ({ needs, canBeIgnored }: Check): boolean =>
    // Without the section `checks`, it is unknown which findings are ignored.
    ![...needs, ...(canBeIgnored ? ["checks"] : [])].some((section) => incomplete.includes(section));
  for (const check of checks.filter(canRun)) {
    const problems = await check.run(config, { ...context, found });
    found.push(...problems.map((problem) => ({ check, problem })));
  }
  const findings = found.map((one) => {
    const { check, problem } = one;
    const ignored = ignoreOf(config, one);
    const finding = { ...findingOf(check.level, problem, { path, file }), id: check.id };
    return ignored === undefined ? finding : { ...finding, level: "ignored" as const, reason: ignored.reason };
  });
  return inOrder([...mistakes, ...findings]);
}
