import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { Fault } from "../host/fault.ts";
import { type Assembly, assemble } from "./assemble.ts";
import { type ConfigProblem, explain } from "./explain.ts";
import { type Config, outline } from "./schema.ts";
import { readYaml, type YamlFile } from "./yaml-file.ts";

/** One thing to tell of a configuration, with where it is: `file:line:column path: message`. */
export interface ConfigFinding {
  readonly level: "error" | "warning";
  readonly message: string;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly file: YamlFile }
  | { readonly ok: false; readonly findings: readonly ConfigFinding[] };

/** Loads `drawbridge.yaml`. Throws `configuration_invalid` with all that is wrong, a line each. */
export async function loadConfig(path: string): Promise<Config> {
  const loaded = await readConfig(path);
  if (loaded.ok) return loaded.config;
  throw new Fault("configuration_invalid", loaded.findings.map(({ message }) => message).join("\n"), {
    retryable: false,
  });
}

/** Reads `drawbridge.yaml`, or tells all that is wrong with it at once. Throws `configuration_invalid` if there is no such file. */
export async function readConfig(path: string): Promise<LoadedConfig> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Fault("configuration_invalid", `${path}: the file cannot be read`, { retryable: false, cause });
  });
  return parseConfig(text, path);
}

/** The same for a text; `path` is what its findings name. */
export function parseConfig(text: string, path: string): LoadedConfig {
  const file = readYaml(text);
  if (file.syntaxProblems.length > 0) {
    const findings = file.syntaxProblems.map(({ at, message }) => ({
      level: "error" as const,
      message: `${path}:${at} ${message}`,
    }));
    return { ok: false, findings };
  }
  const { config, problems } = configOf(file.value ?? {});
  if (config !== undefined && problems.length === 0) return { ok: true, config, file };
  return { ok: false, findings: problems.map((problem) => findingOf("error", problem, { path, file })) };
}

export function findingOf(
  level: ConfigFinding["level"],
  problem: ConfigProblem,
  { path, file }: { readonly path: string; readonly file: YamlFile },
): ConfigFinding {
  const where = problem.path.length === 0 ? "" : ` ${problem.path.join(".")}:`;
  return { level, message: `${path}:${file.locate(problem.path)}${where} ${problem.message}` };
}

function configOf(value: unknown): Assembly {
  const read = v.safeParse(outline, value);
  return read.success ? assemble(read.output) : { problems: explain(read.issues, outline, []) };
}
