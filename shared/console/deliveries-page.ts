import { html } from "hono/html";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import type { DeliveryCounts } from "../http/delivery-counts.ts";
import type { ListedRefusals } from "../http/refusals.ts";
import { NEEDS_ATTENTION } from "../model/attention.ts";
import { DELIVERY_STATES, needsAttention } from "../model/delivery-state.ts";
import { cut, EVENT_TYPES } from "../model/event.ts";
import { stateText } from "../model/state-words.ts";
import { chart } from "./chart.ts";
import { formTokenField } from "./csrf.ts";
import { age, badge, deliveryLink, type Html, NOTHING, stateBadge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

type Listed = ListedDeliveries["deliveries"][number];

const LISTED = 100;
const HOUR_MS = 3_600_000;
/** How far back to search, in hours. The last is the default of the API: a week. */
const WITHIN = [
  ["0.25", "15 minutes"],
  ["1", "1 hour"],
  ["6", "6 hours"],
  ["24", "24 hours"],
  ["", "7 days"],
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
  "cursor",
] as const;

/**
 * The deliveries received last, newest first: a chart of their states, then one row for each. If somebody looks for the id
 * of a delivery, its path.
 */
export async function deliveriesPage(visit: Visit): Promise<ApiResult<string | Page>> {
  const { url, now } = visit;
  const listed = await visit.ask<ListedDeliveries>(`/v1/deliveries?${apiQuery(url.searchParams, now)}`);
  if (!listed.ok) return listed;
  const { deliveries, next, matched } = listed.value;
  if (matched?.kind === "delivery") return { ok: true, value: `/console/deliveries/${matched.value}` };
  const refused = await refusedBeside(visit);
  const isNewest = url.searchParams.get("cursor") === null;
  const main = html`${filters(url.searchParams)}
${refused}
${deliveries.length === 0 ? noneFound(listed.value, now) : NOTHING}
${await chartOf(visit, deliveries)}
${deliveries.length === 0 ? NOTHING : selectable(deliveries, visit)}
${next === undefined ? NOTHING : html`<p><a class="button" href="${olderPath(url, next)}">${deliveries.length === 0 ? "Go on" : "Older"}</a></p>`}`;
  return { ok: true, value: { title: "Deliveries", main, ...(isNewest && { refreshSeconds: 30 }) } };
}

/**
 * What was counted over the chosen time. The counts know neither of a further filter nor of who may read what: then the
 * chart has the listed deliveries.
 */
async function chartOf({ url, now, ask }: Visit, deliveries: readonly Listed[]): Promise<Html> {
  const query = apiQuery(url.searchParams, now);
  query.delete("limit");
  const isCounted = [...query.keys()].every((name) => name === "since" || name === "until");
  const counted = isCounted ? await ask<DeliveryCounts>(`/v1/deliveries/counts?${query}`) : undefined;
  if (counted?.ok) {
    const { rangeChart } = await import("./range-chart.ts");
    const to = Date.parse(query.get("until") ?? toIso(now));
    const from = Date.parse(query.get("since") ?? toIso(laterBy(epochMillis(to), -7 * 24 * HOUR_MS)));
    if (from < to) return rangeChart(counted.value, { from, to, now });
  }
  return deliveries.length === 0 ? NOTHING : chart(deliveries, now);
}

/** Says how far back nothing was found. What is older is not known. */
const noneFound = ({ lookedBackTo, next }: ListedDeliveries, now: EpochMillis): Html =>
  html`<p class="empty">No deliveries found${next === undefined ? NOTHING : " so far"}, back to ${age(lookedBackTo, now)}.</p>`;

/** Turns the query of the page into the query of the API. Empty fields are left out. */
function apiQuery(fields: URLSearchParams, now: EpochMillis): URLSearchParams {
  const query = new URLSearchParams({ limit: String(LISTED) });
  for (const name of FILTERS) {
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

/** The requests that nobody proved have no delivery: the newest list counts them. */
async function refusedBeside({ url: { searchParams: fields }, now, ask }: Visit): Promise<Html> {
  const query = apiQuery(fields, now);
  const selects = [query.get("outcome"), query.get("state")].filter((one) => one !== null);
  for (const name of ["limit", "outcome", "state"]) query.delete(name);
  const isAboutOthers = [...query.keys()].some((name) => !["since", "until", "source"].includes(name));
  if (isAboutOthers || !selects.every((one) => one.split(",").includes("refused"))) return NOTHING;
  const listed = await ask<ListedRefusals>(`/v1/refusals?${query}`);
  if (!listed.ok || listed.value.refusals.length === 0) return NOTHING;
  const { refusedRequests } = await import("./refused-requests.ts");
  return refusedRequests(listed.value, { now });
}

function olderPath({ pathname, searchParams }: URL, next: string): string {
  const query = new URLSearchParams(searchParams);
  query.set("cursor", next);
  return `${pathname}?${query}`;
}

function filters(fields: URLSearchParams): Html {
  const value = (name: string): string => fields.get(name) ?? "";
  const field = (name: string, label: string, more: Html = NOTHING): Html =>
    html`<label>${label} <input name="${name}" value="${value(name)}" autocomplete="off" ${more}></label>`;
  const hasMoreFilters = ["text", "outcome", "principal", "route", "target", "since", "until", "shadow"].some(
    (name) => value(name) !== "",
  );
  return html`<form class="filters" method="get" action="/console/deliveries" role="search">
${field("find", "Find", html`type="search" placeholder="id, commit, page, !12, person"`)}
${choice("state", "State", STATE_CHOICES, value("state"))}
${choice("within", "Within", WITHIN, value("within"))}
${field("type", "Type", html`list="types" placeholder="page."`)}
<datalist id="types">${EVENT_TYPES.map((type) => html`<option value="${type}"></option>`)}</datalist>
${field("source", "Source")}
<button>Show</button> <a href="/console/deliveries">All</a>
<details ${hasMoreFilters ? html`open` : NOTHING}><summary>More</summary>
${field("text", "Text", html`type="search"`)}
${field("route", "Route")}
${field("target", "Target")}
${choice("outcome", "Receipt", [["", "any"], ...OUTCOMES.map((one) => [one, one] as const)], value("outcome"))}
${field("principal", "Principal's subject")}
${field("since", "Since (UTC)", html`type="datetime-local"`)}
${field("until", "Until (UTC)", html`type="datetime-local"`)}
<label class="check"><input type="checkbox" name="shadow" value="true" ${value("shadow") ? html`checked` : NOTHING}>
only deliveries that shadow mode let in</label></details>
</form>`;
}

/** The states that need a person are one choice, and each state is one. */
const STATE_CHOICES: readonly (readonly [string, string])[] = [
  ["", "any"],
  [NEEDS_ATTENTION.join(), "needs attention"],
  ...DELIVERY_STATES.map((state) => [state, stateText(state)] as const),
];
const OUTCOMES = ["event", "ignored", "unusable", "refused", "audit"] as const;

const choice = (name: string, label: string, options: readonly (readonly [string, string])[], chosen: string): Html =>
  html`<label>${label} <select name="${name}">${options.map(
    ([value, words]) => html`<option value="${value}" ${value === chosen ? html`selected` : NOTHING}>${words}</option>`,
  )}</select></label>`;

/** The list as a form that selects deliveries to run again, if the person may run any. It works without scripts. */
function selectable(deliveries: readonly Listed[], visit: Visit): Html {
  const { now, url, formToken, routes, may } = visit;
  const isOffered = routes.some((route) => may("replay", route, "anything"));
  if (!isOffered) return table(deliveries, { now, isSelectable: false });
  const query = apiQuery(url.searchParams, now);
  for (const name of ["limit", "cursor"]) query.delete(name);
  // What fails after this page was made is not on it.
  if (!query.has("until")) query.set("until", toIso(now));
  return html`<form method="post" action="/console/replays/preview">
${formTokenField(formToken)}<input type="hidden" name="query" value="${query.toString()}">
${table(deliveries, { now, isSelectable: true })}
<p class="bulk"><button name="which" value="selected">Run the selected again…</button>
<button class="plain" name="which" value="all">Run all again that match the filter…</button>
<span class="aside">Both show first what would run.</span></p></form>`;
}

interface Shown {
  readonly now: EpochMillis;
  readonly isSelectable: boolean;
}

const table = (deliveries: readonly Listed[], shown: Shown): Html => html`<table class="list">
<thead><tr>${shown.isSelectable ? html`<th class="select"></th>` : NOTHING}<th>State</th><th>Received</th><th>Event</th><th>Subject</th><th>Source</th><th>Authenticated as</th></tr></thead>
<tbody>${deliveries.map((one) => row(one, shown))}</tbody></table>`;

function row(one: Listed, { now, isSelectable }: Shown): Html {
  const { id, receivedAt, outcome, what, subject, source, principal, repeats, shadowRejection, noReportSince, state } =
    one;
  const failure = failureOf(one);
  const box =
    outcome === "event"
      ? html`<input type="checkbox" name="delivery" value="${id}" aria-label="Select ${what} ${subject ?? id}">`
      : NOTHING;
  return html`<tr>
${isSelectable ? html`<td class="select">${box}</td>` : NOTHING}<td data-name="State">${stateBadge(state ?? outcome)}${failure === undefined ? NOTHING : html`<span class="why">${failure}</span>`}${repeats === undefined ? NOTHING : html` of ${deliveryLink(repeats, "the first report")}`}${shadowRejection ? badge("warn", "shadow") : NOTHING}${noReportSince === undefined ? NOTHING : html` ${badge("warn", "no report")} since ${age(noReportSince, now)}`}</td>
<td data-name="Received">${age(receivedAt, now)}</td>
<td data-name="Event">${deliveryLink(id, what)}</td>
<td data-name="Subject">${subject ?? ""}</td>
<td data-name="Source">${source}</td>
<td data-name="Authenticated as" title="${principal.issuer}">${principal.subject}</td>
</tr>`;
}

/** The worst route and its reason, in short, if a person has to look at it. */
function failureOf({ routes: [worst] = [] }: Listed): string | undefined {
  if (worst === undefined || !needsAttention(worst.state)) return undefined;
  const { route, why, waitsFor } = worst;
  return cut([route, waitsFor === undefined ? why : `for ${waitsFor}`].filter(Boolean).join(": "), MAX_WHY_LENGTH);
}

const MAX_WHY_LENGTH = 90;
