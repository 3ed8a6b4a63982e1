import { html } from "hono/html";
import { epochMillis, toIso } from "../host/clock.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import type { DeliveryCounts } from "../http/delivery-counts.ts";
import type { ListedRefusals } from "../http/refusals.ts";
import { FAILED_STATES, ROUTE_ATTENTION } from "../model/attention.ts";
import { filters } from "./deliveries-filters.ts";
import { apiQuery, listQuery, rangeOf } from "./deliveries-query.ts";
import { deliveriesTable, type Listed, sorted } from "./deliveries-table.ts";
import { type Html, NOTHING, timeAndAge } from "./html.ts";
import { COUNTED_STATES, rangeChart } from "./range-chart.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/**
 * The deliveries received last, newest first: a chart of the chosen time, then one row for each. If somebody looks for the
 * id of a delivery, its path.
 */
export async function deliveriesPage(visit: Visit): Promise<ApiResult<string | Page>> {
  const { url, now } = visit;
  const { searchParams: fields } = url;
  const query = apiQuery(fields, now);
  const newer = fields.get("newer");
  if (newer !== null) query.set("since", newer);
  const listed = await visit.ask<ListedDeliveries>(`/v1/deliveries?${query}`);
  if (!listed.ok) return listed;
  const { deliveries, next, matched } = listed.value;
  if (matched?.kind === "delivery") return { ok: true, value: `/console/deliveries/${matched.value}` };
  // A script asks for the rows that are newer than those that it has.
  if (newer !== null) return { ok: true, value: { title: "Deliveries", main: deliveriesTable(deliveries, visit) } };
  const [counted, refused] = await Promise.all([countsFor(visit), refusedBeside(visit, deliveries)]);
  const isNewest = fields.get("cursor") === null && fields.get("until") === null;
  const main = html`${filters(fields, { visit, totals: counted?.totals })}
${chartOf(visit, deliveries, counted)}
${refused ?? NOTHING}
${isOfRefused(fields) ? AT_GATEWAYS : NOTHING}
${deliveries.length === 0 ? noneFound(listed.value, { visit, isRefused: refused !== undefined }) : deliveriesTable(sorted(deliveries, fields.get("sort")), visit)}
${next === undefined ? NOTHING : html`<p><a class="button" href="?${listQuery(fields, { cursor: next })}">${deliveries.length === 0 ? "Go on" : "Older"}</a></p>`}`;
  return { ok: true, value: { title: "Deliveries", main, ...(isNewest && { refreshSeconds: 30 }) } };
}

/** A decision for a gateway is no delivery, so its refusals have no state. */
const AT_GATEWAYS = html`<p class="aside">What the bridge had gateways refuse is no delivery: <a href="/console/deliveries?type=upstream_refused">show those refusals</a>.</p>`;

const isOfRefused = (fields: URLSearchParams): boolean =>
  [fields.get("state"), fields.get("outcome")].some((one) => one === "refused");

/** What the interface counts over the chosen time; of a route or target only what needs a person. */
async function countsFor({ url: { searchParams: fields }, now, ask }: Visit): Promise<DeliveryCounts | undefined> {
  const query = apiQuery(fields, now);
  for (const name of [...query.keys()]) if (!COUNTED_BY.includes(name)) query.delete(name);
  const counted = await ask<DeliveryCounts>(`/v1/deliveries/counts?${query}`);
  return counted.ok ? counted.value : undefined;
}

const COUNTED_BY: readonly string[] = ["since", "until", "route", "target"];

/** The chart of the counts if they are of what is listed, else of the listed deliveries. */
function chartOf(visit: Visit, deliveries: readonly Listed[], counted: DeliveryCounts | undefined): Html {
  const { url, now } = visit;
  const { searchParams: fields } = url;
  const { from, to } = rangeOf(fields, now);
  if (!(from < to)) return NOTHING;
  const query = apiQuery(fields, now);
  for (const name of ["limit", "cursor"]) query.delete(name);
  const states = query.get("state")?.split(",");
  query.delete("state");
  const isCounted = [...query.keys()].every((name) => COUNTED_BY.includes(name));
  const isOfRoute = query.has("route") || query.has("target");
  // Of a route that ran, nothing is counted.
  const areCounted = states === undefined ? !isOfRoute : states.every((state) => COUNTED_STATES.includes(state));
  if (counted !== undefined && isCounted && areCounted)
    return rangeChart(counted, { fields, from, to, only: states, scope: undefined });
  // Nothing of the audit is a delivery.
  if (deliveries.every(({ outcome }) => outcome === "audit")) return NOTHING;
  const times = deliveries.map(({ receivedAt }) => Date.parse(receivedAt));
  const span = { from: Math.min(...times), to: Math.max(...times) + 1_000 };
  const scope = `Only the ${deliveries.length} listed:`;
  return rangeChart(countsOfListed(deliveries, span), { fields, ...span, only: undefined, scope });
}

