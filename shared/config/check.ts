import type { Clock } from "../host/clock.ts";
import type { Secrets } from "../host/secrets.ts";
import type { Check, CheckContext, Found } from "./checks/check.ts";
import { checks } from "./checks/registry.ts";
import { ignoreOf } from "./checks/unused-ignore.ts";
import { type ConfigFinding, findingOf, inOrder, type LoadedConfig, readConfig } from "./load.ts";

/**
 * All that is wrong with a configuration, and all that its checks find in the parts whose form is right. A bridge does not
 * start with an error among them. Throws `configuration_invalid` if the file does not exist.
 */
export async function checkConfig(path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> {
  return checkLoaded(await readConfig(path), path, secrets);
}

/** The same for a configuration that was read; `path` is what its findings name. */
export const checkLoaded = (loaded: LoadedConfig, path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> =>
  findingsOf(loaded, path, { secrets, here: undefined });

/**
 * `checkConfig` on the machine where the bridge will run: what it would use here is tried as well, the secrets of its
 * sources and the files of keys. Nothing is called.
 */
export const checkHere = async (path: string, secrets: Secrets, clock: Clock): Promise<readonly ConfigFinding[]> =>
  findingsOf(await readConfig(path), path, { secrets, here: { clock } });

async function findingsOf(
  loaded: LoadedConfig,
  path: string,
  surroundings: Omit<CheckContext, "found">,
): Promise<readonly ConfigFinding[]> {
  const mistakes = loaded.ok ? [] : loaded.findings;
  const sound = loaded.ok ? { ...loaded, incomplete: [] } : loaded.sound;
  if (sound === undefined) return mistakes;
  const { config, file, incomplete } = sound;
  const found: Found[] = [];
  const canRun = ({ needs, canBeIgnored }: Check): boolean =>
    // Without `checks` it is open which findings are ignored.
    ![...needs, ...(canBeIgnored ? ["checks"] : [])].some((section) => incomplete.includes(section));
  for (const check of checks.filter(canRun)) {
    const problems = await check.run(config, { ...surroundings, found });
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
