import { type Command, type Option, synopsisOf } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { wrapped } from "./terminal-text.ts";

/** The widest line of the help text. Wider lines are hard to read. */
const MAX_COLUMNS = 100;
const DEFAULT_COLUMNS = 80;

/** The help of the whole command line. */
export function overview(commands: readonly Command[], columns: number | undefined): string {
  const groups = [...new Set(commands.map(({ group }) => group))];
  const width = Math.max(...commands.map((command) => synopsisOf(command).length));
  const sections = groups.map((group) => {
    const members = commands.filter((command) => command.group === group);
    return section(
      group,
      members.map((command) => [synopsisOf(command), command.summary]),
      columns,
      width,
    );
  });
  return [
    "Usage: drawbridge <command> [options]",
    ...sections,
    section(
      "Every command",
      [
        ["drawbridge <command> --help", "its options, and examples"],
        ["drawbridge help exit-codes", "what a script learns from the exit code"],
        ["drawbridge --version", "the version"],
      ],
      columns,
    ),
    section("Environment", ENVIRONMENT, columns),
  ].join("\n\n");
}

/** The exit codes. */
export function exitCodesHelp(columns: number | undefined): string {
  const rows = EXIT_CODES.map(([code, meaning]) => [String(code), meaning] as const);
  return [section("Exit codes", rows, columns), "An example: drawbridge check --strict || exit 1"].join("\n\n");
}

const ENVIRONMENT = [
  ["DRAWBRIDGE_CONFIG", "path of the configuration"],
  ["DRAWBRIDGE_URL", "address of the bridge"],
  ["DRAWBRIDGE_TOKEN", "your bearer token for the bridge, in place of a login"],
] as const;

/** The help of the commands that begin with one word, such as `events`. */
export function groupHelp(word: string, commands: readonly Command[], columns: number | undefined): string {
  const members = commands.filter(({ name }) => name.startsWith(`${word} `));
  return [
    `Usage: drawbridge ${word} <command> [options]`,
    section(
      "Commands",
      members.map((command) => [synopsisOf(command), command.summary]),
      columns,
    ),
    section("Every command", [[`drawbridge ${word} <command> --help`, "its options, and examples"]], columns),
  ].join("\n\n");
}

/** The help of one command. */
export function commandHelp(command: Command, columns: number | undefined): string {
  const { summary, details, options, examples } = command;
  const rows = [...Object.entries(options).map(optionRow), ["-h, --help", "print this text"] as const];
  return [
    `Usage: drawbridge ${synopsisOf(command)}${Object.keys(options).length === 0 ? "" : " [options]"}`,
    wrapped([sentence(summary), details ?? ""].join(" ").trim(), widthOf(columns)).join("\n"),
    section("Options", rows, columns),
    ["Examples", ...examples.flatMap((example) => exampleLines(example, widthOf(columns)))].join("\n"),
  ].join("\n\n");
}

/** A command line that is too wide is continued before an option or a pipe, as a shell reads it. */
function exampleLines(example: string, width: number): readonly string[] {
  const lines = [""];
  for (const part of `  drawbridge ${example}`.split(/ (?=--|[|>] )/)) {
    const last = lines.at(-1) ?? "";
    if (last === "") lines[lines.length - 1] = part;
    else if (last.length + part.length + " ".length + CONTINUED.length <= width)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(`      ${part}`);
  }
  return lines.map((line, at) => (at < lines.length - 1 ? `${line}${CONTINUED}` : line));
}

const CONTINUED = " \\";

function optionRow([name, { value, summary, default: fallback }]: [string, Option]): readonly [string, string] {
  const form = value === undefined ? `--${name}` : `--${name} <${value}>`;
  return [form, fallback === undefined ? summary : `${summary} (default: ${fallback})`];
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const widthOf = (columns: number | undefined): number => Math.min(columns ?? DEFAULT_COLUMNS, MAX_COLUMNS);

/** Formats a heading and rows of two columns. The second column is wrapped at the width of the terminal. */
function section(
  heading: string,
  rows: readonly (readonly [name: string, summary: string])[],
  columns: number | undefined,
  width = Math.max(...rows.map(([name]) => name.length)),
): string {
  const indent = width + 4;
  const lines = rows.map(([name, summary]) => {
    const text = wrapped(summary, widthOf(columns) - indent).join(`\n${" ".repeat(indent)}`);
    return `  ${name.padEnd(width)}  ${text}`;
  });
  return [heading, ...lines].join("\n");
}
