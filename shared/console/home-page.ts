import { html } from "hono/html";
import { OVERDUE_MS } from "../delivery/readiness.ts";
import type { EpochMillis } from "../host/clock.ts";
import { countText } from "../host/count-text.ts";
import type { Overview } from "../http/overview.ts";
import {
  approvalsText,
  checksText,
  endedFigure,
  latencyText,
  NOT_LOOKED_AT,
  noneEndedText,
  overviewRows,
  p95Text,
  pagesFigures,
  pagesText,
} from "../http/overview-text.ts";
import { LEVELS, type Level } from "../model/level.ts";
import { LEVEL_WORDS, TONES } from "../model/state-words.ts";
import { roleRequestsNotice } from "./access-page.ts";
import { minuteOf } from "./deliveries-query.ts";
import { titleOf } from "./deliveries-table.ts";
import {
  deliveryLink,
  type Html,
  NOTHING,
  reportBadge,
  stateBadge,
  targetBadge,
  timeAndAge,
  withTimes,
  wordsBadge,
} from "./html.ts";
import { firstPageFor } from "./layout.ts";
import { targetForms } from "./target-forms.ts";
import type { ApiResult, Page, Visit, WaitingApprovals } from "./visit.ts";

type Source = NonNullable<Overview["sources"]>[number];
type Target = NonNullable<Overview["targets"]>[number];

/**
 * Whether the bridge is well, on one screen, the worst first. Each figure leads to the list that it counts. An address of
 * the list before it had its own, which has a query, leads there.
 */
export async function homePage(visit: Visit): Promise<ApiResult<string | Page>> {
  const { url, now } = visit;
  if (url.search !== "") return { ok: true, value: `/console/deliveries${url.search}` };
  // A sign-in leads here, whoever it is.
  if (!visit.mayReadDeliveries) return { ok: true, value: firstPageFor(visit) };
  const asked = await visit.ask<Overview>("/v1/overview");
  if (!asked.ok) return asked;
  const overview = asked.value;
  const { sources, targets, hidden, ended, reported } = overview;
  const waiting = await visit.waiting();
  const main = html`${verdict(overview)}
<div class="tiles">${tiles(overview, waiting)}</div>
${roleRequestsNotice(waiting)}
${waitingSection(waiting, now)}
${ended.newest.length === 0 ? NOTHING : failures(ended, now)}
${reported === undefined || reported.newest.length === 0 ? NOTHING : reports(reported, now)}
${hidden === undefined ? NOTHING : html`<p class="empty">Your roles do not show: ${hidden.join(", ")}.</p>`}
<div class="columns">
${sources === undefined ? NOTHING : sourcesSection(sources, now)}
${targets === undefined ? NOTHING : targetsSection(targets, visit)}
</div>`;
  return { ok: true, value: { title: "Is it well?", main, refreshSeconds: 15 } };
}

const levelBadge = (level: Level): Html => wordsBadge(LEVEL_WORDS[level]);

function verdict(overview: Overview): Html {
  const { level, version, configuration, hidden } = overview;
  const tone = TONES[LEVEL_WORDS[level].tone].colour;
  const rows = overviewRows(overview);
  const levels = LEVELS.flatMap((one) => {
    const count = rows.filter((row) => row.level === one).length;
    const { words } = LEVEL_WORDS[one];
    return count === 0 ? [] : [countText(count, [words, words.replace("needs", "need")])];
  });
  const facts = [
    `${countText(rows.length, ["part", "parts"])}: ${levels.join(", ")}`,
    `version ${version}`,
    ...(hidden ? [] : [configuration === undefined ? "configuration unknown" : `configuration ${configuration}`]),
  ];
  return html`<p class="verdict ${tone}">${levelBadge(level)}${facts.map((fact) => html`<span class="aside">${fact}</span> `)}</p>`;
}

function tiles(overview: Overview, { roleRequests }: WaitingApprovals): readonly Html[] {
  const { ended, pages, bridge, targets = [] } = overview;
  const pageTargets = targets.filter((one) => one.pages).map(({ target }) => target);
  return [
    tile("Failures of the last day", ended.level, endedFigures(ended)),
    tile("Approvals", undefined, html`<a href="/console/approvals">${approvalsFigure(overview, roleRequests)}</a>`),
    ...(pages ? [tile("Pages", pages.level, pagesFigure(pages, overview.at, pageTargets))] : []),
    ...(bridge ? [tile("The bridge", bridge.level, html`${checksText(bridge.checks)}`)] : []),
  ];
}

function approvalsFigure(overview: Overview, roleRequests: number): string {
  const approvals = overview.approvals.waiting === 0 ? [] : [approvalsText(overview)];
  const requests = roleRequests === 0 ? [] : [`${countText(roleRequests, ["request", "requests"])} for a role`];
  return [...approvals, ...requests].join("; ") || "No approval waits";
}

