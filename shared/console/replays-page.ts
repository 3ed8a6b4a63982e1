import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { BulkPreview, ListedBulkReplays, ShownBulkReplay } from "../http/bulk-replays.ts";
import { ORDER_WORDS, stateText } from "../model/state-words.ts";
import { formTokenField } from "./csrf.ts";
import { badge, type Html, NOTHING, timeAndAge, wordsBadge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The orders to run many deliveries again, the newest first. */
export async function replaysPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedBulkReplays>("/v1/replays");
  if (!listed.ok) return listed;
  const { replays } = listed.value;
  const main = html`<p>Deliveries that were run again together. Select them in the
<a href="/console/deliveries">list of deliveries</a>.</p>
${replays.length === 0 ? html`<p class="empty">Nothing was run again like that.</p>` : ordersTable(replays, visit)}`;
  const isRunning = replays.some(({ state }) => state === "running");
  return { ok: true, value: { title: "Replays", main, refreshSeconds: isRunning ? 3 : 30 } };
}

const ordersTable = (replays: readonly ShownBulkReplay[], { now }: Visit): Html => html`<table class="list">
<thead><tr><th>State</th><th>Ordered</th><th>Reason</th><th>Routes</th><th>Progress</th><th>By</th></tr></thead>
<tbody>${replays.map(
  (one) => html`<tr>
<td data-name="State">${orderBadge(one)}</td>
<td data-name="Received">${timeAndAge(one.orderedAt, now)}</td>
<td data-name="Subject"><a href="${pathOf(one.id)}">${one.reason}</a></td>
<td data-name="Routes">${one.routes.join(", ") || "none"}</td>
<td data-name="Progress">${one.handled} of ${one.total}</td>
<td data-name="By">${one.by.subject}</td>
</tr>`,
)}</tbody></table>`;

const orderBadge = ({ state }: ShownBulkReplay): Html => wordsBadge(ORDER_WORDS[state]);

/** One order: how far it is, and the form that stops it. */
export async function replayPage(visit: Visit, id: string): Promise<ApiResult<Page>> {
  const shown = await visit.ask<ShownBulkReplay>(`/v1/replays/${encodeURIComponent(id)}`);
  if (!shown.ok) return shown;
  const order = shown.value;
  const { state, by, reason, orderedAt, endedAt, stoppedBy, routes, total, handled, isForced } = order;
  const { now, formToken } = visit;
  const ended = endedAt === undefined ? NOTHING : html` <span class="aside">${timeAndAge(endedAt, now)}</span>`;
  const stop = html`<form class="decide" method="post" action="${pathOf(id)}/stop">
${formTokenField(formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<button class="deny">Stop</button></form>`;
  const main = html`<p class="lead">${orderBadge(order)}${ended}
${stoppedBy === undefined ? NOTHING : html` by <b>${stoppedBy.subject}</b>`}</p>
<p><q>${reason}</q>, ordered ${timeAndAge(orderedAt, now)} by <b>${by.subject}</b>${isForced ? html`, <b>also what may have run already</b>` : NOTHING}</p>
<p class="progress"><progress max="${Math.max(total, 1)}" value="${total === 0 ? 1 : handled}" aria-label="Progress"></progress>
<span>${handled} of ${total}</span></p>
${total === 0 ? html`<p class="empty">The selection had nothing to run again.</p>` : progressTable(order)}
<p>${routes.length === 0 ? NOTHING : html`Routes: ${routes.join(", ")}`}</p>
${state === "running" ? stop : html`<p><a href="/console/deliveries?state=given_up">What is given up now</a></p>`}`;
  return { ok: true, value: { title: "Replay", main, ...(state === "running" && { refreshSeconds: 2 }) } };
}

const progressTable = ({ counts, total, handled, state }: ShownBulkReplay): Html => {
  const left = total - handled;
  const rows: readonly (readonly [number, string])[] = [
    [counts.accepted, "run again: each is a delivery of its own, and its state says how it went"],
    [counts.duplicate, "had been run again by an earlier order"],
    [counts.outdated, "had changed meanwhile, and were left alone"],
    [counts.refused, "could not be run again: expired, unreadable, matching no more, or not allowed any more"],
    [left, state === "running" ? "to go" : "not run, because it was stopped"],
  ];
  return html`<ul class="counts">${rows.map(([count, words]) =>
    count === 0 ? NOTHING : html`<li><b>${count}</b> ${words}</li>`,
  )}</ul>`;
};

/** Stops an order. Returns the path of its page. */
export async function submitStop(visit: Visit, form: URLSearchParams, id: string): Promise<ApiResult<string>> {
  const post = { body: {}, key: form.get("key") ?? "" };
  const stopped = await visit.ask<ShownBulkReplay>(`/v1/replays/${encodeURIComponent(id)}/stop`, post);
  return stopped.ok ? { ok: true, value: pathOf(id) } : stopped;
}

const pathOf = (id: string): string => `/console/replays/${encodeURIComponent(id)}`;

/** What the forms of the list and of the preview select. */
interface Selection {
  readonly deliveries?: readonly string[];
  /** The filters of the list, as a query of the API. */
  readonly query: Readonly<Record<string, string>>;
  readonly today: boolean;
  readonly force: boolean;
}

