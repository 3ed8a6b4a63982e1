import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { neededText } from "../approvals/needed-approval.ts";
import type { PromotionPlace } from "../delivery/judge-promotion.ts";
import type { Replayed } from "../delivery/replay.ts";
import type { PromotionPreview } from "../http/promotions.ts";
import { formTokenField } from "./csrf.ts";
import { facts, type Html, NOTHING } from "./html.ts";
import { runText } from "./rollbacks-page.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** Two steps: a route with two of its environments, and what a promotion would run, to confirm. */
export async function promotionsPage(visit: Visit): Promise<ApiResult<Page>> {
  const places = visit.promotions.filter(({ route }) => visit.may("promote", route, "anything"));
  const chosen = places[Number(visit.url.searchParams.get("place") ?? (places.length === 1 ? 0 : Number.NaN))];
  const choice = places.length === 0 ? NO_PLACES : placeForm(places, chosen);
  if (chosen === undefined) return pageOf(html`${INTRODUCTION}${choice}`);
  const preview = await visit.ask<PromotionPreview>(`/v1/promotions?${new URLSearchParams({ ...chosen })}`);
  if (!preview.ok) {
    if (preview.problem.reason !== "promotion_impossible") return preview;
    return pageOf(html`${INTRODUCTION}${choice}<p class="notice warn">${preview.problem.title}.</p>`);
  }
  return pageOf(html`${INTRODUCTION}${choice}${confirmation(preview.value, visit)}`);
}

const pageOf = (main: Html): ApiResult<Page> => ({ ok: true, value: { title: "Promote", main } });

const INTRODUCTION = html`<p>A promotion runs a route again in its next environment, with the commit and the image of the last run
that succeeded in the one before, and in your name.</p>`;
const NO_PLACES = html`<p class="empty">Your roles do not let you promote the runs of any route.</p>`;

/** The number of a place is its value: three names in one field would need a separator. */
const placeForm = (places: readonly PromotionPlace[], chosen: PromotionPlace | undefined): Html =>
  html`<form class="filters" action="/console/promotions">
<label>Route <select name="place" required>${places.map(
    (place, at) =>
      html`<option value="${at}"${place === chosen ? html` selected` : NOTHING}>${place.route}: ${place.from} to ${place.to}</option>`,
  )}</select></label>
<button class="plain">Show its runs</button>
</form>`;

function confirmation(preview: PromotionPreview, visit: Visit): Html {
  const { route, from, to, run, newest, good, behind, approval, problem } = preview;
  const field = (name: string, value: string): Html => html`<input type="hidden" name="${name}" value="${value}">`;
  const title = html`Promote ${route} from ${from} to ${to}?`;
  return html`<article class="card" aria-labelledby="confirm">
<h2 id="confirm">${title}</h2>
${behind === undefined ? NOTHING : html`<p>${behind}.</p>`}
${facts([
  ...(run ? [["Runs again", runText(run, visit)] as const] : []),
  ...(run?.reference === undefined ? [] : [["Commit or version", html`<code>${run.reference}</code>`] as const]),
  ...(run?.digest === undefined ? [] : [["Image", html`<code>${run.digest}</code>`] as const]),
  ...(newest ? [["Replaces", runText(newest, visit)] as const] : []),
  ...(good ? [["Last good run there", runText(good, visit)] as const] : []),
  ["Needs an approval", approval && neededText(approval)],
  ["By", visit.name],
])}
${problem === undefined ? NOTHING : html`<p class="notice warn">It would be refused: ${problem.title}.</p>`}
${
  run === undefined || problem !== undefined
    ? NOTHING
    : html`<form class="decide" method="post" action="/console/promotions">
${formTokenField(visit.formToken)}${field("key", randomUUID())}${field("route", route)}${field("from", from)}${field("to", to)}${field("run", run.delivery)}
<label>Reason, for the record <input name="reason" maxlength="300" autocomplete="off"></label>
<button>Promote</button>
</form>`
}
</article>`;
}

/** Promotes the run that the page showed. Returns the path of the next page. */
export async function submitPromotion(visit: Visit, form: URLSearchParams): Promise<ApiResult<string>> {
  const fields = ["route", "from", "to", "run", "reason"].flatMap((name) => {
    const value = form.get(name)?.trim();
    return value ? [[name, value] as const] : [];
  });
  const post = { body: Object.fromEntries(fields), key: form.get("key") ?? "" };
  const promoted = await visit.ask<Replayed>("/v1/promotions", post);
  if (!promoted.ok) return promoted;
  // Who may not read deliveries cannot see the page of one.
  const next = visit.mayReadDeliveries ? `/console/deliveries/${promoted.value.delivery}` : "/console/promotions";
  return { ok: true, value: next };
}
