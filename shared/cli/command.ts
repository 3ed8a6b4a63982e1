import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";

/** One command, with everything that its parser, its help and the shell completion need. */
export interface Command {
  /** One word or two: `check`, `events list`. */
  readonly name: string;
  /** The heading of the overview under which it stands. */
  readonly group: string;
  /** What it does, in one line of the overview. */
  readonly summary: string;
  /** What its own help says besides: whole sentences. */
  readonly details?: string;
  readonly positionals: readonly Positional[];
  readonly options: Readonly<Record<string, Option>>;
  /** Whole command lines, without the program's name. */
  readonly examples: readonly string[];
  /** Why it takes no more arguments. The argument itself is not repeated: it may be a secret. */
  readonly whyNoMore?: string;
  /** Gives the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

interface Positional {
  readonly name: string;
  readonly isOptional?: boolean;
  /** The values that it can have, for the shell completion. */
  readonly choices?: readonly string[];
}

export interface Option {
  /** What its value is, for people: `file`. A flag has none. */
  readonly value?: string;
  readonly summary: string;
  /** Its value if it is not given. */
  readonly default?: string;
  readonly rule?: ValueRule;
}

/** What a value must be. */
export interface ValueRule {
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
  /** All values, if they are few. */
  readonly choices?: readonly string[];
}

/** What the process gives to every command. */
export interface CommandHost {
  readonly environment: Environment;
  readonly print: (text: string) => void;
  /** Width of the terminal; undefined if the output is no terminal. */
  readonly columns: number | undefined;
  /** The version of this package. */
  readonly version: () => Promise<string>;
  /** Runs the bridge on this machine. Resolves when it is up. */
  readonly start: (invocation: Invocation) => Promise<void>;
}

/** A command line that was understood. */
export interface Invocation extends CommandHost {
  readonly positionals: readonly string[];
  /** Values by option, with the defaults. */
  readonly options: Readonly<Record<string, string | undefined>>;
  /** The options that were given: flags, and values without the defaults. */
  readonly given: ReadonlySet<string>;
}

/** The command line is wrong. Nothing was done and nobody was called. */
export const usageFault = (message: string): Fault => new Fault("usage_invalid", message, { retryable: false });

/** `events show <delivery>`. */
export const synopsisOf = ({ name, positionals }: Command): string =>
  [name, ...positionals.map((one) => (one.isOptional ? `[<${one.name}>]` : `<${one.name}>`))].join(" ");
