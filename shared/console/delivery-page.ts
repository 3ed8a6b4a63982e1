import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import * as v from "valibot";
import type { Replayed } from "../delivery/replay.ts";
import type { ShownDelivery } from "../http/deliveries.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { formTokenField } from "./csrf.ts";
import { OUTCOMES } from "./deliveries-page.ts";
import { badge, deliveryLink, facts, type Html, NOTHING, outsideLink, refusalOf, when } from "./html.ts";
import { timelineOf } from "./timeline.ts";
import type { Answer, Page, Visit } from "./visit.ts";

/** One delivery: who sent what, which rule it met and why, what followed, and what can be done about it. */
export async function deliveryPage(visit: Visit, id: string): Promise<Answer<Page>> {
  const shown = await visit.ask<ShownDelivery>(pathOf(id));
  if (!shown.ok) return shown;
  const { delivery, event, timeline } = shown.value;
  const origin = await originOf(visit, shown.value);
  const main = html`<p class="lead">${badge(OUTCOMES[delivery.outcome], delivery.outcome)}
<b>${outsideLink(event && placeOf(event), delivery.subject ?? "")}</b>
received ${when(delivery.receivedAt, visit.now)} from <b>${delivery.source}</b></p>
${delivery.refusedFor ? html`<p class="notice bad"><b>Refused:</b> ${refusalOf(delivery.refusedFor)}</p>` : NOTHING}
${delivery.shadowRejection ? html`<p class="notice warn"><b>Let in by shadow mode; would be refused:</b> ${refusalOf(delivery.shadowRejection)}</p>` : NOTHING}
${cameFrom(event, origin)}
<h2>What followed</h2>
${timeline.length === 0 ? html`<p class="empty">Nothing${event ? ": no route matched, or it is not relayed yet" : ", for it is no event"}.</p>` : timelineOf(shown.value, visit.now)}
${orders(visit, shown.value)}
<h2>Who</h2>
${who(shown.value)}
${event === undefined ? NOTHING : html`<h2>What</h2>${what(event)}`}
<details><summary>For the record</summary>${record(shown.value, visit)}</details>`;
  const isFresh = visit.now - Date.parse(delivery.receivedAt) < FRESH_MS;
  const refreshSeconds = isFresh ? 5 : 60;
  return { ok: true, value: { title: delivery.what, main, refreshSeconds } };
}

/** While this lasts, most of what follows does. */
const FRESH_MS = 15 * 60_000;

/** Has it run again; gives where to look next. */
export async function replayOrder(visit: Visit, form: URLSearchParams, id: string): Promise<Answer<string>> {
  const route = form.get("route");
  const order = { body: route === null ? {} : { route }, key: form.get("key") ?? "" };
  const replayed = await visit.ask<Replayed>(`${pathOf(id)}/replay`, order);
  return replayed.ok ? { ok: true, value: `/console/deliveries/${replayed.value.delivery}` } : replayed;
}

const pathOf = (id: string): string => `/v1/deliveries/${encodeURIComponent(id)}`;

/**
 * The delivery that this one was traced back to. What the event claims is only what its sender says; the other one's
 * timeline tells whether the bridge found it to be so.
 */
async function originOf(visit: Visit, { delivery, event }: ShownDelivery): Promise<ShownDelivery | undefined> {
  const claim = event && "origin" in event.detail ? event.detail.origin?.delivery : undefined;
  if (claim === undefined) return undefined;
  const told = await visit.ask<ShownDelivery>(pathOf(claim));
  const isSo =
    told.ok &&
    told.value.timeline.some(
      (timelineEvent) => timelineEvent.kind === "followed_by" && timelineEvent.delivery === delivery.id,
    );
  return isSo ? told.value : undefined;
}

function cameFrom(event: BusEvent | undefined, origin: ShownDelivery | undefined): Html {
  const { replay } = event?.detail ?? {};
  return html`${
    replay === undefined
      ? NOTHING
      : html`<p>${replay.isRollback ? "Rolled back to" : "Run again from"} ${deliveryLink(replay.of)}, for ${replay.routes.join(", ")}.</p>`
  }${
    origin === undefined
      ? NOTHING
      : html`<p>Traced back to ${deliveryLink(origin.delivery.id, origin.delivery.what)} of ${origin.delivery.subject ?? origin.delivery.source}.</p>`
  }`;
}

/** Where the event's own system shows it: the address in the one part that its type promises. */
const placeOf = ({ detail }: BusEvent): string | undefined =>
  Object.values(detail).find((part) => v.is(placed, part))?.url;

const placed = v.object({ url: v.string() });

function who({ delivery, event }: ShownDelivery): Html {
  const { issuer, subject, method, credential, trustEntry, roles, claims = {} } = delivery.principal;
  const actor = event && "actor" in event.detail ? event.detail.actor : undefined;
  return facts([
    ["Proved by", html`${method}, credential <code>${credential}</code>`],
    ["Proved as", html`<b>${subject}</b> of ${issuer}`],
    ["Trust entry", trustEntry],
    ["Roles", roles.length > 0 ? roles.join(", ") : undefined],
    ...Object.entries(claims).map(([name, claim]) => [name, claim] as const),
    ["Person, as the sender tells", actor && `${actor.name ?? ""} ${actor.id}`.trim()],
  ]);
}

/** What the event says of the one thing that its type promises: its texts and numbers, as routes see them. */
function what({ detail }: BusEvent): Html {
  const told = Object.entries(detail).flatMap(([name, part]) =>
    v.is(v.record(v.string(), v.unknown()), part) && !BESIDES.has(name) ? Object.entries(part) : [],
  );
  const known = told.flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "number"
      ? [[name, outsideLink(String(value), String(value))] as const]
      : [],
  );
  return facts(known);
}

const BESIDES: ReadonlySet<string> = new Set(["principal", "actor", "replay", "origin"]);

const record = ({ delivery, event }: ShownDelivery, { now }: Visit): Html =>
  facts([
    ["Delivery", html`<code>${delivery.id}</code>`],
    ["Event key", event && html`<code>${event.detail.eventKey}</code>`],
    ["Request, as in the log", html`<code>${delivery.requestId}</code>`],
    ["Trace", event?.detail.traceparent && html`<code>${event.detail.traceparent}</code>`],
    ["Happened, as the sender tells", event && when(event.time, now)],
    ["Relayed", delivery.relayedAt && when(delivery.relayedAt, now)],
    ["Body", html`${delivery.bodyBytes} bytes, SHA-256 <code>${delivery.bodyDigest}</code>`],
    ["Provider", delivery.provider],
  ]);

/** Running it again: offered where the interface would take it from this person. */
function orders(visit: Visit, { delivery, event, timeline }: ShownDelivery): Html {
  const met = timeline.flatMap((timelineEvent) =>
    timelineEvent.kind === "scheduled" || timelineEvent.kind === "already_scheduled" ? [timelineEvent.route] : [],
  );
  const routes = [...new Set(met)];
  const allowed = routes.filter((route) => visit.may("replay", route));
  if (event === undefined || delivery.shadowRejection || allowed.length === 0) return NOTHING;
  const button = (words: string, route?: string): Html =>
    html`<button ${route === undefined ? NOTHING : html`name="route" value="${route}"`}>${words}</button> `;
  return html`<details class="orders"><summary>Run it again…</summary>
<p>The same event once more, in your name, for:</p>
<form method="post" action="/console/deliveries/${encodeURIComponent(delivery.id)}/replay">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
${allowed.length === routes.length && routes.length > 1 ? button("all routes") : NOTHING}
${allowed.map((route) => button(`route ${route}`, route))}
</form></details>`;
}
