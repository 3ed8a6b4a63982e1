import * as v from "valibot";
import type { EpochMillis } from "../host/clock.ts";
import { parseWebUrl } from "../host/url-credentials.ts";
import { cut, EVENT_LIMITS } from "../model/event.ts";
import { boundIdentity, sha256Hex } from "../model/idempotency-keys.ts";
import type { Reading } from "../model/reading.ts";
import { isoTime } from "./time.ts";

/**
 * Building blocks of payload schemas. Each one bounds its output, so that an event made of them is small whatever the
 * sender wrote.
 */

/**
 * The text without control characters, except tabs and line ends, and without halves of surrogate pairs. Each of them has
 * six bytes in JSON, so a text of them would be larger than the bus takes.
 */
export const printable = (text: string): string => text.toWellFormed().replaceAll(CONTROL, "\uFFFD");
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it finds.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** One line for people: a name, a title. Cut. */
export const line = v.pipe(
  v.string(),
  v.transform((text) => cut(printable(text), EVENT_LIMITS.title)),
);

/** Several lines for people. Cut. */
export const prose = v.pipe(
  v.string(),
  v.transform((text) => cut(printable(text), EVENT_LIMITS.text)),
);

/** An identifier. It is never cut, because two long ones must not become equal. */
export const identifier = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(500),
  v.check((text) => printable(text) === text, "has control characters"),
);

/** A name that identifies something. A long one ends in a digest of the whole, so that two names stay two. */
export const identity = v.pipe(
  v.string(),
  v.minLength(1),
  v.transform((text) => boundIdentity(text, EVENT_LIMITS.title)),
);

export const wholeNumber = v.pipe(v.number(), v.safeInteger());

/** A web address; undefined if it is too long, has credentials, or is not http or https, so that no page links to it. */
export const link = v.pipe(
  v.string(),
  v.transform((text) =>
    text.length <= 1_000 && printable(text) === text && WEB_ADDRESS.test(text) && parseWebUrl(text).ok
      ? text
      : undefined,
  ),
);
const WEB_ADDRESS = /^https?:\/\/[^@/?#]+(?:[/?#]|$)/;

/** A time in the format of `isoTime`; undefined if it cannot be parsed. */
export const moment = v.pipe(
  v.string(),
  v.transform((text) => isoTime(text)),
);

/** A time that the event requires. */
export const requiredMoment = v.pipe(moment, v.string());

/** A member that an event can do without: null or undefined if it is missing or of another kind. */
export const optional = <Schema extends v.GenericSchema>(schema: Schema) => v.fallback(v.nullish(schema), undefined);

/**
 * A member that decides what the event claims, such as whether a run is for a tag: null or undefined if it is missing. If it
 * is of another kind, the delivery is unusable, because an event without the member would claim something else.
 */
export const deciding = <Schema extends v.GenericSchema>(schema: Schema) => v.nullish(schema);

/** Goes before a schema of an object, which would take a list for an object without members. */
export const noList = v.custom<object>((value) => !Array.isArray(value));

/** Stands for a member of another kind than documented, where its absence would claim something else. */
export const UNREADABLE = Symbol("unreadable");

/** A member that may be missing, or {@link UNREADABLE}. */
export const orUnreadable = <Schema extends v.GenericSchema>(schema: Schema) =>
  v.nullish(v.fallback(v.union([schema, v.custom<typeof UNREADABLE>(() => false)]), UNREADABLE));

/** The items of a list that have the expected kind, at most `limit`. */
export const listOf = <Schema extends v.GenericSchema>(item: Schema, limit?: number) =>
  v.pipe(
    v.array(optional(item)),
    v.transform((items) => items.filter((one) => one !== undefined && one !== null).slice(0, limit)),
  );

/**
 * The title and the message of a run, from the message of its commit. The title of a change request comes first in the
 * message, because a long message is cut at its end.
 */
export function textsOf(
  message: string | null | undefined,
  changeTitle?: string | null,
): { readonly title?: string; readonly message?: string } {
  const texts = [changeTitle, message].flatMap((text) => (text ? [printable(text)] : []));
  return present({
    title: message ? cut(printable(message).split("\n", 1).join(), EVENT_LIMITS.title) : undefined,
    message: texts.length > 0 ? cut(texts.join("\n"), EVENT_LIMITS.text) : undefined,
  });
}

/** The digest of values of the body, for an event key. */
export const digestOf = (values: readonly unknown[]): string => sha256Hex(Buffer.from(JSON.stringify(values), "utf8"));

/** Reads one kind of body. Never throws. */
export type Reader = (kind: string, body: unknown, receivedAt: EpochMillis) => Reading;

/**
 * Creates a reader for bodies of one shape. Any other body is unusable; the problem names the member and never its
 * value.
 */
export function readerOf<Schema extends v.GenericSchema>(
  schema: Schema,
  read: (body: v.InferOutput<Schema>, context: { readonly kind: string; readonly receivedAt: EpochMillis }) => Reading,
): Reader {
  return (kind, body, receivedAt) => {
    const { success, output, issues } = v.safeParse(schema, body);
    if (success) return read(output, { kind, receivedAt });
    const member = v.getDotPath(issues[0]) ?? "body";
    return { outcome: "unusable", problem: `${kind}: ${member} is missing or not as documented` };
  };
}

/** Returns the members that have a value, so that an event can be written with its optional members in place. */
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