/** Those that are shown; the others are on the page of the approvals. */
const MAX_WAITING = 5;

/** What waits for the person who is signed in, the first to expire first. */
function waitingSection({ approvals, hasMore }: WaitingApprovals, now: EpochMillis): Html {
  if (approvals.length === 0) return NOTHING;
  const rows = approvals
    .slice(0, MAX_WAITING)
    .map(
      ({ id, route, subject, shows, until }) =>
        html`<li><a href="/console/approvals?id=${encodeURIComponent(id)}">${route} of ${shows?.title ?? subject}</a> <span class="aside">expires ${timeAndAge(until, now)}</span></li>`,
    );
  const isCut = hasMore || approvals.length > MAX_WAITING;
  return html`<section><h2>Waiting for you</h2>
<ul class="failures">${rows}</ul>
${isCut ? html`<p><a href="/console/approvals">All that wait for you</a></p>` : NOTHING}
</section>`;
}

const tile = (title: string, level: Level | undefined, text: Html): Html =>
  html`<section class="tile"><h2>${title}</h2><p>${level === undefined ? NOTHING : levelBadge(level)}${text}</p></section>`;

function endedFigures({ counts, hasMore }: Overview["ended"]): Html {
  const figures = Object.entries(counts).flatMap(([state, count]) =>
    count === 0
      ? []
      : [html`<a href="${listPath({ state, within: "24" })}">${endedFigure({ state, count, hasMore })}</a>`],
  );
  return figures.length === 0
    ? html`${noneEndedText(hasMore)}`
    : html`${figures.map((one, at) => html`${at === 0 ? "" : ", "}${one}`)}`;
}

/** A list is of one target at most, so the figures of several targets lead nowhere: the rows of the targets do. */
function pagesFigure(pages: NonNullable<Overview["pages"]>, at: string, targets: readonly string[]): Html {
  const [target, other] = targets;
  const figures = pagesFigures(pages);
  if (figures.length === 0 || target === undefined || other !== undefined) return html`${pagesText(pages)}`;
  const ranges = {
    given_up: { within: "24" },
    retrying: { within: "2160", until: minuteOf(Date.parse(at) - OVERDUE_MS) },
    waiting: { within: "2160" },
  };
  const links = figures.map(
    ({ state, text }) => html`<a href="${listPath({ state, target, ...ranges[state] })}">${text}</a>`,
  );
  const isCut = pages.notWritable === 0 && pages.hasMore;
  return html`${links.map((one, index) => html`${index === 0 ? "" : ", "}${one}`)}${isCut ? `; ${NOT_LOOKED_AT}` : NOTHING}`;
}

const failures = ({ newest, counts }: Overview["ended"], now: EpochMillis): Html => html`<section>
<h2>Newest failures</h2>
<ul class="failures">${newest.map(
  ({
    delivery,
    route,
    state,
    since,
    reason,
    ...one
  }) => html`<li>${stateBadge(state)}${deliveryLink(delivery, titleOf(one))}
<span class="aside">${one.what}</span> <b>${route}</b> <span class="aside">${timeAndAge(since, now)}${reason === undefined ? NOTHING : html`: ${withTimes(reason, now)}`}</span></li>`,
)}</ul>
${Object.values(counts).reduce((sum, one) => sum + one, 0) > newest.length ? html`<p><a href="${listPath({ state: Object.keys(counts).join(), within: "24" })}">All of the last day</a></p>` : NOTHING}
</section>`;

/** What failed elsewhere, and was reported as it should be, and what gateways were to refuse. */
const reports = ({ newest, since }: NonNullable<Overview["reported"]>, now: EpochMillis): Html => html`<section>
<h2>Failures that senders report, and refusals at gateways</h2>
<ul class="failures">${newest.map(
  ({ delivery, receivedAt, ...one }) =>
    html`<li>${reportBadge(one.what)}${deliveryLink(delivery, titleOf(one))} ${one.about?.place ?? ""} <span class="aside">${timeAndAge(receivedAt, now)}</span></li>`,
)}</ul>
<p class="aside">The newest that arrived since ${timeAndAge(since, now)}. The bridge did what it should: they are no failures of its deliveries.</p>
</section>`;

const listPath = (query: Readonly<Record<string, string>>): string =>
  `/console/deliveries?${new URLSearchParams(query)}`;

function sourcesSection(sources: readonly Source[], now: EpochMillis): Html {
  return html`<section aria-labelledby="sources"><h2 id="sources">Sources</h2>
${
  sources.length === 0
    ? html`<p class="empty">No source is configured.</p>`
    : html`<table class="list home"><thead><tr><th>Source</th><th class="number">Last good</th><th class="number">Deliveries, 1 h</th><th class="number">Refused requests, 24 h</th></tr></thead>
<tbody>${unfolded(sources).map((one) => sourceRow(one, now))}</tbody></table>${fold(folded(sources), "sources are", (one) => html`<a href="${listPath({ source: one.source })}">${one.source}</a>`)}`
}</section>`;
}

