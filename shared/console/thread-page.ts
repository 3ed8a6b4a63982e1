import { html } from "hono/html";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { countText } from "../host/count-text.ts";
import type { ShownThread } from "../http/threads.ts";
import { TONES } from "../model/state-words.ts";
import { type Axis, axisOf } from "../model/thread/axis.ts";
import { shownSteps } from "../model/thread/shown-steps.ts";
import { durationText, KIND_WORDS, WAITING_KINDS } from "../model/thread/words.ts";
import {
  deliveryLink,
  type Html,
  NOTHING,
  outsideLink,
  reportBadge,
  timeAndAge,
  withTimes,
  wordsBadge,
} from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

type ShownSpan = ShownThread["spans"][number];

/** What a thread is asked for by. */
const ASKED = ["commit", "page", "run", "correlation", "delivery"] as const;

/** Everything that followed from one cause, as one waterfall. */
export async function threadPage(visit: Visit): Promise<ApiResult<Page>> {
  const { searchParams } = visit.url;
  const asked = ASKED.flatMap((kind) => {
    const value = searchParams.get(kind)?.trim();
    return value ? [[kind, value] as const] : [];
  });
  const by = searchParams.get("by");
  const given = searchParams.get("value")?.trim();
  const kind = ASKED.find((one) => one === by);
  const [first] = kind !== undefined && given ? [[kind, given] as const] : asked;
  if (first === undefined)
    return { ok: true, value: { title: "Threads", main: html`${formOf("commit", "")}${ABOUT}` } };
  const shown = await visit.ask<ShownThread>(`/v1/threads?${new URLSearchParams([[...first]])}`);
  if (!shown.ok) {
    if (shown.problem.status !== 404) return shown;
    const none = html`${formOf(...first)}<p class="empty">Nothing that you may read has this ${first[0]}, as far back as records are kept.</p>`;
    return { ok: true, value: { title: "No thread", main: none } };
  }
  const thread = shown.value;
  const view = { isAll: searchParams.has("all"), isToScale: searchParams.has("scale"), asked: first };
  const title = `Thread of ${thread.spans[0]?.what ?? first[1]}`;
  const main = html`${summaryOf(thread, visit.now)}${waterfallOf(thread, view)}${othersOf(thread, first, visit.now)}<h2>Another thread</h2>${formOf(...first)}`;
  return { ok: true, value: { title, main, ...(thread.totals.end === undefined && { refreshSeconds: 5 }) } };
}

const ABOUT = html`<p class="empty">A thread is everything that followed from one cause, across systems: the delivery, its routes,
approvals, attempts, the runs and their jobs, and the page versions that were written.</p>`;

const formOf = (kind: string, value: string): Html => html`<form class="filters" action="/console/threads">
<label>Id, digits, number or address <input name="value" value="${value}" required></label>
<label>of a <select name="by">${ASKED.map((one) => html`<option ${one === kind ? html`selected` : NOTHING}>${one}</option>`)}</select></label><button>Show</button></form>`;

interface View {
  readonly isAll: boolean;
  readonly isToScale: boolean;
  readonly asked: readonly [string, string];
}

/** What a person wants to know first: how long, on what, by whom, and what took longest. */
function summaryOf({ totals, spans, isCut, isConfined }: ShownThread, now: EpochMillis): Html {
  const { start, end, durationMs, deliveries, attempts, failedAttempts, pageVersions, people } = totals;
  const longest = spans.find((span) => span.isLongest);
  const failed = spans.filter(({ tone, kind }) => tone === "failed" && kind !== "delivery" && kind !== "route");
  const counts = [
    countText(deliveries, ["delivery", "deliveries"]),
    `${countText(attempts, ["attempt", "attempts"])}${failedAttempts === 0 ? "" : `, ${failedAttempts} of them failed`}`,
    ...(pageVersions === 0 ? [] : [countText(pageVersions, ["page version", "page versions"])]),
  ];
  return html`<p class="lead"><b>${durationText(durationMs)}</b>${end === undefined ? " so far: it goes on" : ""}, begun ${timeAndAge(start, now)}. ${counts.join(" · ")}${people.length === 0 ? NOTHING : html` · by <b>${people.join(", ")}</b>`}</p>
${longest?.onPathMs === undefined ? NOTHING : html`<p class="notice busy">The longest step: <a href="#${anchorOf(longest, spans)}">${aboveOf(longest, spans)}${longest.what}</a>, <b>${durationText(longest.onPathMs)}</b>${longest.by === undefined ? NOTHING : html`, ${longest.state} by ${longest.by}`}.</p>`}
${failed.length === 0 ? NOTHING : html`<p class="notice bad">${countText(failed.length, ["step", "steps"])} failed: ${failed.slice(0, 5).map((span) => html`<a href="#${anchorOf(span, spans)}">${aboveOf(span, spans)}${span.what}</a> `)}</p>`}
${isCut || totals.omitted > 0 ? html`<p class="notice warn">${isCut ? "More deliveries belong to it, or have what was asked for, than are read. " : ""}${totals.omitted > 0 ? `${totals.omitted} of ${totals.steps} steps are left out.` : ""}</p>` : NOTHING}
${isConfined ? html`<p class="notice">Only what your roles may read is shown, so steps may be missing.</p>` : NOTHING}
${partsOf(totals)}`;
}

