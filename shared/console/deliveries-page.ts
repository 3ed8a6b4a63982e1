import { html } from "hono/html";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import { EVENT_TYPES } from "../model/event.ts";
import { chart } from "./chart.ts";
import { age, badge, deliveryLink, type Html, NOTHING, type Tone } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

type Listed = ListedDeliveries["deliveries"][number];

export const OUTCOMES = {
  event: "good",
  ignored: "quiet",
  unusable: "warn",
  refused: "bad",
} as const satisfies Record<Listed["outcome"], Tone>;

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
const FILTERS = ["text", "outcome", "type", "source", "principal", "shadow", "cursor"] as const;

/** The deliveries received last, newest first: a chart of their outcomes, then one row for each. */
export async function deliveriesPage(visit: Visit): Promise<ApiResult<Page>> {
  const { url, now } = visit;
  const listed = await visit.ask<ListedDeliveries>(`/v1/deliveries?${apiQuery(url.searchParams, now)}`);
  if (!listed.ok) return listed;
  const { deliveries, next } = listed.value;
  const isNewest = url.searchParams.get("cursor") === null;
  const main = html`${filters(url.searchParams)}
${deliveries.length === 0 ? html`<p class="empty">No deliveries found${next === undefined ? "" : " so far"}.</p>` : chart(deliveries, now)}
${deliveries.length === 0 ? NOTHING : table(deliveries, now)}
${next === undefined ? NOTHING : html`<p><a class="button" href="${olderPath(url, next)}">Older</a></p>`}`;
  return { ok: true, value: { title: "Deliveries", main, ...(isNewest && { refreshSeconds: 30 }) } };
}

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
  // A `datetime-local` field has no time zone. The label says that it is UTC.
  const end = epochMillis(Date.parse(`${until}Z`));
  if (until !== "") query.set("until", Number.isNaN(end) ? until : toIso(end));
  if (hours > 0) query.set("since", toIso(laterBy(Number.isNaN(end) ? now : end, -hours * HOUR_MS)));
  return query;
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
  const hasMoreFilters = ["principal", "until", "shadow"].some((name) => value(name) !== "");
  return html`<form class="filters" method="get" action="/console" role="search">
${field("text", "Text", html`type="search" placeholder="page, run, id"`)}
${choice("outcome", "Outcome", [["", "any"], ...Object.keys(OUTCOMES).map((one) => [one, one] as const)], value("outcome"))}
${choice("within", "Within", WITHIN, value("within"))}
${field("type", "Type", html`list="types" placeholder="page."`)}
<datalist id="types">${EVENT_TYPES.map((type) => html`<option value="${type}"></option>`)}</datalist>
${field("source", "Source")}
<button>Show</button> <a href="/console">All</a>
<details ${hasMoreFilters ? html`open` : NOTHING}><summary>More</summary>
${field("principal", "Principal's subject")}
${field("until", "Until (UTC)", html`type="datetime-local"`)}
<label class="check"><input type="checkbox" name="shadow" value="true" ${value("shadow") ? html`checked` : NOTHING}>
only deliveries that shadow mode let in</label></details>
</form>`;
}

const choice = (name: string, label: string, options: readonly (readonly [string, string])[], chosen: string): Html =>
  html`<label>${label} <select name="${name}">${options.map(
    ([value, words]) => html`<option value="${value}" ${value === chosen ? html`selected` : NOTHING}>${words}</option>`,
  )}</select></label>`;

const table = (deliveries: readonly Listed[], now: EpochMillis): Html => html`<table class="list">
<thead><tr><th>Received</th><th>Outcome</th><th>Event</th><th>Subject</th><th>Source</th><th>Authenticated as</th></tr></thead>
<tbody>${deliveries.map((one) => row(one, now))}</tbody></table>`;

const row = (
  { id, receivedAt, outcome, what, subject, source, principal, repeats, shadowRejection }: Listed,
  now: EpochMillis,
): Html => html`<tr>
<td data-name="Received">${age(receivedAt, now)}</td>
<td data-name="Outcome">${badge(OUTCOMES[outcome], outcome)}${repeats === undefined ? NOTHING : html` ${deliveryLink(repeats, "repeat")}`}${shadowRejection ? badge("warn", "shadow") : NOTHING}</td>
<td data-name="Event">${deliveryLink(id, what)}</td>
<td data-name="Subject">${subject ?? ""}</td>
<td data-name="Source">${source}</td>
<td data-name="Authenticated as" title="${principal.issuer}">${principal.subject}</td>
</tr>`;
