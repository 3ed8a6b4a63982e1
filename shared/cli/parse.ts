import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest } from "../config/suggest.ts";
import { type EpochMillis, systemClock } from "../host/clock.ts";
import { type Command, type Invocation, type Option, synopsisOf, usageFault } from "./command.ts";

/** The result of parsing a command line. */
export type Parsed =
  | { readonly kind: "version" }
  /** The help of one command or of one group, such as `events`; of the whole command line if both are undefined. */
  | { readonly kind: "help"; readonly command?: Command; readonly group?: string }
  | { readonly kind: "exit codes" }
  | ({ readonly kind: "run"; readonly command: Command } & Pick<
      Invocation,
      "positionals" | "options" | "lists" | "given"
    >);

/**
 * Parses a command line, or throws `usage_invalid`. Each command accepts only its own options: if it ignored an option of
 * another command, it would do something else than the user intended.
 */
export function parseCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  now = systemClock.now(),
): Parsed {
  const { words, given } = readTokens(args, commands);
  const isGiven = (name: string): boolean => given.some((one) => one.name === name);
  if (isGiven("version")) return { kind: "version" };
  const isHelp = isGiven("help") || words[0] === "help";
  const commandWords = words[0] === "help" ? words.slice(1) : words;
  const [group = ""] = commandWords;
  if (words[0] === "help" && commandWords.join(" ") === "exit-codes") return { kind: "exit codes" };
  if (isHelp && commandWords.length === 0) return { kind: "help" };
  if (isHelp && commandWords.length === 1 && isGroup(group, commands)) return { kind: "help", group };
  if (commandWords.length === 0) {
    const [unknown] = given;
    if (unknown) throw usageFault(`${unknown.rawName} needs a command; see drawbridge --help`);
    throw usageFault("which command? See drawbridge --help");
  }
  const command = commandOf(commandWords, commands);
  if (isHelp) return { kind: "help", command };
  for (const one of given) checkGiven(one, command, commands);
  checkRepeated(given, command);
  const positionals = commandWords.slice(command.name.split(" ").length);
  checkPositionals(positionals, command);
  const { values } = parseArgs({ args: [...args], options: typesOf(command), allowPositionals: true });
  const defaults = Object.entries(command.options).map(([name, option]) => [name, option.default]);
  return {
    kind: "run",
    command,
    positionals,
    options: { ...Object.fromEntries(defaults), ...convertedTexts(values, command, now) },
    lists: listsOf(values),
    given: new Set(Object.keys(values)),
  };
}

interface GivenOption {
  readonly name: string;
  /** As written: `--route`. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether it is written `--route=docs`. */
  readonly isInline: boolean;
}

/** Splits a command line into words and options. It uses the options of all commands: the command is not known yet. */
function readTokens(args: readonly string[], commands: readonly Command[]) {
  const options = Object.assign({ version: { type: "boolean" } }, ...commands.map(typesOf));
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const words: string[] = [];
  const given: GivenOption[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    given.push({ name, rawName, value, isInline: token.inlineValue === true });
  }
  return { words, given };
}

function typesOf({ options }: Command): NonNullable<ParseArgsConfig["options"]> {
  const types = Object.entries(options).map(([name, { value, isRepeatable = false }]) => [
    name,
    { type: value === undefined ? "boolean" : "string", multiple: isRepeatable },
  ]);
  return { ...Object.fromEntries(types), help: { type: "boolean", short: "h" } };
}

const listsOf = (values: object): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (Array.isArray(value) ? [[name, value.map(String)]] : [])),
  );

/** The values of the options that have one, in the form that the command gets. */
const convertedTexts = (values: object, command: Command, now: EpochMillis): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      if (typeof value !== "string") return [];
      const convert = optionOf(command, name)?.rule?.convert;
      return [[name, convert === undefined ? value : convert(value, now)]];
    }),
  );

const isGroup = (word: string, commands: readonly Command[]): boolean =>
  commands.some(({ name }) => name.startsWith(`${word} `));

