import type { Command } from "./command.ts";

/** Returns a script for one shell that completes commands, options and known values. */
export function completionScript(shell: string, commands: readonly Command[]): string {
  switch (shell) {
    case "zsh":
      return zshScript(commands);
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

/** The branches of a `case` over the words before the cursor, for bash and zsh. They set `choices`, or return for a file. */
function branches(commands: readonly Command[], { forFile }: { readonly forFile: string }): string {
  const values = commands.flatMap((command) =>
    Object.entries(command.options).flatMap(([name, { value, rule }]) =>
      value === undefined ? [] : [[`${command.name}* --${name}`, rule?.choices?.join(" ") ?? ""] as const],
    ),
  );
  return [
    ...nextWords(commands).map(([before, words]) => `    "${before}") choices="${words}" ;;`),
    // After an option with a value: its known values, else the name of a file.
    ...values.map(
      ([pattern, choices]) => `    ${quotedPattern(pattern)}) ${choices === "" ? forFile : `choices="${choices}"`} ;;`,
    ),
    ...commands.map((command) => {
      const words = unique([...choicesOf(command), ...flagsOf(command)]);
      return `    "${command.name}"|"${command.name} "*) choices="${words}" ;;`;
    }),
  ].join("\n");
}

const bashScript = (commands: readonly Command[]): string => `_drawbridge() {
  local before="\${COMP_WORDS[*]:1:COMP_CWORD-1}" choices=""
  case "$before" in
${branches(commands, { forFile: "return" })}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _drawbridge drawbridge`;

/** It can be evaluated after `compinit`, or saved as `_drawbridge` in a folder of `fpath`. */
const zshScript = (commands: readonly Command[]): string => `#compdef drawbridge
_drawbridge() {
  local before="\${(j: :)words[2,CURRENT-1]}" choices=""
  case "$before" in
${branches(commands, { forFile: "_files; return" })}
  esac
  compadd -- \${=choices}
}
if [ "$funcstack[1]" = "_drawbridge" ]; then
  _drawbridge "$@"
else
  compdef _drawbridge drawbridge
fi`;

/** Quotes the parts of a shell pattern, such as `events list* --source`, but not its `*`. */
const quotedPattern = (pattern: string): string =>
  pattern
    .split("*")
    .map((part) => `"${part}"`)
    .join("*");

function fishScript(commands: readonly Command[]): string {
  const line = (before: string, rest: string): string => `complete -c drawbridge -n ${fishQuoted(before)} ${rest}`;
  const next = nextWords(commands).map(([before, words]) =>
    line(`__drawbridge_at ${fishQuoted(before)}`, `-f -a ${fishQuoted(words)}`),
  );
  const options = commands.flatMap((command) => {
    const within = `__drawbridge_within ${fishQuoted(command.name)}`;
    const rows = Object.entries(command.options).map(([name, { value, rule, summary }]) => {
      const values = rule?.choices ? ` -f -a ${fishQuoted(rule.choices.join(" "))}` : "";
      return line(within, `-l ${name}${value === undefined ? "" : ` -r${values}`} -d ${fishQuoted(summary)}`);
    });
    return [...rows, line(within, "-l help -d 'its options, and examples'")];
  });
  const choices = commands.flatMap((command) => {
    const words = choicesOf(command);
    if (words.length === 0) return [];
    return [line(`__drawbridge_at ${fishQuoted(command.name)}`, `-f -a ${fishQuoted(words.join(" "))}`)];
  });
  // The words before the cursor, without the program's name.
  return `function __drawbridge_at
    set -l words (commandline -opc)[2..-1]
    test "$words" = "$argv[1]"
end
function __drawbridge_within
    set -l words (commandline -opc)[2..-1]
    string match -q -- "$argv[1] *" "$words "
end
${[...next, ...options, ...choices].join("\n")}`;
}

const fishQuoted = (text: string): string => `'${text.replace(/['\\]/g, String.raw`\$&`)}'`;