function sourceRow({ source, level, why, lastGoodAt, lastHour, refusals }: Source, now: EpochMillis): Html {
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  return html`<tr>
<td>${levelBadge(level)}<a href="${listPath({ source })}">${source}</a></td>
<td class="number" data-name="Last good">${lastGoodAt === undefined ? "not known" : timeAndAge(lastGoodAt, now)}</td>
<td class="${numberClass(lastHour === 0)}" data-name="Deliveries, 1 h"><a href="${listPath({ source, within: "1" })}">${lastHour}</a></td>
<td class="${numberClass(refused === 0)}" data-name="Refused requests, 24 h"><a href="${listPath({ source, state: "refused", within: "24" })}">${refused}</a></td></tr>
${whyUnlessWell(level, why, 4)}`;
}

/** Up to this many rows all of them are shown. With more, what is well is one line, so that problems fit a screen. */
const MAX_ROWS = 6;

type Part = Pick<Source, "level">;
const isFolded = (part: Part, all: readonly Part[]): boolean => all.length > MAX_ROWS && part.level === "well";
const unfolded = <T extends Part>(all: readonly T[]): readonly T[] => all.filter((one) => !isFolded(one, all));
const folded = <T extends Part>(all: readonly T[]): readonly T[] => all.filter((one) => isFolded(one, all));

const fold = <T extends Part>(parts: readonly T[], what: string, link: (part: T) => Html): Html =>
  parts.length === 0
    ? NOTHING
    : html`<details class="fold"><summary>${levelBadge("well")}${parts.length} ${what} well</summary>
<p>${parts.map((one, at) => html`${at === 0 ? "" : ", "}${link(one)}`)}</p></details>`;

/** A row of its own, as wide as the table. */
const whyUnlessWell = (level: Level, why: string | Html, columns: number): Html =>
  level === "well" ? NOTHING : html`<tr class="because"><td colspan="${columns}">${why}</td></tr>`;

/** A phone shows only the figures that are not zero. */
const numberClass = (isZero: boolean): string => (isZero ? "number zero" : "number");

function targetsSection(targets: readonly Target[], visit: Visit): Html {
  // In AWS, CloudWatch has it.
  const hasLatency = targets.some(({ latency }) => latency !== undefined);
  return html`<section aria-labelledby="targets"><h2 id="targets">Targets</h2>
${
  targets.length === 0
    ? html`<p class="empty">No route leads to a target.</p>`
    : html`<table class="list home"><thead><tr><th>Target</th><th class="number">Actions due</th><th class="number">Actions retrying</th><th class="number">Oldest</th>${hasLatency ? html`<th class="number"><abbr title="95 % of the attempts of the last hour took at most this">p95</abbr>, 1 h</th>` : NOTHING}<th><span class="hidden">Act</span></th></tr></thead>
<tbody>${unfolded(targets).map((one) => targetRow(one, visit, hasLatency))}</tbody></table>${fold(folded(targets), "targets are", (one) => html`<a href="/console/targets#target-${encodeURIComponent(one.target)}">${one.target}</a>`)}`
}</section>`;
}

function targetRow(shown: Target, visit: Visit, hasLatency: boolean): Html {
  const { target, level, why, due, retrying, oldestAt, latency } = shown;
  const isMeasured = latency !== undefined && latency.attempts > 0;
  return html`<tr>
<td>${targetBadge(shown)}<a href="${listPath({ target })}">${target}</a></td>
<td class="${numberClass(due === 0)}" data-name="Actions due"><a href="/console/targets#target-${encodeURIComponent(target)}">${due >= 100 ? "100+" : due}</a></td>
<td class="${numberClass(retrying === 0)}" data-name="Actions retrying"><a href="${listPath({ target, state: "retrying" })}">${retrying}</a></td>
<td class="${numberClass(oldestAt === undefined)}" data-name="Oldest">${oldestAt === undefined ? "–" : timeAndAge(oldestAt, visit.now)}</td>
${hasLatency ? html`<td class="${numberClass(!isMeasured)}" data-name="p95" title="${latencyText(latency)}">${isMeasured ? p95Text(latency) : "–"}</td>` : NOTHING}
<td class="act">${targetForms(shown, visit, "home")}</td></tr>
${whyUnlessWell(level, html`${withTimes(why, visit.now)}. <a href="/console/targets#target-${encodeURIComponent(target)}">What to do</a>`, hasLatency ? 6 : 5)}`;
}
