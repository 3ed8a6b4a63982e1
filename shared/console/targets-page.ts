import { html } from "hono/html";
import { latencyText } from "../http/overview-text.ts";
import type { HeldTarget, ListedTarget, ListedTargets } from "../http/targets.ts";
import { type Html, NOTHING, targetBadge, timeAndAge } from "./html.ts";
import { targetForms } from "./target-forms.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The targets, what stops their actions, and the forms that pause and resume them. */
export async function targetsPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedTargets>("/v1/targets");
  if (!listed.ok) return listed;
  const { targets } = listed.value;
  const main = html`<p>A paused target gets no attempts: its actions wait, and run when it is resumed. A target that keeps
failing is tried by one action at a time.${targets.every(({ latency }) => latency === undefined) ? LATENCY_ELSEWHERE : NOTHING}</p>
${
  targets.length === 0
    ? html`<p class="empty">No route leads to a target.</p>`
    : targets.map((target) => card(target, visit))
}`;
  return { ok: true, value: { title: "Targets", main, refreshSeconds: 15 } };
}

/** Each function in AWS has a process of its own: the one that shows this page makes no attempts. */
const LATENCY_ELSEWHERE = html` How long attempts take is in CloudWatch: <code>attemptSeconds</code>.`;

/** Pauses or resumes a target. Returns the path of the next page. */
export async function submitTarget(visit: Visit, form: URLSearchParams, target: string): Promise<ApiResult<string>> {
  const isPause = form.get("do") === "pause";
  const body = isPause ? { reason: form.get("reason")?.trim() ?? "" } : {};
  const path = `/v1/targets/${encodeURIComponent(target)}/${isPause ? "pause" : "resume"}`;
  const changed = await visit.ask<HeldTarget>(path, { body, key: form.get("key") ?? "" });
  const next = form.get("from") === "home" ? "/console" : "/console/targets";
  return changed.ok ? { ok: true, value: next } : changed;
}

/** The range of the figure: the state is that of the last day. */
const givenUpPath = (target: string): string =>
  `/console/deliveries?${new URLSearchParams({ state: "given_up", target, within: "24" })}`;

function card(shown: ListedTarget, visit: Visit): Html {
  const { target, why, lastUsedAt, breaker, latency } = shown;
  const { now } = visit;
  return html`<article class="card" aria-labelledby="target-${target}">
<h2 id="target-${target}">${targetBadge(shown)} ${target}</h2>
<p>${why}.${lastUsedAt === undefined || shown.state === "working" ? NOTHING : html` Last used ${timeAndAge(lastUsedAt, now)}.`}${
    breaker?.retryAt === undefined ? NOTHING : html` The next attempt is ${timeAndAge(breaker.retryAt, now)}.`
  }${latencyText(latency) === "" ? NOTHING : ` Time of an attempt: ${latencyText(latency)}.`}${shown.state === "rejecting" ? html` <a href="${givenUpPath(target)}">What was given up</a>.` : NOTHING}</p>
${targetForms(shown, visit, "targets")}
</article>`;
}
