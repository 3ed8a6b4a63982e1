import type { Command } from "./command.ts";

/** Returns a script for one shell that completes commands, options and known values. */
export function completionScript(shell: string, commands: readonly Command[]): string {
  switch (shell) {
    case "zsh":
      return `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case "fish":
      return fishScript(commands);
    default:
      return bashScript(commands);
  }
}

const wordsOf = ({ name }: Command): readonly string[] => name.split(" ");
const flagsOf = ({ options }: Command): readonly string[] =>
  [...Object.keys(options), "help"].map((name) => `--${name}`);
const choicesOf = ({ positionals }: Command): readonly string[] => positionals.flatMap(({ choices = [] }) => choices);
const unique = (words: readonly string[]): string => [...new Set(words)].join(" ");

/** Returns the words that can follow `drawbridge`, and those that can follow each group. */
function nextWords(commands: readonly Command[]): readonly (readonly [before: string, words: string])[] {
  const groups = [...new Set(commands.flatMap((command) => wordsOf(command).slice(0, -1)))];
  return [
    ["", unique([...commands.map((command) => wordsOf(command)[0] ?? ""), "--help", "--version"])],
    ...groups.map(
      (group) =>
        [
          group,
          unique(commands.flatMap(({ name }) => (name.startsWith(`${group} `) ? name.split(" ").slice(1) : []))),
        ] as const,
    ),
  ];
}

function bashScript(commands: readonly Command[]): string {
  const values = commands.flatMap((command) =>
    Object.entries(command.options).flatMap(([name, { value, rule }]) =>
      value === undefined ? [] : [[`${command.name}* --${name}`, rule?.choices?.join(" ") ?? ""] as const],
    ),
  );
  const cases = [
    ...nextWords(commands).map(([before, words]) => `    "${before}") choices="${words}" ;;`),
    // After an option with a value: its known values, else the name of a file.
    ...values.map(
      ([pattern, choices]) => `    ${quotedPattern(pattern)}) ${choices === "" ? "return" : `choices="${choices}"`} ;;`,
    ),
    ...commands.map((command) => {
      const words = unique([...choicesOf(command), ...flagsOf(command)]);
      return `    "${command.name}"|"${command.name} "*) choices="${words}" ;;`;
    }),
  ];
  return `_drawbridge() {
  local before="\${COMP_WORDS[*]:1:COMP_CWORD-1}" choices=""
  case "$before" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _drawbridge drawbridge`;
}

/** Quotes the parts of a shell pattern, such as `events list* --source`, but not its `*`. */
const quotedPattern = (pattern: string): string =>
  pattern
    .split("*")
    .map((part) => `"${part}"`)
    .join("*");

function fishScript(commands: readonly Command[]): string {
  const line = (before: string, rest: string): string => `complete -c drawbridge -n "${before}" ${rest}`;
  const seen = (words: readonly string[]): string =>
    words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  const next = nextWords(commands).map(([before, words]) =>
    line(
      before === "" ? "__fish_use_subcommand" : `${seen([before])}; and not __fish_seen_subcommand_from ${words}`,
      `-f -a "${words}"`,
    ),
  );
  const options = commands.flatMap((command) =>
    Object.entries(command.options).map(([name, { value, rule, summary }]) => {
      const values = rule?.choices ? ` -f -a "${rule.choices.join(" ")}"` : "";
      const about = summary.replace(/["\\$]/g, "");
      return line(seen(wordsOf(command)), `-l ${name}${value === undefined ? "" : ` -r${values}`} -d "${about}"`);
    }),
  );
  const choices = commands.flatMap((command) =>
    choicesOf(command).length === 0 ? [] : [line(seen(wordsOf(command)), `-f -a "${choicesOf(command).join(" ")}"`)],
  );
  return [...next, ...options, ...choices].join("\n");
}
