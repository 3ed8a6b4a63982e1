import { type EpochSeconds, epochSeconds, toIso, toMillis } from "../host/clock.ts";

/** Formats the claims of a token for an explanation. */
export interface ClaimFormat {
  /** Formats a claim of any type. */
  readonly claim: (value: unknown) => string;
  /** Formats a claim that should be a time in seconds since 1970. */
  readonly time: (value: unknown, now: EpochSeconds) => string;
}

/**
 * For a token whose signature is not verified: shows types and lengths, never a value, because anyone may have written
 * it.
 */
export const UNPROVED: ClaimFormat = {
  claim: shapeText,
  time: (value) => (typeof value === "number" ? "a time" : shapeText(value)),
};

/** For a token whose signature is valid: shows values, cut to a length that fits a table. */
export const PROVED: ClaimFormat = { claim: valueText, time: timeText };

function shapeText(value: unknown): string {
  if (value === undefined) return NOTHING;
  if (typeof value === "string") return `a text of ${value.length} characters`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null) return "null";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function valueText(value: unknown): string {
  if (value === undefined) return NOTHING;
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)} and ${text.length - MAX_SHOWN} more` : text;
}

function timeText(value: unknown, now: EpochSeconds): string {
  if (typeof value !== "number" || !(Math.abs(value) <= LATEST_SECONDS)) return valueText(value);
  const seconds = Math.round(value - now);
  const { rough, exact } = durationOf(Math.abs(seconds));
  return `${toIso(toMillis(epochSeconds(value)))}, ${seconds > 0 ? `in ${rough}` : `${rough} ago`}${exact}`;
}

/** In the largest unit of which it has two, with the exact seconds behind it. */
function durationOf(seconds: number): { readonly rough: string; readonly exact: string } {
  const unit = UNITS.find(([, size]) => seconds >= 2 * size);
  if (unit === undefined) return { rough: `${seconds} s`, exact: "" };
  const [name, size] = unit;
  return { rough: `${Math.round(seconds / size)} ${name}`, exact: ` (${seconds} s)` };
}

/** In seconds; a year as the calendar has it on average. */
const UNITS = [
  ["years", 31_557_600],
  ["days", 86_400],
  ["hours", 3_600],
  ["minutes", 60],
] as const;

const NOTHING = "nothing";
const MAX_SHOWN = 100;
/** The last second of a valid date (ECMA-262 §21.4.1.1). */
const LATEST_SECONDS = 8_640_000_000_000;
