import * as v from "valibot";
import type { EpochMillis } from "../host/clock.ts";
import { cut, EVENT_LIMITS } from "../model/event.ts";
import type { Reading } from "../model/reading.ts";
import { isoTime } from "./time.ts";

/**
 * Pieces that payload schemas are made of. Each bounds what it lets through, so that an event made of them is small
 * whatever the sender wrote.
 */

/** One line for people: a name, a title. Cut. */
export const line = v.pipe(
  v.string(),
  v.transform((text) => cut(text, EVENT_LIMITS.title)),
);

/** Several lines for people. Cut. */
export const prose = v.pipe(
  v.string(),
  v.transform((text) => cut(text, EVENT_LIMITS.text)),
);

/** What a thing is found again by. Never cut, because two long ones must not become one. */
export const identifier = v.pipe(v.string(), v.minLength(1), v.maxLength(500));

export const wholeNumber = v.pipe(v.number(), v.safeInteger());

/** A web address, or nothing where it is none that a person should be sent to. */
export const link = v.pipe(
  v.string(),
  v.transform((text) => (text.length <= 1_000 && /^https?:\/\//.test(text) ? text : undefined)),
);

/** A time in our one spelling, or nothing where it cannot be understood. */
export const moment = v.pipe(
  v.string(),
  v.transform((text) => isoTime(text)),
);

/** A time that the event cannot do without. */
export const requiredMoment = v.pipe(moment, v.string());

/** Reads one kind of body. Never throws. */
export type Reader = (kind: string, body: unknown, receivedAt: EpochMillis) => Reading;

/** A reader that takes bodies of one shape and calls every other unusable, naming the member and never its value. */
export function readerOf<Schema extends v.GenericSchema>(
  schema: Schema,
  read: (body: v.InferOutput<Schema>, told: { readonly kind: string; readonly receivedAt: EpochMillis }) => Reading,
): Reader {
  return (kind, body, receivedAt) => {
    const { success, output, issues } = v.safeParse(schema, body);
    if (success) return read(output, { kind, receivedAt });
    const member = v.getDotPath(issues[0]) ?? "body";
    return { outcome: "unusable", problem: `${kind}: ${member} is missing or not as documented` };
  };
}

/** The members that have a value. Lets an event be written with its optional members in line. */
export function present<const Members extends object>(members: Members): Present<Members>;
export function present(members: Readonly<Record<string, unknown>>): object {
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(members)) {
    const value = members[name];
    if (value !== undefined && value !== null) found[name] = value;
  }
  return found;
}

type Present<T> = { [K in Exclude<keyof T, MayBeAbsent<T>>]: T[K] } & { [K in MayBeAbsent<T>]?: NonNullable<T[K]> };
type MayBeAbsent<T> = { [K in keyof T]: [Extract<T[K], null | undefined>] extends [never] ? never : K }[keyof T];
