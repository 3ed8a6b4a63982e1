import { html } from "hono/html";
import { type EpochMillis, toIso } from "../host/clock.ts";
import { countText } from "../host/count-text.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import { NEEDS_ATTENTION } from "../model/attention.ts";
import { DELIVERY_STATES, needsAttention } from "../model/delivery-state.ts";
import { cut } from "../model/event.ts";
import { TONES, wordsOf } from "../model/state-words.ts";
import { formTokenField } from "./csrf.ts";
import { apiQuery, deliveryPath, listQuery } from "./deliveries-query.ts";
import {
  badge,
  deliveryLink,
  type Html,
  NOTHING,
  reportBadge,
  shownTime,
  stateBadge,
  timeAndAge,
  withTimes,
} from "./html.ts";
import type { Visit } from "./visit.ts";

export type Listed = ListedDeliveries["deliveries"][number];

/** The columns that can be sorted. The list itself is always the newest deliveries. */
const SORTS = ["state", "event", "what", "where", "who"] as const;
type Sort = (typeof SORTS)[number];

/** The rows in another order: those of this page. */
export function sorted(deliveries: readonly Listed[], by: string | null): readonly Listed[] {
  const sort = SORTS.find((one) => one === by);
  return sort === undefined
    ? deliveries
    : deliveries.toSorted((one, other) => (keyOf(one, sort) < keyOf(other, sort) ? -1 : 1));
}

function keyOf(one: Listed, sort: Sort): string {
  switch (sort) {
    case "state":
      // The worst first.
      return String(DELIVERY_STATES.findIndex((state) => state === one.state)).padStart(2, "0");
    case "event":
      return one.what;
    case "what":
      return titleOf(one).toLowerCase();
    case "where":
      return placeOf(one).toLowerCase();
    case "who":
      return personOf(one).toLowerCase();
  }
}

/** The words that a delivery goes by, in the list and as the title of its own page. */
export const titleOf = ({ about, subject, what }: Pick<Listed, "about" | "subject" | "what">): string =>
  about?.title ?? subject ?? what;
const placeOf = ({ about, subject, source }: Listed): string => about?.place ?? subject ?? source;
/** Who caused it, else who sent it. */
const personOf = ({ about, principal }: Listed): string => about?.person ?? principal.subject;

/** The list as a form that selects deliveries to run again, if the person may run any. It works without scripts. */
export function deliveriesTable(deliveries: readonly Listed[], visit: Visit): Html {
  const { now, url, formToken, routes, may } = visit;
  // Only an event runs again: a list of the audit or of refused requests offers nothing to select.
  const hasEvent = deliveries.some(({ outcome }) => outcome === "event");
  const isOffered = hasEvent && routes.some((route) => may("replay", route, "anything"));
  const table = rowsOf(deliveries, { visit, isSelectable: isOffered });
  if (!isOffered) return table;
  const query = apiQuery(url.searchParams, now);
  for (const name of ["limit", "cursor"]) query.delete(name);
  // What fails after this page was made is not on it.
  if (!query.has("until")) query.set("until", toIso(now));
  return html`<form method="post" action="/console/replays/preview">
${formTokenField(formToken)}<input type="hidden" name="query" value="${query.toString()}">
${table}
<p class="bulk"><button name="which" value="selected">Run the selected again…</button>
<button class="plain" name="which" value="all">Run all again that match the filter…</button>
<span class="aside">Both show first what would run.</span></p></form>`;
}

interface Shown {
  readonly visit: Visit;
  readonly isSelectable: boolean;
}

/** A list of states that need a person is in the order in which they began: undefined for every other list. */
function statesInOrder(fields: URLSearchParams): readonly string[] | undefined {
  const states = (fields.get("state") ?? "").split(",");
  return states.every((state) => NEEDS_ATTENTION.some((one) => one === state)) ? states : undefined;
}

/** When it was received, or when its listed state began. */
function timeOf({ receivedAt, stateSince, routes = [] }: Listed, states: readonly string[] | undefined): string {
  if (states === undefined) return receivedAt;
  return routes.find(({ state }) => states.includes(state))?.since ?? stateSince ?? receivedAt;
}