/** A step is known by the route or run that it is part of. */
function aboveOf({ kind, parent, route }: ShownSpan, spans: readonly ShownSpan[]): string {
  if (kind === "run" || kind === "job" || kind === "delivery") return "";
  const above = spans.find(({ id }) => id === parent);
  const name = route ?? above?.what;
  return name === undefined ? "" : `${name}: `;
}

const anchorOf = (span: ShownSpan, spans: readonly ShownSpan[]): string => `s${spans.indexOf(span)}`;

/** A part with less than this is not named. */
const SMALL_PART = 0.01;

/** On what the time went, as one bar and in words. */
function partsOf({ path, durationMs }: ShownThread["totals"]): Html {
  if (durationMs === 0) return NOTHING;
  let at = 0;
  const bars = path.map(({ kind, ms }, index) => {
    const width = ms / durationMs;
    const bar = html`<rect class="part${index % 4}" x="${percent(at)}" width="${percent(width)}" height="100%"><title>${durationText(ms)} ${KIND_WORDS[kind]}</title></rect>`;
    at += width;
    return bar;
  });
  const named = path.filter(({ ms }) => ms / durationMs >= SMALL_PART);
  const words = named.map(
    ({ kind, ms }, index) =>
      html`<span><svg class="key" aria-hidden="true"><rect class="part${index % 4}" width="100%" height="100%"></rect></svg>${durationText(ms)} ${KIND_WORDS[kind]}</span> `,
  );
  return html`<figure class="parts-of-time"><svg role="img" aria-label="On what the time went; the words are below">${bars}</svg>
<figcaption class="legend">${words}</figcaption></figure>`;
}

const percent = (part: number): string => `${(Math.max(0, part) * 100).toFixed(2)}%`;

function waterfallOf(thread: ShownThread, { isAll, isToScale, asked }: View): Html {
  const { spans, totals } = thread;
  const now = epochMillis(Date.parse(thread.now));
  const from = epochMillis(Date.parse(totals.start));
  const timed = spans.map(({ kind, start, end }) => ({
    kind,
    start: Date.parse(start),
    ...(end !== undefined && { end: Date.parse(end) }),
  }));
  const axis = axisOf(timed, { from, to: epochMillis(from + totals.durationMs), now }, isToScale);
  const rows = shownSteps(spans, isAll).map(({ step, depth }) =>
    rowOf(step, { axis, from, now, anchor: anchorOf(step, spans), depth }),
  );
  const query = (more: Readonly<Record<string, string>>): string =>
    `/console/threads?${new URLSearchParams({ [asked[0]]: asked[1], ...more })}`;
  const [all, scale] = [isAll ? { all: "" } : {}, isToScale ? { scale: "" } : {}];
  const hidden = spans.length - spans.filter(({ isMinor }) => !isMinor).length;
  const more = isAll
    ? html`<a href="${query(scale)}">Only the main steps</a>`
    : html`<a href="${query({ all: "", ...scale })}">Show ${countText(hidden, ["brief step", "brief steps"])} more</a>`;
  const isShortened = axis.pieces.some((piece) => piece.isShortened);
  return html`<svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="3" height="6"></rect></pattern></defs></svg>
<table class="waterfall"><caption class="skip">Each step with what it is part of above it</caption>
<thead><tr><th scope="col">Step</th><th scope="col" class="num">After</th><th scope="col" class="num">Took</th><th scope="col" class="bars">${axisMarkup(axis, totals)}</th></tr></thead>
<tbody>${rows}</tbody></table>
<p class="aside">${hidden === 0 ? NOTHING : more}${hidden > 0 && (isShortened || isToScale) ? " · " : ""}${
    isToScale ? html`<a href="${query(all)}">Shorten long waits</a>` : NOTHING
  }${isShortened ? html`Long waits in which nothing ran are drawn short. <a href="${query({ scale: "", ...all })}">Draw to scale</a>` : NOTHING}</p>`;
}

