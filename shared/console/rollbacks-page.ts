import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { Replayed } from "../delivery/replay.ts";
import { formTokenField } from "./csrf.ts";
import { NOTHING } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The form that fires a route again with the event of its last successful run. */
export async function rollbacksPage(visit: Visit): Promise<ApiResult<Page>> {
  const routes = visit.routes.filter((route) => visit.may("replay", route, "anything"));
  const field = (name: string): string => visit.url.searchParams.get(name) ?? "";
  const main =
    routes.length === 0
      ? html`<p class="empty">Your roles do not let you roll back any route.</p>`
      : html`<p>Fires the route again with the event of its last successful run before the newest one, with the same gates
and in your name.</p>
<form class="order" method="post" action="/console/rollbacks">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>Route <select name="route" required>${routes.map(
          (route) => html`<option ${route === field("route") ? html`selected` : NOTHING}>${route}</option>`,
        )}</select></label>
<label>Environment <input name="environment" value="${field("environment")}" autocomplete="off" placeholder="as the run's result reports it"></label>
<label>Roll back to delivery <input name="to" value="${field("to")}" autocomplete="off" placeholder="the last one whose run succeeded"></label>
<button>Roll back</button>
</form>`;
  return { ok: true, value: { title: "Roll back", main } };
}

/** Rolls a route back. Returns the path of the next page. */
export async function submitRollback(visit: Visit, form: URLSearchParams): Promise<ApiResult<string>> {
  const fields = ["route", "environment", "to"].flatMap((name) => {
    const value = form.get(name)?.trim();
    return value ? [[name, value] as const] : [];
  });
  const post = { body: Object.fromEntries(fields), key: form.get("key") ?? "" };
  const replayed = await visit.ask<Replayed>("/v1/rollbacks", post);
  return replayed.ok ? { ok: true, value: `/console/deliveries/${replayed.value.delivery}` } : replayed;
}
