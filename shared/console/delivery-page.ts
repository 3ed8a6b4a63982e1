import { html } from "hono/html";
import * as v from "valibot";
import { makesOwnClaims } from "../delivery/correlate.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ShownDelivery } from "../http/deliveries.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { factsOf } from "../model/event-facts.ts";
import type { Replay } from "../model/recorded-delivery.ts";
import { titleOf, whereOf } from "./deliveries-table.ts";
import {
  copied,
  deliveryLink,
  facts,
  type Html,
  NOTHING,
  nextTry,
  outsideLink,
  outsideLinkAround,
  rejectionText,
  reportBadge,
  stateBadge,
  timeAndAge,
  withTimes,
} from "./html.ts";
import { nearDeliveries } from "./near-deliveries.ts";
import type { AccountNames } from "./person-text.ts";
import { replayableRoutes } from "./replay-page.ts";
import { requestForm } from "./request-page.ts";
import { timelineOf } from "./timeline.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** One delivery: who sent what, which routes it matched and why, what followed, and what a person can do about it. */
export async function deliveryPage(visit: Visit, id: string): Promise<ApiResult<Page>> {
  const shown = await visit.ask<ShownDelivery>(`${pathOf(id)}?explain=true`);
  if (!shown.ok) return shown;
  const { delivery, events, timeline, explanation } = shown.value;
  const [event] = events;
  const [origin, near] = await Promise.all([originOf(visit, shown.value), nearDeliveries(visit, delivery)]);
  // Loaded with the first page: most starts of the console are for a list.
  const { answerOf, explanationOf } = await import("./explanation.ts");
  const main = html`${near}<p class="lead">${reportBadge(delivery.what)}${stateBadge(delivery.state ?? delivery.outcome)}${delivery.stateSince === undefined ? NOTHING : html`<span class="aside">since ${timeAndAge(delivery.stateSince, visit.now)}</span>`}
${titleOf(delivery) === delivery.what ? NOTHING : html`${delivery.what} · `}<b>${outsideLinkAround(event && placeOf(event), whereOf(delivery))}</b>${delivery.about?.person === undefined ? NOTHING : html` · ${delivery.about.person}`},
received ${timeAndAge(delivery.receivedAt, visit.now)} from <b>${delivery.source}</b>${delivery.outcome === "event" ? html` · <a href="/console/threads?delivery=${encodeURIComponent(delivery.id)}">Its whole thread</a>` : NOTHING}</p>
${statesOf(shown.value, visit.now)}
${delivery.refusedFor ? html`<p class="notice bad"><b>Refused:</b> ${rejectionText(delivery.refusedFor)}</p>` : NOTHING}
${delivery.excludedFor ? html`<p class="notice warn"><b>Ignored:</b> ${rejectionText(delivery.excludedFor)}</p>` : NOTHING}
${delivery.shadowRejection ? html`<p class="notice warn"><b>Shadow mode let it in; it would be refused:</b> ${rejectionText(delivery.shadowRejection)}</p>` : NOTHING}
${delivery.repeats === undefined ? NOTHING : html`<p class="notice">Repeats ${deliveryLink(delivery.repeats)}, which reported the same event first. If it should act by itself, run it again.</p>`}
${causeOf(event, origin)}
${explanation === undefined || delivery.routes !== undefined || delivery.refusedFor ? NOTHING : answerOf(explanation, visit.now)}
<h2>Timeline</h2>
${timeline.length === 0 ? html`<p class="empty">${whyEmpty(shown.value)}.</p>` : timelineOf(shown.value, { now: visit.now, names: namesOf(shown.value, origin) })}
${explanation === undefined ? NOTHING : html`<h2>Why</h2>${explanationOf(explanation, visit.now)}`}
${replayLink(visit, shown.value)}
<h2>Sender</h2>
${senderOf(shown.value)}
${visit.mayReadPayload(events.map(({ detail }) => factsOf(detail))) ? requestForm(delivery.id, visit) : NOTHING}
${events.map((one) => html`<h2>Event${events.length > 1 ? html` ${one["detail-type"]} <code>${one.detail.id}</code>` : NOTHING}</h2>${eventFacts(one)}${commitsOf(one)}`)}
<details><summary>Record</summary>${recordFacts(shown.value, visit.now)}</details>`;
  const isFresh = visit.now - Date.parse(delivery.receivedAt) < FRESH_MS;
  const refreshSeconds = isFresh ? 5 : 60;
  return { ok: true, value: { title: titleOf(delivery), main, refreshSeconds } };
}

/** The names of the accounts that the events of the delivery, and of the one that caused it, name. */
const namesOf = ({ events }: ShownDelivery, origin: ShownDelivery | undefined): AccountNames =>
  Object.fromEntries(
    [...(origin?.events ?? []), ...events].flatMap(({ detail }) =>
      "actor" in detail && detail.actor?.name !== undefined ? [[detail.actor.id, detail.actor.name]] : [],
    ),
  );

