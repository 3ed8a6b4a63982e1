import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { Replayed } from "../delivery/replay.ts";
import type { BulkPreview } from "../http/bulk-replays.ts";
import type { ShownDelivery } from "../http/deliveries.ts";
import { isSafeToRerun } from "../model/delivery-state.ts";
import { factsOf } from "../model/event-facts.ts";
import { formTokenField } from "./csrf.ts";
import { titleOf } from "./deliveries-table.ts";
import { badge, deliveryLink, type Html, NOTHING, stateBadge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** What a replay of one delivery would call, and the buttons that order it. It has no effect. */
export async function replayPreviewPage(visit: Visit, id: string): Promise<ApiResult<Page>> {
  const selection = { deliveries: [id], force: true };
  const [shown, preview] = await Promise.all([
    visit.ask<ShownDelivery>(pathOf(id)),
    visit.ask<BulkPreview>("/v1/replay-preview", { body: selection, key: "" }),
  ]);
  if (!shown.ok) return shown;
  if (!preview.ok) return preview;
  const { delivery } = shown.value;
  const { routes, allowed } = replayableRoutes(visit, shown.value);
  const main = html`<p class="lead">${deliveryLink(delivery.id, titleOf(delivery))} · ${delivery.what}</p>
${
  allowed.length === 0
    ? html`<p class="empty">You may run no route of this delivery again, or none acted on it.</p>`
    : html`${previewTable(allowed, shown.value, preview.value)}${replayForm(visit, id, { allowed, isAll: allowed.length === routes.length })}`
}`;
  return { ok: true, value: { title: "Run it again?", main } };
}

function previewTable(routes: readonly string[], { delivery }: ShownDelivery, preview: BulkPreview): Html {
  const rows = routes.map((name) => {
    const outcome = delivery.routes?.find(({ route }) => route === name);
    const previewed = preview.routes.filter(({ route }) => route === name);
    const isUnmatched = previewed.length > 0 && previewed.every(({ runs, unmatched }) => runs === 0 && unmatched > 0);
    const remarks = [
      ...(previewed.some((one) => one.needsApproval) ? [badge("warn", "needs an approval")] : []),
      ...(previewed.some(({ state }) => !isSafeToRerun(state))
        ? [badge("warn", "may have run already: it would run twice")]
        : []),
      ...(isUnmatched ? [badge("quiet", "matches no more")] : []),
    ];
    return html`<tr><td data-name="Route"><b>${name}</b></td><td data-name="Calls">${outcome?.target ?? "its target"}</td>
<td data-name="Is">${outcome === undefined ? NOTHING : stateBadge(outcome.state)}</td><td data-name="Then">${remarks.length === 0 ? "runs at once" : remarks}</td></tr>`;
  });
  return html`<table class="list"><thead><tr><th>Route</th><th>Calls</th><th>Is</th><th>Then</th></tr></thead><tbody>${rows}</tbody></table>`;
}

const replayForm = (
  { formToken }: Visit,
  id: string,
  { allowed, isAll }: { readonly allowed: readonly string[]; readonly isAll: boolean },
): Html => html`<p>The same event runs again, in your name, as a delivery of its own.</p>
<form class="decide" method="post" action="/console/deliveries/${encodeURIComponent(id)}/replay">
${formTokenField(formToken)}<input type="hidden" name="key" value="${randomUUID()}">
${isAll && allowed.length > 1 ? html`<button>all routes</button>` : NOTHING}
${allowed.map((route) => html`<button name="route" value="${route}">route ${route}</button> `)}
${deliveryLink(id, "Cancel")}</form>`;

/** The routes that acted on a delivery, and those of them that this person may run again. */
export function replayableRoutes(visit: Visit, { delivery, events, timeline }: ShownDelivery) {
  const matched = timeline.flatMap((line) =>
    line.kind === "scheduled" || line.kind === "already_scheduled" ? [line.route] : [],
  );
  const routes = [...new Set(matched)];
  const about = events.map(({ detail }) => factsOf(detail));
  const isPossible = events.length > 0 && !delivery.shadowRejection;
  const allowed = isPossible ? routes.filter((route) => visit.may("replay", route, about)) : [];
  return { routes, allowed };
}

/** Runs a delivery again. Returns the path of the next page. */
export async function submitReplay(visit: Visit, form: URLSearchParams, id: string): Promise<ApiResult<string>> {
  const route = form.get("route");
  const post = { body: route === null ? {} : { route }, key: form.get("key") ?? "" };
  const replayed = await visit.ask<Replayed>(`${pathOf(id)}/replay`, post);
  return replayed.ok ? { ok: true, value: `/console/deliveries/${replayed.value.delivery}` } : replayed;
}

const pathOf = (id: string): string => `/v1/deliveries/${encodeURIComponent(id)}`;