function rowsOf(deliveries: readonly Listed[], shown: Shown): Html {
  const { searchParams: fields } = shown.visit.url;
  const sort = fields.get("sort") ?? "";
  const heading = (name: string, words: string): Html => {
    const isSorted = sort === name;
    const to = name === "" ? undefined : name;
    return html`<th scope="col" class="c-${name || "at"}"${isSorted ? html` aria-sort="${name === "" ? "descending" : "ascending"}"` : NOTHING}><a href="?${listQuery(fields, { sort: to })}">${words}${isSorted ? html` <span aria-hidden="true">${name === "" ? "↓" : "↑"}</span>` : NOTHING}</a></th>`;
  };
  const [newest] = deliveries
    .map(({ receivedAt }) => receivedAt)
    .toSorted()
    .toReversed();
  const isByTime = (fields.get("state") ?? "") === "" && sort === "";
  return html`<table class="rows"${newest !== undefined && isByTime ? html` data-newest="${newest}"` : NOTHING}>
<thead><tr>${shown.isSelectable ? html`<th class="select"><span class="hidden">Select</span></th>` : NOTHING}${heading("", statesInOrder(fields) === undefined ? "Received" : "Since")}${heading("state", "What followed")}${heading("event", "Event")}${heading("what", "What")}${heading("where", "Where")}${heading("who", "Who")}</tr></thead>
<tbody>${deliveries.map((one) => row(one, shown))}</tbody></table>`;
}

function row(one: Listed, { visit, isSelectable }: Shown): Html {
  const { now, url } = visit;
  const { id, outcome, what, about } = one;
  const title = titleOf(one);
  const box =
    outcome === "event"
      ? html`<input type="checkbox" name="delivery" value="${id}" aria-label="Select ${cut(title, 60)}">`
      : NOTHING;
  const list = listQuery(url.searchParams, { cursor: url.searchParams.get("cursor") ?? undefined });
  return html`<tr>${isSelectable ? html`<td class="select">${box}</td>` : NOTHING}<td class="c-at">${shownTime(timeOf(one, statesInOrder(url.searchParams)), now)}</td><td class="c-state">${followed(one, now)}</td><td class="c-event">${title === what ? NOTHING : what}</td><td class="c-what"><a href="${deliveryPath(id, list)}">${title}</a></td><td class="c-where">${whereOf(one)}</td><td class="c-who"${about?.person === undefined ? html` title="${one.principal.issuer}"` : NOTHING}>${personOf(one)}</td></tr>
`;
}

/** The project, its branch and its commit, as far as they are known. */
export function whereOf(one: Pick<Listed, "about" | "source">): Html {
  const { about } = one;
  if (about?.place === undefined) return html`${one.source}`;
  const { place, ref, commit } = about;
  return html`${place}${ref === undefined ? NOTHING : html` <span class="ref">${ref}</span>`}${commit === undefined ? NOTHING : html` <code>${commit.slice(0, 8)}</code>`}`;
}

const MAX_CHIPS = 3;
const MAX_WHY_LENGTH = 90;

/** Each route with its state, the worst first; or the delivery's own state. Below the worst is why a person has to look. */
function followed(one: Listed, now: EpochMillis): Html {
  const { state, outcome, routes = [], repeats, shadowRejection, noReportSince } = one;
  const chips = routes
    .slice(0, MAX_CHIPS)
    .map((route, at) => html`${chip(route)}${at === 0 ? reasonOf(route, now) : NOTHING}`);
  const more = routes.length - MAX_CHIPS;
  return html`${reportBadge(one.what)}${chips.length === 0 ? stateBadge(state ?? outcome) : chips}${more > 0 ? html`<span class="aside">and ${countText(more, ["more route", "more routes"])}</span>` : NOTHING}${repeats === undefined ? NOTHING : html`of ${deliveryLink(repeats, "the first report")}`}${shadowRejection ? badge("warn", "shadow") : NOTHING}${noReportSince === undefined ? NOTHING : html`${badge("warn", "no report")} since ${timeAndAge(noReportSince, now)}`}`;
}

type ListedRoute = NonNullable<Listed["routes"]>[number];

function reasonOf({ state, why, waitsFor }: ListedRoute, now: EpochMillis): Html {
  const reason = waitsFor === undefined ? why : `for ${waitsFor}`;
  return reason === undefined || !needsAttention(state)
    ? NOTHING
    : html`<span class="why"${reason.length > MAX_WHY_LENGTH ? html` title="${reason}"` : NOTHING}>${withTimes(cut(reason, MAX_WHY_LENGTH), now)}</span>`;
}

function chip({ route, state }: ListedRoute): Html {
  const { symbol, words, tone } = wordsOf(state);
  return html`<span class="badge ${TONES[tone].colour} chip"><span aria-hidden="true">${symbol}</span> ${route} <span>${words}</span></span>`;
}
