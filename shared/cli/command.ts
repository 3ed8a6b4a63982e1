import type { EpochMillis } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";
import type { StoreMaintenance } from "../store/maintenance.ts";

/** One command, with the data for its parser, its help and the shell completion. */
export interface Command {
  /** One word or two: `check`, `events list`. */
  readonly name: string;
  /** Its heading in the overview. */
  readonly group: string;
  /** One line of the overview. */
  readonly summary: string;
  /** Further sentences of its own help. */
  readonly details?: string;
  readonly positionals: readonly Positional[];
  readonly options: Readonly<Record<string, Option>>;
  /** Whole command lines, without the program's name. */
  readonly examples: readonly string[];
  /** Why it takes no more arguments. The message does not repeat the argument, which may be a secret. */
  readonly whyNoMore?: string;
  /** Returns the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

interface Positional {
  readonly name: string;
  readonly isOptional?: boolean;
  /** The values that it can have, for the shell completion. */
  readonly choices?: readonly string[];
}

export interface Option {
  /** A name for its value in the help, such as `file`. Undefined for a flag. */
  readonly value?: string;
  readonly summary: string;
  /** The value if the option is not given. */
  readonly default?: string;
  readonly rule?: ValueRule;
  /** Whether it can be given more than once: its values are in `Invocation.lists`. */
  readonly isRepeatable?: true;
}

/** The rule that a value must satisfy. */
export interface ValueRule {
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
  /** All values, if they are few. */
  readonly choices?: readonly string[];
  /** Makes the value that the command gets of an accepted one. Default: the value itself. */
  readonly convert?: (value: string, now: EpochMillis) => string;
}

/** What the process provides to every command. */
export interface CommandHost {
  readonly environment: Environment;
  /** What to type before the name of a command to start this program again: `drawbridge`, or what stands for it here. */
  readonly program: string;
  readonly print: (text: string) => void;
  /** Prints a line that is not a part of the result. */
  readonly warn: (text: string) => void;
  /** Width of the terminal, in characters; undefined if the output is no terminal. */
  readonly columns: number | undefined;
  /** Asks the person at the terminal. Undefined if input or output is no terminal. */
  readonly openTerminal: (() => Terminal) | undefined;
  /** From now on SIGINT and SIGTERM do not end the process; they abort the signal, with the exit code as its reason. */
  readonly interrupted: () => AbortSignal;
  /** The version of this package. */
  readonly version: () => Promise<string>;
  /** Runs the bridge on this machine. Resolves when it has started. */
  readonly start: (invocation: Invocation) => Promise<void>;
  /** The upkeep of the store of one machine. */
  readonly maintenance: () => Promise<StoreMaintenance>;
}

/** A conversation on the terminal. */
export interface Terminal {
  /** Returns the next line. Throws `usage_invalid` if the input ends. */
  readonly ask: (question: string) => Promise<string>;
  readonly close: () => void;
}

/** A parsed command line. */
export interface Invocation extends CommandHost {
  readonly positionals: readonly string[];
  /** The values by option, including the defaults. */
  readonly options: Readonly<Record<string, string | undefined>>;
  /** The values of the options that can be repeated. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  /** The names of the options on the command line, without the defaults. */
  readonly given: ReadonlySet<string>;
}

/** The command line is wrong. The command did nothing and sent no request. */
export const usageFault = (message: string): Fault => new Fault("usage_invalid", message, { retryable: false });

/** Returns the name with the arguments, such as `events show <delivery>`. */
export const synopsisOf = ({ name, positionals }: Command): string =>
  [name, ...positionals.map((one) => (one.isOptional ? `[<${one.name}>]` : `<${one.name}>`))].join(" ");
