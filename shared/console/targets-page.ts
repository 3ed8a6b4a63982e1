import { html } from "hono/html";
import { laterBy, toIso } from "../host/clock.ts";
import { latencyText } from "../http/overview-text.ts";
import type { HeldTarget, ListedTarget, ListedTargets } from "../http/targets.ts";
import { formTokenField } from "./csrf.ts";
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

/** The next step, as the runbook has it: what was given up is run again once its cause is gone. */
function whatToDoFor({ target, state }: ListedTarget, { formToken, now, routes, may }: Visit): Html {
  if (state === "failing" || state === "stumbling")
    return html`<p class="hint"><b>What to do:</b> nothing if it comes back: its actions wait. To see what it answers, <code>drawbridge check --live ${target}</code>.</p>`;
  if (state !== "rejecting") return NOTHING;
  const query = { state: "given_up", target, since: toIso(laterBy(now, -DAY_MS)), until: toIso(now) };
  return html`<p class="hint"><b>What to do:</b> remove the cause that is named above, and see that it is gone:
<code>drawbridge check --live ${target}</code>. Then run again <a href="${givenUpPath(target)}">what was given up</a>.</p>
${
  !routes.some((route) => may("replay", route, "anything"))
    ? NOTHING
    : html`<form class="decide" method="post" action="/console/replays/preview">${formTokenField(formToken)}
<input type="hidden" name="which" value="all"><input type="hidden" name="query" value="${new URLSearchParams(query).toString()}">
<button class="plain">Run again what was given up…</button> <span class="aside">You see first what would run.</span></form>`
}`;
}

const DAY_MS = 86_400_000;

function card(shown: ListedTarget, visit: Visit): Html {
  const { target, why, lastUsedAt, breaker, latency } = shown;
  const { now } = visit;
  return html`<article class="card" aria-labelledby="target-${target}">
<h2 id="target-${target}">${targetBadge(shown)} ${target}</h2>
<p>${why}.${lastUsedAt === undefined || shown.state === "working" ? NOTHING : html` Last used ${timeAndAge(lastUsedAt, now)}.`}${
    breaker?.retryAt === undefined ? NOTHING : html` The next attempt is ${timeAndAge(breaker.retryAt, now)}.`
  }${latencyText(latency) === "" ? NOTHING : ` Time of an attempt: ${latencyText(latency)}.`}</p>
${whatToDoFor(shown, visit)}
${targetForms(shown, visit, "targets")}
</article>`;
}