/** The state of each route, the worst first, with what is next. */
const statesOf = ({ delivery: { routes = [] }, timeline }: ShownDelivery, now: EpochMillis): Html =>
  routes.length === 0
    ? NOTHING
    : html`<ul class="states">${routes.map((one) => {
        const { route, event, target, state, since, next, why, waitsFor, of } = one;
        const place = target === undefined ? NOTHING : html` at ${target}`;
        const about = event === undefined ? NOTHING : html` (event <code>${event}</code>)`;
        const details = html`${waitsFor === undefined ? NOTHING : html`, for ${withTimes(waitsFor, now)}`}${of === undefined ? NOTHING : html`, of ${deliveryLink(of)}`}${next === undefined ? NOTHING : html`, ${nextTry(next, now)}`}${why === undefined ? NOTHING : html`: ${withTimes(why, now)}`}`;
        const approval = openApprovalOf(one, timeline);
        const card =
          approval === undefined
            ? NOTHING
            : html` · <a href="/console/approvals#${encodeURIComponent(approval)}">See the approval</a>`;
        return html`<li>${stateBadge(state)} <b>${route}</b>${place}${about} <span class="aside">since ${timeAndAge(since, now)}</span>${details}${card}</li>`;
      })}</ul>`;

/** The approval that a waiting route needs, or that is granted and waits for its window. Those that ended have no card. */
function openApprovalOf(
  { route, event, state }: Pick<NonNullable<ShownDelivery["delivery"]["routes"]>[number], "route" | "event" | "state">,
  timeline: ShownDelivery["timeline"],
): string | undefined {
  if (state !== "waiting") return undefined;
  const last = timeline.findLast((line) => line.kind === "approval" && line.route === route && line.event === event);
  return last?.kind === "approval" && OPEN_APPROVALS.some((one) => one === last.state) ? last.approval : undefined;
}

const OPEN_APPROVALS = ["requested", "partly_granted", "would_grant", "granted"] as const;

function whyEmpty({ delivery, events }: ShownDelivery): string {
  if (events.length === 0) return "Nothing: this delivery is not an event";
  return delivery.relayedAt === undefined
    ? "Nothing yet: no route matched, or the delivery is not relayed yet"
    : "Nothing: no route matched. The fields of the event are below";
}

/** Most of what follows a delivery happens within this time. */
const FRESH_MS = 15 * 60_000;

const pathOf = (id: string): string => `/v1/deliveries/${encodeURIComponent(id)}`;

/**
 * The delivery that this one was traced back to. The event only has its sender's claim; the timeline of the other
 * delivery shows whether the bridge confirmed it. The claim of an event that the bridge made itself is its own.
 */
async function originOf(
  visit: Visit,
  { delivery, events: [event] }: ShownDelivery,
): Promise<ShownDelivery | undefined> {
  const claim = event && "origin" in event.detail ? event.detail.origin?.delivery : undefined;
  if (claim === undefined) return undefined;
  const claimed = await visit.ask<ShownDelivery>(pathOf(claim));
  if (!claimed.ok) return undefined;
  const isConfirmed =
    makesOwnClaims(delivery.source) ||
    claimed.value.timeline.some(
      (timelineEvent) => timelineEvent.kind === "followed_by" && timelineEvent.delivery === delivery.id,
    );
  return isConfirmed ? claimed.value : undefined;
}

/** The delivery that this one repeats, and the delivery that caused it. */
function causeOf(event: BusEvent | undefined, origin: ShownDelivery | undefined): Html {
  const { replay, promotion } = event?.detail ?? {};
  return html`${
    replay === undefined
      ? NOTHING
      : html`<p>${promotion?.from === undefined ? repeatedAs(replay) : `Promotes from ${promotion.from} to ${promotion.to} the run of`} ${deliveryLink(replay.of)}, for ${replay.routes.join(", ")}.</p>`
  }${
    origin === undefined
      ? NOTHING
      : html`<p>Traced back to ${deliveryLink(origin.delivery.id, origin.delivery.what)} of ${titleOf(origin.delivery)}.</p>`
  }`;
}

function repeatedAs({ isRollback, lastReport }: Replay): string {
  if (lastReport === undefined) return isRollback ? "Rolled back to" : "Run again from";
  const why = lastReport.isOverdue ? `there is no report since ${lastReport.at}` : "the run is reported again";
  return `Recorded by the bridge, because ${why}. It shows the state of`;
}

/** URL of the event in its own system: the `url` of the part that the event's type defines. */
const placeOf = ({ detail }: BusEvent): string | undefined =>
  Object.values(detail).find((part) => v.is(placed, part))?.url;

