import { html } from "hono/html";
import type { EpochMillis } from "../host/clock.ts";
import type { DeliveryExplanation, ExplainedRoute } from "../http/explain-delivery.ts";
import type { NextCheck, Step } from "../http/explain-route.ts";
import { toneOf } from "../model/state-words.ts";
import { badge, type Html, NOTHING, withTimes } from "./html.ts";

/** The answer in one line, for the top of the page. */
export const answerOf = ({ answer, mark }: DeliveryExplanation, now: EpochMillis): Html =>
  html`<p class="notice ${mark}">${badge(mark, toneOf(mark).words)} ${withTimes(answer, now)}</p>`;

/** Why a delivery fired what it did, or nothing: the steps up to the routes, each route, and what to check next. */
export function explanationOf({ steps, routes, otherRoutes, checks }: DeliveryExplanation, now: EpochMillis): Html {
  const matched = routes.filter((one) => one.matched);
  const missed = routes.filter((one) => !one.matched);
  const [near, far] = [missed.slice(0, MAX_NEAR), missed.slice(MAX_NEAR)];
  return html`${stepList(steps, now)}
${[...matched, ...near].map((one) => routePart(one, now))}
${checkList(checks)}
${far.length === 0 ? NOTHING : html`<details><summary>Further routes that do not match (${far.length})</summary>${far.map((one) => routePart(one, now))}</details>`}
${otherRoutes === 0 ? NOTHING : html`<p class="aside">Routes that are not shown: ${otherRoutes}.</p>`}`;
}

const MAX_NEAR = 3;

const routePart = (
  { route, event, target, matched, steps, checks }: ExplainedRoute,
  now: EpochMillis,
): Html => html`<section>
<h3>Route ${route}${target === undefined ? NOTHING : html` <span class="aside">to ${target}</span>`}${event === undefined ? NOTHING : html` <code>${event}</code>`}${matched ? NOTHING : html` <span class="aside">did not fire</span>`}</h3>
${stepList(steps, now)}${checkList(checks)}</section>`;

const stepList = (steps: readonly Step[], now: EpochMillis): Html =>
  html`<ul class="steps">${steps.map(({ mark, text }) => html`<li>${badge(mark, "")}<span>${withTimes(text, now)}</span></li>`)}</ul>`;

const checkList = (checks: readonly NextCheck[]): Html =>
  checks.length === 0
    ? NOTHING
    : html`<dl class="checks">${checks.map(({ text, command }) => html`<div><dt>${text}</dt><dd><code>${command}</code></dd></div>`)}</dl>`;
