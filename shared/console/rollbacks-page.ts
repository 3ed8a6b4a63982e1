import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { neededText } from "../approvals/needed-approval.ts";
import type { Replayed } from "../delivery/replay.ts";
import type { RollbackPreview, RunOfRoute } from "../http/rollback-preview.ts";
import { RUN_WORDS } from "../model/state-words.ts";
import { commitsText } from "./commits.ts";
import { formTokenField } from "./csrf.ts";
import { badge, deliveryLink, facts, type Html, NOTHING, outsideLink, timeAndAge, wordsBadge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/**
 * Three steps, each with an address of its own: a route, the runs of its environments that it can go back to, and what a
 * rollback would run, to confirm.
 */
export async function rollbacksPage(visit: Visit): Promise<ApiResult<Page>> {
  const routes = visit.routes.filter((route) => visit.may("replay", route, "anything"));
  const params = visit.url.searchParams;
  const route = params.get("route") ?? (routes.length === 1 ? routes[0] : undefined);
  const choice = routes.length === 0 ? NO_ROUTES : routeForm(routes, route);
  if (route === undefined || route === "") return pageOf(html`${INTRODUCTION}${choice}`);
  const preview = await visit.ask<RollbackPreview>(`/v1/rollbacks?${new URLSearchParams({ route })}`);
  if (!preview.ok) {
    if (preview.problem.reason !== "rollback_impossible") return preview;
    return pageOf(html`${INTRODUCTION}${choice}<p class="notice warn">${preview.problem.title}</p>`);
  }
  const { places } = preview.value;
  const to = params.get("to");
  const environment = params.get("environment") ?? undefined;
  const place = places.find((one) => one.environment === environment);
  const run = place?.good.find(({ delivery }) => delivery === to);
  if (place !== undefined && run !== undefined) return pageOf(confirmation({ route, place, run }, visit));
  const lost =
    to === null ? NOTHING : html`<p class="notice warn">No rollback can go to <code>${to}</code> any more.</p>`;
  const none = html`<p class="empty">No run of ${route} is known to have succeeded.</p>`;
  const cards = places.length === 0 ? none : html`${places.map((one, at) => card({ route, place: one, at }, visit))}`;
  return pageOf(html`${INTRODUCTION}${choice}${lost}${cards}`);
}

const pageOf = (main: Html): ApiResult<Page> => ({ ok: true, value: { title: "Roll back", main } });

const INTRODUCTION = html`<p>A rollback runs a route again as an earlier run that succeeded was run: with its event, with today's
configuration and gates, and in your name.</p>`;
const NO_ROUTES = html`<p class="empty">Your roles do not let you roll back any route.</p>`;

const routeForm = (routes: readonly string[], chosen: string | undefined): Html =>
  html`<form class="filters" action="/console/rollbacks">
<label>Route <select name="route" required>${routes.map(
    (route) => html`<option ${route === chosen ? html`selected` : NOTHING}>${route}</option>`,
  )}</select></label>
<button class="plain">Show its runs</button>
</form>`;

type Place = RollbackPreview["places"][number];

function card(
  { route, place, at }: { readonly route: string; readonly place: Place; readonly at: number },
  visit: Visit,
): Html {
  const { environment, newest, good } = place;
  return html`<article class="card" aria-labelledby="place-${at}">
<h2 id="place-${at}">${placeName(place)}</h2>
${facts([["Newest run", runText(newest, visit)]])}
${good.length === 0 ? html`<p class="empty">No earlier run is known to have succeeded here.</p>` : NOTHING}
${
  good.length > 0
    ? html`<form class="order" action="/console/rollbacks"><input type="hidden" name="route" value="${route}">
${environment === undefined ? NOTHING : html`<input type="hidden" name="environment" value="${environment}">`}
<fieldset><legend>Go back to</legend>${good.map(
        (run, index) =>
          html`<label class="check"><input type="radio" name="to" value="${run.delivery}"${index === 0 ? html` checked` : NOTHING}>
<span>${runText(run, visit)}</span></label>`,
      )}</fieldset>
<button class="plain">See what would run</button></form>`
    : NOTHING
}
</article>`;
}

function confirmation(
  { route, place, run }: { readonly route: string; readonly place: Place; readonly run: RunOfRoute },
  visit: Visit,
): Html {
  const { environment, newest } = place;
  const field = (name: string, value: string): Html => html`<input type="hidden" name="${name}" value="${value}">`;
  const back = html`<a href="/console/rollbacks?${new URLSearchParams({ route })}">Choose another run</a>`;
  return html`<article class="card" aria-labelledby="confirm">
<h2 id="confirm">Roll back ${route}${environment === undefined ? NOTHING : html` in ${environment}`}?</h2>
${facts([
  ["Replaces", runText(newest, visit)],
  ["Runs again", runText(run, visit)],
  ["Commits", commitsText(run)],
  ["Needs an approval", run.approval && neededText(run.approval)],
  ["By", visit.name],
])}
${run.problem === undefined ? NOTHING : html`<p class="notice warn">This would run nothing: ${run.problem}.</p>`}
<form class="decide" method="post" action="/console/rollbacks">
${formTokenField(visit.formToken)}${field("key", randomUUID())}${field("route", route)}${field("to", run.delivery)}
${environment === undefined ? NOTHING : field("environment", environment)}
<button>Roll back</button> ${back}
</form></article>`;
}

const placeName = ({ environment }: Place): string => environment ?? "Runs that reported no environment";

/** How the run ended and when, then what it ran for. The newest commit of a push is not always the one that ran. */
export function runText(run: RunOfRoute, visit: Visit): Html {
  const { delivery, firedAt, endedAt, state, title, url, commits = [], subject, what, problem, reference, tag } = run;
  const at = endedAt ?? firedAt;
  const ran = commits.find(({ id }) => id === reference);
  const version = reference === undefined ? NOTHING : html`, ${referenceText(reference, what)}`;
  const cause =
    ran === undefined
      ? html`${outsideLink(url, title ?? subject ?? delivery)}${version}`
      : html`${outsideLink(ran.url, ran.id.slice(0, 8))} ${ran.title}${ran.author === undefined ? NOTHING : html`, ${ran.author}`}`;
  const named = tag === undefined ? NOTHING : html`tag <b>${tag}</b>: `;
  const by = html`<span class="aside">${deliveryLink(delivery, what ?? "delivery")}</span>`;
  const nothing = problem === undefined ? NOTHING : html` ${badge("warn", problem)}`;
  return html`${wordsBadge(RUN_WORDS[state])}${timeAndAge(at, visit.now)}: ${named}${cause} ${by}${nothing}`;
}

/** The version of a page is a number, and everything else has a commit. */
const referenceText = (reference: string, what = ""): Html =>
  html`${/^(page|blogpost)\./.test(what) ? "version" : "commit"} <code>${HASH.test(reference) ? reference.slice(0, 8) : reference}</code>`;

const HASH = /^[\da-f]{40,64}$/;

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