const placed = v.object({ url: v.string() });

function senderOf({ delivery, events: [event] }: ShownDelivery): Html {
  const { issuer, subject, method, credential, trustEntry, roles, claims = {} } = delivery.principal;
  const actor = event && "actor" in event.detail ? event.detail.actor : undefined;
  return facts([
    ["Authenticated by", html`${method}, credential <code>${credential}</code>`],
    ["Authenticated as", html`<b>${subject}</b> of ${issuer}`],
    ["Trust entry", trustEntry],
    ["Roles", roles.length > 0 ? roles.join(", ") : undefined],
    ...Object.entries(claims).map(([name, claim]) => [name, claim] as const),
    ["Person, reported by the sender", actor && `${actor.name ?? ""} ${actor.id}`.trim()],
  ]);
}

/** The values that only some types of events have, under the names that routes use below `detail`. */
const eventFacts = ({ detail }: BusEvent): Html => {
  const fields = Object.entries(detail).filter(([name]) => !SHOWN_ELSEWHERE.has(name));
  return facts(factsIn(Object.fromEntries(fields), ""));
};

function factsIn(part: object, above: string): readonly (readonly [string, Html])[] {
  return Object.entries(part).flatMap(([member, value]: [string, unknown]) => {
    const name = `${above}${member}`;
    if (Array.isArray(value)) return listFacts(name, value);
    if (typeof value === "object" && value !== null) return factsIn(value, `${name}.`);
    return [
      [name, ID_OR_HASH.test(String(value)) ? copied(String(value), name) : outsideLink(String(value), String(value))],
    ];
  });
}

/** A UUID, a digest, a commit, or an id with as many digits. */
const ID_OR_HASH = /^(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|[\da-f]{32,64}|(?=.*\d)[\w-]{24,80})$/i;

/** The first texts of a list. Lists of objects are left out; commits are shown by themselves. */
function listFacts(name: string, list: readonly unknown[]): readonly (readonly [string, Html])[] {
  const texts = list.filter((one) => typeof one === "string");
  if (texts.length === 0) return [];
  const more = texts.length > MAX_SHOWN ? ` and ${texts.length - MAX_SHOWN} more` : "";
  return [[name, html`${texts.slice(0, MAX_SHOWN).join(", ")}${more}`]];
}

const MAX_SHOWN = 10;

/** The commits of a push, newest first, by the first lines of their messages. */
function commitsOf({ detail }: BusEvent): Html {
  if (!("code" in detail) || detail.code.commits.length === 0) return NOTHING;
  const { commits, commitCount } = detail.code;
  const rows = commits.toReversed().map(({ id, message, url, author }) => {
    const [title = ""] = message.split("\n", 1);
    return html`<li>${outsideLink(url, title.trim() || id)}${author ? html`, by ${author}` : NOTHING}</li>`;
  });
  const count = commitCount > commits.length ? `the newest ${commits.length} of ${commitCount}` : commits.length;
  return html`<h3>Commits (${count})</h3><ul>${rows}</ul>`;
}

/** Members that events of any type may have; the page shows them elsewhere. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  "id source type subject time delivery eventKey traceparent principal replay origin".split(" "),
);

const recordFacts = ({ delivery, events }: ShownDelivery, now: EpochMillis): Html =>
  facts([
    ["Delivery", copied(delivery.id, "the id of the delivery")],
    ["Subject", delivery.subject],
    ...events.map(({ detail }) => ["Event key", copied(detail.eventKey, "the event key")] as const),
    ["Request id in the log", copied(delivery.requestId, "the request id")],
    ["Trace", events[0]?.detail.traceparent && copied(events[0].detail.traceparent, "the trace")],
    ["Event time, reported by the sender", events[0] && timeAndAge(events[0].time, now)],
    ["Received", timeAndAge(delivery.receivedAt, now)],
    ["Relayed", delivery.relayedAt && timeAndAge(delivery.relayedAt, now)],
    ["Body", html`${delivery.bodyBytes} bytes, SHA-256 ${copied(delivery.bodyDigest, "the digest of the body")}`],
    ["Redacted", delivery.redacted && "The body had a credential in a URL, which was removed"],
    ["Provider", delivery.provider],
  ]);

/** A link to the preview of a replay. It is offered only if the API would accept one from this person. */
const replayLink = (visit: Visit, shown: ShownDelivery): Html =>
  replayableRoutes(visit, shown).allowed.length === 0
    ? NOTHING
    : html`<p class="orders"><a class="button plain" href="/console/deliveries/${encodeURIComponent(shown.delivery.id)}/replay">Run it again…</a>
<span class="aside">You see first what would be called.</span></p>`;
