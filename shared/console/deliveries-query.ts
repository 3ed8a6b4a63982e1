import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";

/** Rows of one page of the list. */
const LISTED = 36;
const HOUR_MS = 3_600_000;
/** A week, which is the default of the API: a look-up then goes back as far as records are kept. */
export const WEEK = "168";
/** The list is between two times that are given. */
export const RANGE = "range";
/** How far back to search, in hours. */
export const WITHIN = [
  ["0.25", "15 minutes"],
  ["1", "1 hour"],
  ["6", "6 hours"],
  ["24", "24 hours"],
  [WEEK, "7 days"],
  ["720", "30 days"],
  ["2160", "90 days"],
] as const;
/** Filters that are passed on unchanged. */
const FILTERS = [
  "find",
  "text",
  "state",
  "route",
  "target",
  "outcome",
  "type",
  "source",
  "principal",
  "shadow",
] as const;

/** Turns the query of the page into the query of the API. Empty fields are left out. */
export function apiQuery(fields: URLSearchParams, now: EpochMillis): URLSearchParams {
  const query = new URLSearchParams({ limit: String(LISTED) });
  for (const name of [...FILTERS, "cursor"]) {
    const value = fields.get(name)?.trim();
    if (value) query.set(name, value);
  }
  const chosen = withinOf(fields);
  const hours = chosen === RANGE || chosen === WEEK ? 0 : Number(chosen);
  const isRange = chosen === RANGE;
  const until = isRange || !isGiven(fields, "since") ? timeIn(fields.get("until")) : undefined;
  const since = isRange ? timeIn(fields.get("since")) : undefined;
  if (until !== undefined) query.set("until", until);
  if (since !== undefined) query.set("since", since);
  else if (hours > 0) {
    const end = Date.parse(until ?? "");
    query.set("since", toIso(laterBy(Number.isNaN(end) ? now : epochMillis(end), -hours * HOUR_MS)));
  }
  return query;
}

/**
 * The time that is chosen: one or the other. Two times count unless the form, which keeps them, asks for how far back; an
 * end alone goes with that.
 */
export function withinOf(fields: URLSearchParams): string {
  const within = WITHIN.find(([value]) => value === fields.get("within"))?.[0];
  if (within !== undefined) return within;
  return isGiven(fields, "since") || isGiven(fields, "until") ? RANGE : WEEK;
}

const isGiven = (fields: URLSearchParams, name: string): boolean => (fields.get(name) ?? "") !== "";

/** A `datetime-local` field has no time zone; the label says that it is UTC. The API rejects what is no time. */
function timeIn(field: string | null): string | undefined {
  if (field === null || field === "") return undefined;
  const isTime = LOCAL_TIME.test(field) && !Number.isNaN(Date.parse(`${field}Z`));
  return isTime ? toIso(epochMillis(Date.parse(`${field}Z`))) : field;
}

const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT/;

/** The range of the list. Both ends are `NaN` if a field is no time. */
export function rangeOf(fields: URLSearchParams, now: EpochMillis): { readonly from: number; readonly to: number } {
  const query = apiQuery(fields, now);
  const [since, until] = ["since", "until"].map((name) => query.get(name));
  const to = until == null ? now : timeOf(until);
  return { from: since == null ? to - 7 * 24 * HOUR_MS : timeOf(since), to };
}

const timeOf = (text: string): number => (ISO_TIME.test(text) ? Date.parse(text) : Number.NaN);

/** The query of the list with some fields replaced; those that are undefined are left out. It begins at the newest row. */
export function listQuery(
  fields: URLSearchParams,
  changes: Readonly<Record<string, string | undefined>>,
): URLSearchParams {
  const query = new URLSearchParams([...fields].filter(([, value]) => value !== ""));
  for (const [name, value] of Object.entries({ cursor: undefined, newer: undefined, ...changes })) {
    if (value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return query;
}

/**
 * A query as it stands in a link. Its commas are not escaped, because a page repeats a query of several states in many links
 * (RFC 3986, section 3.4, allows them). A per cent sign is always escaped, so `%2C` is nothing but a comma.
 */
export const queryText = (query: URLSearchParams): string => query.toString().replaceAll("%2C", ",");

/** The page of a delivery that knows from which list it was opened. */
export const deliveryPath = (id: string, list: URLSearchParams): string =>
  `/console/deliveries/${encodeURIComponent(id)}?in=${encodeURIComponent(queryText(list)).replaceAll("%2C", ",")}`;

/** The query of the list for a range, whatever range it has. */
export const rangeQuery = (fields: URLSearchParams, from: number, to: number): URLSearchParams =>
  listQuery(fields, {
    within: undefined,
    view: undefined,
    since: minuteOf(from),
    until: minuteOf(Math.ceil(to / MINUTE_MS) * MINUTE_MS),
  });

const MINUTE_MS = 60_000;

/** `2026-11-02T02:10`, in UTC: the value of a `datetime-local` field. */
export const minuteOf = (time: number): string => toIso(epochMillis(time)).slice(0, 16);
