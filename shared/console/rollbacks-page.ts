import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { Replayed } from "../delivery/replay.ts";
import { formTokenField } from "./csrf.ts";
import { NOTHING } from "./html.ts";
import type { Answer, Page, Visit } from "./visit.ts";

/** The form that fires a route again as its last good run was fired. */
export async function rollbacksPage(visit: Visit): Promise<Answer<Page>> {
  const routes = visit.routes.filter((route) => visit.may("replay", route));
  const given = (name: string): string => visit.url.searchParams.get(name) ?? "";
  const main =
    routes.length === 0
      ? html`<p class="empty">Your roles let you roll back no route.</p>`
      : html`<p>The route is fired again as its last good run before the newest was fired: with the same gates, and in your
name.</p>
<form class="order" method="post" action="/console/rollbacks">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>Route <select name="route" required>${routes.map(
          (route) => html`<option ${route === given("route") ? html`selected` : NOTHING}>${route}</option>`,
        )}</select></label>
<label>Environment <input name="environment" value="${given("environment")}" autocomplete="off" placeholder="as the run's result tells"></label>
<label>To a delivery whose run was good <input name="to" value="${given("to")}" autocomplete="off" placeholder="the last good one"></label>
<button>Roll back</button>
</form>`;
  return { ok: true, value: { title: "Roll back", main } };
}

/** Orders it; gives where to look next. */
export async function rollbackOrder(visit: Visit, form: URLSearchParams): Promise<Answer<string>> {
  const told = ["route", "environment", "to"].flatMap((name) => {
    const value = form.get(name)?.trim();
    return value ? [[name, value] as const] : [];
  });
  const order = { body: Object.fromEntries(told), key: form.get("key") ?? "" };
  const replayed = await visit.ask<Replayed>("/v1/rollbacks", order);
  return replayed.ok ? { ok: true, value: `/console/deliveries/${replayed.value.delivery}` } : replayed;
}