/** Both ends, and the duration of each shortened piece. */
function axisMarkup({ pieces }: Axis, { durationMs }: ShownThread["totals"]): Html {
  const short = pieces
    .filter(({ isShortened }) => isShortened)
    .map(
      ({ at, width, from, to }) =>
        html`<text x="${percent(at + width)}" y="40%" text-anchor="end">// ${durationText(to - from)}</text>`,
    );
  return html`<svg class="axis" aria-hidden="true"><text x="0" y="95%">0</text>${short}<text x="100%" y="95%" text-anchor="end">${durationText(durationMs)}</text></svg>`;
}

interface RowPlace {
  readonly axis: Axis;
  readonly from: EpochMillis;
  readonly now: EpochMillis;
  readonly anchor: string;
  readonly depth: number;
}

/** Indentation beyond this is not shown. */
const MAX_DEPTH = 10;

function rowOf(span: ShownSpan, { axis, from, now, anchor, depth }: RowPlace): Html {
  const { kind, what, state, tone, delivery, url, by, proof, summary, isLongest } = span;
  const start = Date.parse(span.start);
  const end = span.end === undefined ? Math.max(now, start) : Date.parse(span.end);
  const name = kind === "delivery" ? deliveryLink(delivery, what) : outsideLink(url, what);
  const more = [
    ...(by === undefined ? [] : [html`<b>${by}</b>`]),
    ...(proof === undefined || kind === "run" ? [] : [html`${proof}`]),
    ...(kind === "delivery" && url !== undefined ? [outsideLink(url, "open it there")] : []),
    ...(summary === undefined ? [] : [html`${withTimes(summary, now)}`]),
  ];
  const details = more.map((one, index) => html`${index === 0 ? "" : " · "}${one}`);
  const took =
    span.end === undefined
      ? html`${durationText(end - start)} <span class="hint">goes on</span>`
      : durationText(end - start);
  return html`<tr id="${anchor}" class="k-${kind}${isLongest ? " longest" : ""}"><th scope="row" class="d${Math.min(depth, MAX_DEPTH)}">
<span class="name">${name}</span> ${kind === "delivery" ? reportBadge(typeIn(what)) : NOTHING}${wordsBadge({ symbol: TONES[tone].symbol, words: state, tone })}${isLongest ? html` <span class="flag">◆ longest step</span>` : NOTHING}
${more.length === 0 ? NOTHING : html`<span class="more">${details}</span>`}</th>
<td class="num" data-name="after"><time class="as-is" datetime="${span.start}" title="${span.start}">+${durationText(Math.max(0, start - from))}</time></td>
<td class="num" data-name="took">${took}</td><td class="bars">${barOf(span, axis, { start, end })}</td></tr>`;
}

/** A delivery is named by the type of its event, and what that is about. */
const typeIn = (what: string): string => what.split(/[ ,]/, 1)[0] ?? "";

function barOf(
  { kind, tone }: ShownSpan,
  axis: Axis,
  { start, end }: { readonly start: number; readonly end: number },
): Html {
  const at = axis.placeOf(start);
  const place = html`x="${percent(Math.min(at, 0.995))}" width="${percent(Math.max(axis.placeOf(end) - at, 0.004))}"`;
  const isThin = kind === "route" || kind === "run";
  const box = isThin ? html`y="40%" height="20%"` : html`y="15%" height="70%"`;
  const hatched = WAITING_KINDS.has(kind) ? html`<rect fill="url(#hatch)" ${place} ${box}></rect>` : NOTHING;
  const gaps = axis.pieces.filter(({ isShortened }) => isShortened);
  const bands = gaps.map(
    (gap) => html`<rect class="gap" x="${percent(gap.at)}" width="${percent(gap.width)}" height="100%"></rect>`,
  );
  return html`<svg aria-hidden="true">${bands}<rect class="${TONES[tone].colour}" ${place} ${box}></rect>${hatched}</svg>`;
}

function othersOf({ others = [] }: ShownThread, [kind, value]: readonly [string, string], now: EpochMillis): Html {
  if (others.length === 0) return NOTHING;
  return html`<h2>Other threads of this ${kind}</h2><p class="aside">What else has the ${kind} ${value}, newest first.</p>
<ul class="parts">${others.map(
    ({ delivery, what, subject, receivedAt }) =>
      html`<li><a href="/console/threads?delivery=${encodeURIComponent(delivery)}">${what} ${subject ?? ""}</a> ${timeAndAge(receivedAt, now)}</li>`,
  )}</ul>`;
}
