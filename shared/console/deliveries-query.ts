import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";

/** Rows of one page of the list. */
export const LISTED = 50;
const HOUR_MS = 3_600_000;
/** How far back to search, in hours. Empty is the default of the API: a week. */
export const WITHIN = [
  ["0.25", "15 minutes"],
  ["1", "1 hour"],
  ["6", "6 hours"],
  ["24", "24 hours"],
  ["", "7 days"],
  ["720", "30 days"],
  ["2160", "90 days"],
] as const;
/** Filters that are passed on unchanged. */
export const FILTERS = [
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
  const [within = ""] = WITHIN.find(([value]) => value === fields.get("within")) ?? [];
  const hours = Number(within);
  const until = fields.get("until") ?? "";
  const since = Date.parse(`${fields.get("since") ?? ""}Z`);
  // A `datetime-local` field has no time zone. The label says that it is UTC.
  const end = epochMillis(Date.parse(`${until}Z`));
  if (until !== "") query.set("until", Number.isNaN(end) ? until : toIso(end));
  if (!Number.isNaN(since)) query.set("since", toIso(epochMillis(since)));
  else if (hours > 0) query.set("since", toIso(laterBy(Number.isNaN(end) ? now : end, -hours * HOUR_MS)));
  return query;
}

/** The range of the list: what a `datetime-local` field has is in minutes, so both ends are too. */
export function rangeOf(fields: URLSearchParams, now: EpochMillis): { readonly from: number; readonly to: number } {
  const query = apiQuery(fields, now);
  const to = Date.parse(query.get("until") ?? toIso(now));
  const from = Date.parse(query.get("since") ?? toIso(laterBy(epochMillis(to), -7 * 24 * HOUR_MS)));
  return { from, to };
}

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

/** The query of the list for a range, whatever range it has. */
export const rangeQuery = (fields: URLSearchParams, from: number, to: number): URLSearchParams =>
  listQuery(fields, { within: undefined, since: minuteOf(from), until: minuteOf(to) });

/** `2026-11-02T02:10`, in UTC: the value of a `datetime-local` field. */
export const minuteOf = (time: number): string => toIso(epochMillis(time)).slice(0, 16);
