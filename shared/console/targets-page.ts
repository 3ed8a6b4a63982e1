import { html } from "hono/html";
import type { ListedTarget, ListedTargets, ShownTarget } from "../http/targets.ts";
import { TARGET_WORDS } from "../model/state-words.ts";
import { age, type Html, NOTHING, wordsBadge } from "./html.ts";
import { targetForms } from "./target-forms.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The targets, what stops their actions, and the forms that pause and resume them. */
export async function targetsPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedTargets>("/v1/targets");
  if (!listed.ok) return listed;
  const { targets } = listed.value;
  const main = html`<p>A paused target gets no attempts: its actions wait, and run when it is resumed. A target that keeps
failing is tried by one action at a time.</p>
${
  targets.length === 0
    ? html`<p class="empty">No route leads to a target.</p>`
    : targets.map((target) => card(target, visit))
}`;
  return { ok: true, value: { title: "Targets", main, refreshSeconds: 15 } };
}

/** Pauses or resumes a target. Returns the path of the next page. */
export async function submitTarget(visit: Visit, form: URLSearchParams, target: string): Promise<ApiResult<string>> {
  const isPause = form.get("do") === "pause";
  const body = isPause ? { reason: form.get("reason")?.trim() ?? "" } : {};
  const path = `/v1/targets/${encodeURIComponent(target)}/${isPause ? "pause" : "resume"}`;
  const changed = await visit.ask<ShownTarget>(path, { body, key: form.get("key") ?? "" });
  const next = form.get("from") === "home" ? "/console" : "/console/targets";
  return changed.ok ? { ok: true, value: next } : changed;
}

function card(shown: ListedTarget, visit: Visit): Html {
  const { target, due } = shown;
  return html`<article class="card" aria-labelledby="target-${target}">
<h2 id="target-${target}">${stateBadge(shown)} ${target}</h2>
<p>${due >= 1_000 ? "1,000 or more" : due} ${due === 1 ? "action is" : "actions are"} due. ${whyText(shown, visit)}</p>
${targetForms(shown, visit, "targets")}
</article>`;
}

function stateBadge({ state, removed }: ShownTarget): Html {
  const { words, ...look } = TARGET_WORDS[state];
  return wordsBadge({ ...look, words: removed ? `${words}, not configured` : words });
}

function whyText({ pause, breaker }: ShownTarget, { now }: Visit): Html {
  const paused = pause && html`Paused by ${pause.by.subject} ${age(pause.since, now)}: <q>${pause.reason}</q>. `;
  const failed = breaker && html`${breaker.failures} attempts in a row failed: <q>${breaker.why}</q>. `;
  const next =
    breaker?.since === undefined || breaker.retryAt === undefined
      ? NOTHING
      : html`It has not worked since ${age(breaker.since, now)}; the next attempt is ${age(breaker.retryAt, now)}.`;
  return html`${paused ?? NOTHING}${failed ?? NOTHING}${next}`;
}