function selectionIn(form: URLSearchParams): Selection {
  const selected = form.getAll("delivery");
  return {
    ...(form.get("which") !== "all" && { deliveries: selected }),
    query: Object.fromEntries(new URLSearchParams(form.get("query") ?? "")),
    today: form.get("today") === "true",
    force: form.get("force") === "true",
  };
}

/** Counts what a selection of the list would run again, and asks for the reason. It has no effect. */
export async function previewPage(visit: Visit, form: URLSearchParams): Promise<ApiResult<Page>> {
  const selection = selectionIn(form);
  const { deliveries } = selection;
  if (deliveries?.length === 0) return { ok: true, value: { title: "Run again", main: NOTHING_SELECTED } };
  const preview = await visit.ask<BulkPreview>("/v1/replay-preview", { body: selection, key: "" });
  if (!preview.ok) return preview;
  const { total, routes, isCut } = preview.value;
  const main = html`<p>${selectionText(selection, preview.value)}</p>
${isCut ? html`<p class="notice warn">There may be more: these are the newest. Order what is left after this one.</p>` : NOTHING}
${routes.length === 0 ? html`<p class="empty">No route of these deliveries can be run again.</p>` : previewTable(preview.value)}
${options(visit, selection)}
${total === 0 ? NOTHING : orderForm(visit, selection, total)}`;
  return { ok: true, value: { title: "Run again", main } };
}

const NOTHING_SELECTED = html`<p class="empty">No delivery is selected.</p>
<p><a class="button" href="/console/deliveries">Back to the list</a></p>`;

function selectionText({ deliveries, query }: Selection, { deliveries: found }: BulkPreview): Html {
  if (deliveries !== undefined) {
    const lost = deliveries.length - found;
    return html`<b>${found}</b> selected ${found === 1 ? "delivery" : "deliveries"}.${lost > 0 ? ` ${lost} cannot be read any more.` : ""}`;
  }
  const { until: _, ...named } = query;
  const filters = Object.entries(named).map(([name, value]) => html` <code>${name}=${value}</code>`);
  return html`<b>${found}</b> ${found === 1 ? "delivery matches" : "deliveries match"}${filters.length === 0 ? " of the last seven days" : filters}.`;
}

function previewTable({ routes }: BulkPreview): Html {
  const columns = [
    ["runs", "Would run"],
    ["unsafe", "May have run"],
    ["replayed", "Run again before"],
    ["unmatched", "Match no more"],
    ["forbidden", "Not by you"],
  ] as const;
  const shown = columns.filter(([name]) => name === "runs" || routes.some((one) => one[name] > 0));
  return html`<table class="list counted">
<thead><tr><th>Route</th><th>State</th>${shown.map(([, words]) => html`<th class="number">${words}</th>`)}</tr></thead>
<tbody>${routes.map(
    (
      one,
    ) => html`<tr><td data-name="Route">${one.route}${one.needsApproval ? html` ${badge("warn", "needs an approval")}` : NOTHING}</td>
<td data-name="Is">${one.state === "unmatched" ? "matches only today" : stateText(one.state)}</td>
${shown.map(([name, words]) => html`<td class="number" data-name="${words}">${name === "runs" ? html`<b>${one[name]}</b>` : one[name]}</td>`)}</tr>`,
  )}</tbody></table>`;
}

/** The hidden fields that name the selection. */
const selectionFields = ({ deliveries, query }: Selection, { formToken }: Visit): Html =>
  html`${formTokenField(formToken)}<input type="hidden" name="query" value="${new URLSearchParams(query).toString()}">
${
  deliveries === undefined
    ? html`<input type="hidden" name="which" value="all">`
    : deliveries.map((id) => html`<input type="hidden" name="delivery" value="${id}">`)
}`;

const options = (
  visit: Visit,
  selection: Selection,
): Html => html`<form class="order" method="post" action="/console/replays/preview">
${selectionFields(selection, visit)}
<fieldset><legend>Routes</legend>
<label class="check"><input type="radio" name="today" value="false" ${selection.today ? NOTHING : html`checked`}>
<span>as recorded: those that acted then</span></label>
<label class="check"><input type="radio" name="today" value="true" ${selection.today ? html`checked` : NOTHING}>
<span>with today's configuration: also those that match only today</span></label></fieldset>
<label class="check"><input type="checkbox" name="force" value="true" ${selection.force ? html`checked` : NOTHING}>
<span>also what may have run already, or still runs</span></label>
<button class="plain">Count again</button></form>`;

const orderForm = (
  visit: Visit,
  selection: Selection,
  total: number,
): Html => html`<form class="decide confirm" method="post" action="/console/replays">
${selectionFields(selection, visit)}
<input type="hidden" name="today" value="${String(selection.today)}"><input type="hidden" name="force" value="${String(selection.force)}">
<input type="hidden" name="key" value="${randomUUID()}">
<label>Reason, recorded with your name <input name="reason" maxlength="300" required autocomplete="off"></label>
<button>Run ${total} again</button> <a href="/console/deliveries">Cancel</a></form>`;

/** Orders what was counted. Returns the path of the order. */
export async function submitOrder(visit: Visit, form: URLSearchParams): Promise<ApiResult<string>> {
  const body = { ...selectionIn(form), reason: form.get("reason")?.trim() ?? "" };
  const ordered = await visit.ask<ShownBulkReplay>("/v1/replays", { body, key: form.get("key") ?? "" });
  return ordered.ok ? { ok: true, value: pathOf(ordered.value.id) } : ordered;
}
