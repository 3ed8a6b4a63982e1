import { type EpochMillis, epochMillis, systemClock } from "../host/clock.ts";
import { type Invocation, usageFault } from "./command.ts";
import { jsonLine, jsonText } from "./terminal-text.ts";
import { localTime } from "./time.ts";

/** Where a text is shown. */
export interface Display {
  /** Width of the terminal; undefined if the output is no terminal. Then nothing is cut and no time is shortened. */
  readonly columns: number | undefined;
  readonly hasColour: boolean;
  readonly now: EpochMillis;
}

/** A file or another program: whole values, without colour. */
export const NO_TERMINAL: Display = { columns: undefined, hasColour: false, now: epochMillis(0) };

/** No colour without a terminal, or if the user wants none: https://no-color.org */
export function displayOf({ columns, environment }: Pick<Invocation, "columns" | "environment">): Display {
  const hasColour = columns !== undefined && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  return { columns, hasColour, now: systemClock.now() };
}

/** A recorded time: short and in the zone of this machine on a terminal, else as it was recorded. */
export const timeText = (iso: string, { columns, now }: Display): string =>
  columns === undefined ? iso : localTime(iso, now);

/** A sentence of the interface, with its times as {@link timeText} has them. */
export const withTimes = (text: string, display: Display): string =>
  text.replaceAll(ISO_TIME, (iso) => timeText(iso, display));

const ISO_TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

export type Format = "table" | "json" | "jsonl";

/** The format of `--output`, or of `--json`. */
export function formatOf({ given, options: { output } }: Pick<Invocation, "given" | "options">): Format {
  if (given.has("json")) return "json";
  return output === "json" || output === "jsonl" ? output : "table";
}

/** Throws `usage_invalid` if a command line has two formats. */
export function checkFormat({ given, options: { output } }: Pick<Invocation, "given" | "options">): void {
  if (given.has("json") && given.has("output") && output !== "json")
    throw usageFault(`--json is the same as --output json: not with --output ${output}`);
}

interface Printed {
  /** The whole value, for JSON. */
  readonly whole: unknown;
  /** What has a line of its own in JSON lines. */
  readonly records: readonly unknown[];
  readonly text: (display: Display) => string;
}

/** Prints what a command found, in the format of the command line. */
export function printFound(invocation: Invocation, { whole, records, text }: Printed): void {
  const { print } = invocation;
  switch (formatOf(invocation)) {
    case "json":
      print(jsonText(whole));
      return;
    case "jsonl":
      for (const record of records) print(jsonLine(record));
      return;
    case "table":
      print(text(displayOf(invocation)));
      return;
  }
}