function commandOf(words: readonly string[], commands: readonly Command[]): Command {
  const known = commands.find(({ name }) => `${words.join(" ")} `.startsWith(`${name} `));
  if (known !== undefined) return known;
  const [first = "", second] = words;
  const names = commands.map(({ name }) => name);
  const siblings = names.filter((name) => name.startsWith(`${first} `));
  if (siblings.length > 0) {
    if (second === undefined) throw usageFault(`which of these? ${siblings.join(", ")}`);
    const seconds = siblings.map((name) => name.slice(first.length + 1));
    const similar = nearest(second, seconds);
    const advice = similar === undefined ? `there are: ${siblings.join(", ")}` : `did you mean "${first} ${similar}"?`;
    throw usageFault(`there is no command "${first} ${second}"; ${advice}`);
  }
  // The most likely mistake is the second word alone, such as `replay`.
  const bySecond = names.filter((name) => name.endsWith(` ${first}`));
  const similar =
    bySecond.length > 0
      ? bySecond
      : [nearest(first, [...names, ...names.map(firstWord)])].flatMap((name) => name ?? []);
  const advice =
    similar.length === 0 ? "see drawbridge --help" : `did you mean ${similar.map((name) => `"${name}"`).join(" or ")}?`;
  throw usageFault(`there is no command "${first}"; ${advice}`);
}

const firstWord = (name: string): string => name.split(" ")[0] ?? "";

function checkGiven(
  { name, rawName, value, isInline }: GivenOption,
  command: Command,
  commands: readonly Command[],
): void {
  if (name === "help") return;
  const option = optionOf(command, name);
  if (option === undefined) throw unknownOption({ name, rawName }, command, commands);
  if (option.value === undefined) {
    if (value === undefined) return;
    throw usageFault(`--${name} takes no value`);
  }
  if (value === undefined || value === "") throw usageFault(`--${name} needs a value: --${name} <${option.value}>`);
  if (!isInline && value.startsWith("-")) {
    throw usageFault(
      `--${name} needs a value: --${name} <${option.value}>; one that begins with "-" is written --${name}=-…`,
    );
  }
  if (option.rule?.accepts(value) === false) throw usageFault(`--${name} must be ${option.rule.expected}`);
}

const optionOf = ({ options }: Command, name: string): Option | undefined =>
  Object.hasOwn(options, name) ? options[name] : undefined;

function unknownOption(
  { name, rawName }: Pick<GivenOption, "name" | "rawName">,
  command: Command,
  commands: readonly Command[],
) {
  const own = [...Object.keys(command.options), "help"];
  const similar = nearest(name, own);
  const others = commands.filter((one) => optionOf(one, name) !== undefined).map((one) => `"${one.name}"`);
  const advice = [
    ...(similar === undefined ? [] : [`did you mean --${similar}?`]),
    ...(others.length === 0 ? [] : [`it is an option of ${others.join(", ")}.`]),
    ...(similar === undefined ? [`The options here are ${own.map((one) => `--${one}`).join(", ")}`] : []),
  ].join(" ");
  return usageFault(`"${command.name}" has no option ${rawName}: ${advice}`);
}

function checkRepeated(given: readonly GivenOption[], command: Command): void {
  const seen = new Set<string>();
  for (const { name } of given) {
    if (seen.has(name) && !optionOf(command, name)?.isRepeatable) throw usageFault(`--${name} is given more than once`);
    seen.add(name);
  }
}

/** In a URL these are no segment of a path: the request would go to another address. */
const NO_NAMES: ReadonlySet<string> = new Set(["", ".", ".."]);

function checkPositionals(given: readonly string[], command: Command): void {
  const { positionals, whyNoMore } = command;
  if (given.length > positionals.length) {
    throw usageFault(whyNoMore ?? `too many arguments: it is "${synopsisOf(command)}"`);
  }
  for (const [at, word] of given.entries()) {
    const { name = "", choices } = positionals[at] ?? {};
    if (NO_NAMES.has(word.trim())) throw usageFault(`which ${name}? It is "${synopsisOf(command)}"`);
    if (choices?.includes(word) === false) throw usageFault(`${name} must be one of ${choices.join(", ")}`);
  }
  const missing = positionals[given.length];
  if (missing !== undefined && !missing.isOptional) {
    throw usageFault(`which ${missing.name}? It is "${synopsisOf(command)}"`);
  }
}
