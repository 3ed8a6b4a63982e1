import { Fault } from "../host/fault.ts";
import { readSmallFile } from "../host/small-file.ts";
import { withoutBroken } from "./build-config.ts";
import type { ConfigProblem } from "./explain.ts";
import { parseConfigValue } from "./parse-config.ts";
import { type Config, outline } from "./schema.ts";
import { UNFILLED } from "./variables.ts";
import { type Path, type Place, readYaml, shownPath, type YamlFile } from "./yaml-file.ts";

/** A mistake in a configuration, or a finding of a check. */
export interface ConfigFinding {
  /** `ignored`: `checks.ignore` of the configuration names it. */
  readonly level: "error" | "warning" | "ignored";
  /** The check that found it. Undefined for a mistake of form, which cannot be ignored. */
  readonly id?: string;
  readonly place: Place;
  /** `file:line:column path: what is wrong`. */
  readonly message: string;
  /** Why it is ignored. */
  readonly reason?: string;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly file: YamlFile }
  | {
      readonly ok: false;
      readonly findings: readonly ConfigFinding[];
      /** The parts without a mistake; undefined if the parts of the file cannot be distinguished. */
      readonly valid: ValidParts | undefined;
    };

interface ValidParts {
  readonly config: Config;
  readonly file: YamlFile;
  /** Sections that lack a part with a mistake. */
  readonly incomplete: readonly string[];
}

/** Loads `drawbridge.yaml`. Throws `configuration_invalid` with all mistakes, one in each line. */
export async function loadConfig(path: string): Promise<Config> {
  const loaded = await readConfig(path);
  if (loaded.ok) return loaded.config;
  throw new Fault("configuration_invalid", loaded.findings.map(({ message }) => message).join("\n"), {
    retryable: false,
  });
}

/** Reads `drawbridge.yaml`, or returns all its mistakes. Throws `configuration_invalid` if the file cannot be read. */
export async function readConfig(path: string): Promise<LoadedConfig> {
  const bytes = await readSmallFile(path).catch((cause: Error) => {
    throw new Fault("configuration_invalid", `${path}: ${cause.message}`, { retryable: false, cause });
  });
  if (bytes.length > MAX_CONFIG_BYTES) {
    const why = `the file is larger than ${MAX_CONFIG_BYTES / 1_000} kB`;
    throw new Fault("configuration_invalid", `${path}: ${why}`, { retryable: false });
  }
  return parseConfig(textOf(bytes, path), path);
}

/**
 * About 2,000 routes. The check of a file holds the event loop: for half a second if it is correct, for seconds if each
 * line has a mistake.
 */
const MAX_CONFIG_BYTES = 256_000;

/** Decodes UTF-8, without its byte order mark. Throws `configuration_invalid` for any other encoding. */
function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault("configuration_invalid", `${path}: the file is not UTF-8`, { retryable: false, cause });
  }
}

/** The same for a text. `path` is the file name in its findings. Never throws. */
export function parseConfig(text: string, path: string): LoadedConfig {
  const file = readYaml(text);
  if (file.syntaxProblems.length > 0) {
    const findings = file.syntaxProblems.map(({ at, message }) => findingAt("error", path, at, message));
    const variables = unfilledIn(file, []).map((problem) => findingOf("error", problem, { path, file }));
    return { ok: false, findings: inOrder([...findings, ...variables]), valid: undefined };
  }
  const { config, problems: all } = parseConfigValue(file.value);
  const hidden = file.mistakes.flatMap(({ hides }) => (hides === undefined ? [] : [hides]));
  const ofForm = all.filter((problem) => !hidden.some((above) => isBelow(problem.path, above)));
  const problems = [...ofForm, ...unfilledIn(file, ofForm)];
  if (config !== undefined && problems.length === 0 && file.mistakes.length === 0) return { ok: true, config, file };
  const findings = [
    ...file.mistakes.map((mistake) =>
      findingAt("error", path, mistake.at, `${shownPath(mistake.path)}: ${mistake.message}`),
    ),
    ...problems.map((problem) => findingOf("error", problem, { path, file })),
  ];
  const wrong = [...file.mistakes.map((mistake) => ({ ...mistake, path: mistake.hides ?? mistake.path })), ...problems];
  const valid = config && { config: withoutBroken(config, wrong), file, incomplete: incompleteBy(wrong) };
  return { ok: false, findings: inOrder(findings), valid };
}

const isBelow = (path: Path, above: Path): boolean => above.every((step, at) => step === path[at]);

/** Returns a problem for each unquoted variable with brackets, unless another problem has the same path. */
function unfilledIn({ variables }: YamlFile, problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const reported = new Set(problems.map(({ path }) => shownPath(path)));
  return variables
    .filter((variable) => !reported.has(shownPath(variable)))
    .map((path) => ({
      path,
      message: `${UNFILLED}: write the value itself, or for a secret a reference such as env:NAME`,
    }));
}

/** Returns the sections that may lack a part: all of them if a key is no section, because it may be a misspelt one. */
function incompleteBy(problems: readonly ConfigProblem[]): readonly string[] {
  const sections = new Set(problems.map(({ path }) => String(path[0])));
  return [...sections].every((section) => SECTIONS.includes(section)) ? [...sections] : SECTIONS;
}

const SECTIONS: readonly string[] = Object.keys(outline.entries);

/** Errors first, then warnings, then ignored findings. Each group is in the order of the file. */
export const inOrder = (findings: readonly ConfigFinding[]): readonly ConfigFinding[] =>
  LEVELS.flatMap((level) =>
    findings
      .filter((finding) => finding.level === level)
      .sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column),
  );

const LEVELS = ["error", "warning", "ignored"] as const;

export function findingOf(
  level: ConfigFinding["level"],
  { path, message }: ConfigProblem,
  { path: name, file }: FileAt,
): ConfigFinding {
  const text = path.length === 0 ? message : `${shownPath(path)}: ${message}`;
  return findingAt(level, name, file.locate(path), text);
}

interface FileAt {
  readonly path: string;
  readonly file: YamlFile;
}

const findingAt = (level: ConfigFinding["level"], path: string, place: Place, text: string): ConfigFinding => ({
  level,
  place,
  message: `${path}:${place.line}:${place.column} ${text}`,
});

/** One finding as `drawbridge check` prints it. */
export const showFinding = ({ level, id, message, reason }: ConfigFinding): string =>
  `${level}${id === undefined ? "" : ` [${id}]`} ${message}${reason === undefined ? "" : ` (${reason})`}`;

/** The last line of `drawbridge check`. */
export function showSummary(path: string, findings: readonly ConfigFinding[]): string {
  const count = (level: ConfigFinding["level"]): number => findings.filter((finding) => finding.level === level).length;
  const plural = (level: "error" | "warning"): string => `${count(level)} ${level}${count(level) === 1 ? "" : "s"}`;
  const ignored = count("ignored") === 0 ? "" : `, ${count("ignored")} ignored`;
  // A part with a mistake of form or an unreadable secret is not checked further.
  const mayFollow = findings.some(
    ({ level, id }) => level === "error" && (id ?? "unreadable-secret") === "unreadable-secret",
  );
  return `${path}: ${plural("error")}, ${plural("warning")}${ignored}${mayFollow ? "; more may follow once these are corrected" : ""}`;
}