const LISTED_BARS = 48;

/** The listed deliveries in intervals of whole seconds, as the interface counts deliveries. */
function countsOfListed(
  deliveries: readonly Listed[],
  { from, to }: { readonly from: number; readonly to: number },
): DeliveryCounts {
  const lengthMs = Math.max(1, Math.ceil((to - from) / LISTED_BARS / 1_000)) * 1_000;
  const intervals = new Map<number, Listed[]>();
  for (const one of deliveries) {
    const at = Math.floor((Date.parse(one.receivedAt) - from) / lengthMs);
    intervals.set(at, [...(intervals.get(at) ?? []), one]);
  }
  const count = (some: readonly Listed[], outcome: Listed["outcome"]): number =>
    some.filter((one) => one.outcome === outcome).length;
  return {
    intervalSeconds: lengthMs / 1_000,
    intervals: [...intervals].map(([at, some]) => ({
      from: toIso(epochMillis(from + at * lengthMs)),
      counts: {
        event: count(some, "event"),
        ignored: count(some, "ignored"),
        unusable: count(some, "unusable"),
        refused: count(some, "refused"),
        audit: 0,
      },
      attention: ROUTE_ATTENTION.map((state) => ({ state, count: some.filter((one) => one.state === state).length })),
    })),
  };
}

/** Says how far back nothing was found, and what to do. What is older is not known. */
function noneFound(
  { lookedBackTo, next }: ListedDeliveries,
  { visit, isRefused }: { readonly visit: Visit; readonly isRefused: boolean },
): Html {
  if (isRefused && next === undefined)
    return html`<div class="empty"><p>The refused requests above have no delivery: nobody proved them, so only their number is kept.</p></div>`;
  const { url, now } = visit;
  const { searchParams: fields } = url;
  const isFiltered = [...fields].some(([name, value]) => value !== "" && name !== "cursor" && name !== "sort");
  const find = fields.get("find") ?? "";
  const states = fields.get("state")?.split(",") ?? [];
  const isGoodNews = states.length > 0 && states.every((state) => STATES_OF_FAILURE.has(state));
  // A look-up finds whole names only, so the text may still be part of one.
  const byText =
    find === ""
      ? NOTHING
      : html`<p><a class="button" href="?${listQuery(fields, { find: undefined, text: find })}">Search for the text “${find}”</a> It may be part of a project, a route's source, a type or a title. The search reads the last 7 days, or the time that you choose, and says how far it came.</p>`;
  return html`<div class="empty">${byText}<p>No deliveries found${next === undefined ? NOTHING : " so far"}, back to ${timeAndAge(lookedBackTo, now)}.${isGoodNews ? " Nothing is in this state." : NOTHING}</p>
${isFiltered ? html`<p><a class="button" href="/console/deliveries">Show all of the last 7 days</a> <a href="?${listQuery(fields, { within: "2160", since: undefined, until: undefined })}">Look back 90 days</a></p><p>Something should be here? A sender that is refused has no delivery: look at <a href="/console">home</a>, where each source says when it was last proved.</p>` : html`<p>Send one: <code>drawbridge send gitlab push</code>, or look at <a href="/console">home</a> for what each source waits for.</p>`}</div>`;
}

const STATES_OF_FAILURE: ReadonlySet<string> = new Set([...FAILED_STATES, "retrying"]);

/** The requests that nobody proved have no delivery: the newest list counts them. Undefined if there are none. */
async function refusedBeside(
  { url: { searchParams: fields }, now, ask }: Visit,
  deliveries: readonly Listed[],
): Promise<Html | undefined> {
  const query = apiQuery(fields, now);
  const selects = [query.get("outcome"), query.get("state")].filter((one) => one !== null);
  for (const name of ["limit", "outcome", "state"]) query.delete(name);
  const isAboutOthers = [...query.keys()].some((name) => !["since", "until", "source"].includes(name));
  if (isAboutOthers || !selects.every((one) => one.split(",").includes("refused"))) return undefined;
  const listed = await ask<ListedRefusals>(`/v1/refusals?${query}`);
  if (!listed.ok || listed.value.refusals.length === 0) return undefined;
  const { refusedRequests } = await import("./refused-requests.ts");
  return refusedRequests(listed.value, { now, isOpen: deliveries.length === 0 });
}
