import { randomBytes, randomUUID } from "node:crypto";
import { nearest } from "../config/suggest.ts";
import { type EpochMillis, isDay } from "../host/clock.ts";
import { usageFault } from "./command.ts";

/** The content of a recorded webhook that a sender decides. */
export interface FixtureContent {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Makes a recorded webhook report an event of its own: with the ids of requests, commits, builds and runs replaced, the
 * same everywhere in it, its counters raised, and its times moved so that the newest is now. Who did it, and in which
 * project, stays. `counters`: the paths of the numbers that a sender raises.
 */
export function freshFixture(
  { body, headers }: FixtureContent,
  { now, counters }: { readonly now: EpochMillis; readonly counters: readonly string[] },
): FixtureContent {
  const newestMs = Math.max(...timesIn({ body, headers }));
  const change: Change = {
    ids: new Map(),
    shiftMs: Number.isFinite(newestMs) ? now - newestMs : 0,
    counters: new Set(counters),
    // A later call has a higher one, as long as there are fewer than ten in a second.
    raise: Math.floor((now - FIRST_RAISE) / 100),
  };
  return {
    body: fresh(body, "", change),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, freshText(value, change)])),
  };
}

const FIRST_RAISE = Date.UTC(2026, 0);

interface Change {
  /** The new id by the recorded one. */
  readonly ids: Map<string, string>;
  readonly shiftMs: number;
  readonly counters: ReadonlySet<string>;
  readonly raise: number;
}

/** Members about people and places, which do not change from one event to the next. */
const LASTING: ReadonlySet<string> = new Set([
  "actor",
  "author",
  "cluster",
  "created_by",
  "creator",
  "organization",
  "pipeline",
  "project",
  "repository",
  "sender",
  "user",
]);

function fresh(value: unknown, path: string, change: Change): unknown {
  if (typeof value === "string") return freshText(value, change);
  if (typeof value === "number") {
    if (change.counters.has(path)) return value + change.raise;
    return isMillis(value) ? value + change.shiftMs : value;
  }
  if (Array.isArray(value)) return value.map((one) => fresh(one, path, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([member, below]) => [
      member,
      LASTING.has(member) && typeof below === "object"
        ? below
        : fresh(below, path === "" ? member : `${path}.${member}`, change),
    ]),
  );
}

/** A UUID, a commit, or an id of 32 digits. */
const IDS = /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|\b(?!0{40})[\da-f]{40}\b|\b(?!0{32})[\da-f]{32}\b/gi;

function freshText(text: string, { ids, shiftMs }: Change): string {
  const time = readTimestamp(text);
  if (time !== undefined) return timestampText(time.ms + shiftMs, time);
  return text.replace(IDS, (id) => {
    const known = ids.get(id) ?? (id.includes("-") ? randomUUID() : randomBytes(id.length / 2).toString("hex"));
    ids.set(id, known);
    return known;
  });
}

interface Timestamp {
  readonly ms: number;
  /** Between day and time of day: `T` or a blank. */
  readonly separator: string;
  /** Digits after the second. */
  readonly digits: number;
  /** As written: `Z`, ` UTC`, `+01:00`. */
  readonly zone: string;
  readonly offsetMs: number;
}

function readTimestamp(text: string): Timestamp | undefined {
  const form = /^(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z| UTC| ?([+-])(\d\d):?(\d\d))$/;
  const [, day = "", separator = "", time = "", digits = "", zone = "", sign, hours, minutes] = form.exec(text) ?? [];
  if (!isDay(day)) return undefined;
  const offsetMs = (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  const ms = Date.parse(`${day}T${time}Z`) + Math.floor(Number(`0.${digits || "0"}`) * 1_000) - offsetMs;
  return Number.isNaN(ms) ? undefined : { ms, separator, digits: digits.length, zone, offsetMs };
}

function timestampText(ms: number, { separator, digits, zone, offsetMs }: Timestamp): string {
  const iso = new Date(ms + offsetMs).toISOString();
  const fraction = digits === 0 ? "" : `.${iso.slice(20, 23).padEnd(9, "0").slice(0, digits)}`;
  return `${iso.slice(0, 10)}${separator}${iso.slice(11, 19)}${fraction}${zone}`;
}

/** A number of milliseconds since 1970 that lies between 2020 and 2050. */
const isMillis = (value: number): boolean => value > Date.UTC(2020, 0) && value < Date.UTC(2050, 0);

function timesIn(value: unknown): readonly number[] {
  if (typeof value === "string") return [readTimestamp(value)].flatMap((time) => time?.ms ?? []);
  if (typeof value === "number") return isMillis(value) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => (PLANNED.has(member) ? [] : timesIn(below)));
}

/** Times that can lie in the future. */
const PLANNED: ReadonlySet<string> = new Set(["released_at", "expires_at"]);

/**
 * Replaces the value at a path of the payload, such as `build.branch` or `commits.0.id`. The new value has the type of the
 * recorded one. Throws `usage_invalid` for a path that the payload does not have: the change would have no effect.
 */
export function setInBody(body: unknown, assignment: string): unknown {
  const at = assignment.indexOf("=");
  if (at < 1) throw usageFault(`--set needs a path and a value, like --set build.branch=main; it is ${assignment}`);
  const [path, text] = [assignment.slice(0, at), assignment.slice(at + 1)];
  return replaced(body, path.split("."), { path, text });
}

function replaced(
  value: unknown,
  [name, ...rest]: readonly string[],
  assignment: { readonly path: string; readonly text: string },
): unknown {
  if (name === undefined) return valueLike(value, assignment);
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
    const known = typeof value === "object" && value !== null ? Object.keys(value) : [];
    const similar = nearest(name, known);
    const advice = similar === undefined ? `there are: ${known.join(", ") || "none"}` : `did you mean "${similar}"?`;
    throw usageFault(`the payload has no ${assignment.path}: there is no "${name}" here; ${advice}`);
  }
  if (Array.isArray(value)) {
    return value.map((one, index) => (String(index) === name ? replaced(one, rest, assignment) : one));
  }
  return Object.fromEntries(
    Object.entries(value).map(([member, one]) => [member, member === name ? replaced(one, rest, assignment) : one]),
  );
}

function valueLike(recorded: unknown, { path, text }: { readonly path: string; readonly text: string }): unknown {
  if (typeof recorded === "string") return text;
  const value = parsed(text);
  const isSame = Array.isArray(recorded) === Array.isArray(value) && typeof recorded === typeof value;
  // The recorded value does not show what else it can be.
  if (recorded === null) return value === undefined ? text : value;
  if (value === undefined || !isSame) {
    const kind = Array.isArray(recorded) ? "a list" : `of the type ${typeof recorded}`;
    throw usageFault(`${path} is ${kind} in the payload, like ${JSON.stringify(recorded).slice(0, 60)}`);
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
