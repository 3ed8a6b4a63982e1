import { readFile } from "node:fs/promises";
import { Fault } from "../host/fault.ts";
import { configOf } from "./config-of.ts";
import type { ConfigProblem } from "./explain.ts";
import type { Config } from "./schema.ts";
import { type Path, type Place, readYaml, type YamlFile } from "./yaml-file.ts";

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

/**
 * Reads `drawbridge.yaml`, or tells all that is wrong with it at once.
 * Throws `configuration_invalid` if there is no such file.
 */
export async function readConfig(path: string): Promise<LoadedConfig> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Fault("configuration_invalid", `${path}: the file cannot be read`, { retryable: false, cause });
  });
  return parseConfig(text, path);
}

/** The same for a text; `path` is what its findings name. Never throws. */
export function parseConfig(text: string, path: string): LoadedConfig {
  const file = readYaml(text);
  if (file.syntaxProblems.length > 0) {
    const findings = file.syntaxProblems.map(({ at, message }) => findingAt("error", path, at, message));
    return { ok: false, findings };
  }
  const { config, problems } = configOf(file.value);
  if (config !== undefined && problems.length === 0) return { ok: true, config, file };
  return { ok: false, findings: findingsOf("error", problems, { path, file }) };
}

/** Problems as findings, in the order of the file. */
export function findingsOf(
  level: ConfigFinding["level"],
  problems: readonly ConfigProblem[],
  at: FileAt,
): readonly ConfigFinding[] {
  return problems
    .map((problem) => ({ problem, place: at.file.locate(problem.path) }))
    .sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
    .map(({ problem }) => findingOf(level, problem, at));
}

function findingOf(
  level: ConfigFinding["level"],
  { path, message }: ConfigProblem,
  { path: name, file }: FileAt,
): ConfigFinding {
  return findingAt(level, name, file.locate(path), path.length === 0 ? message : `${shown(path)}: ${message}`);
}

interface FileAt {
  readonly path: string;
  readonly file: YamlFile;
}

function findingAt(level: ConfigFinding["level"], path: string, { line, column }: Place, told: string): ConfigFinding {
  return { level, message: `${path}:${line}:${column} ${told}` };
}

/** `claims[0].path`. */
const shown = (path: Path): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`)).join("");
