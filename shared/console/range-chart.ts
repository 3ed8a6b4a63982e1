import { html } from "hono/html";
import { type EpochMillis, epochMillis, toIso } from "../host/clock.ts";
import type { DeliveryCounts } from "../http/delivery-counts.ts";
import { TONES, type Tone, wordsOf } from "../model/state-words.ts";
import { type Html, NOTHING, stateBadge } from "./html.ts";

interface Range {
  readonly from: number;
  readonly to: number;
  readonly now: EpochMillis;
}

/** From bottom to top: what failed is on top, where it is seen first. `event`: received, and nobody has to look at it. */
const STACK = [
  "event",
  "ignored",
  "waiting",
  "retrying",
  "unusable",
  "refused",
  "cut",
  "accepted_without_run",
  "given_up",
] as const;
type Counted = (typeof STACK)[number];

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly counts: ReadonlyMap<Counted, number>;
}

const WIDTH = 960;
const HEIGHT = 112;
const TICKS = 5;

/**
 * What was counted in a range, whatever is listed: a bar for each interval, which leads to the list of that interval. States
 * that need a person are hatched, so that the chart can be read without colours; the same is below as a table.
 */
export function rangeChart(
  { intervalSeconds, intervals, atLeastBefore }: DeliveryCounts,
  { from, to, now }: Range,
): Html {
  const lengthMs = intervalSeconds * 1_000;
  const bars = intervals.map((interval): Bar => {
    const start = Date.parse(interval.from);
    return { from: start, to: start + lengthMs, counts: countsIn(interval) };
  });
  const highest = Math.max(...bars.map(({ counts }) => sum(counts)), 4);
  const unit = WIDTH / (to - from + lengthMs);
  const totals = new Map(
    STACK.map((state) => [state, bars.reduce((all, { counts }) => all + (counts.get(state) ?? 0), 0)]),
  );
  const shown = STACK.toReversed().filter((state) => (totals.get(state) ?? 0) > 0);
  const text = shown.map((state) => `${totals.get(state)} ${nameOf(state)}`).join(", ") || "nothing";
  const first = Math.floor(from / SLOT_MS) * SLOT_MS;
  return html`<figure class="chart range">
<div class="scale"><span>${highest} in ${durationOf(intervalSeconds)}</span><span>UTC</span></div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${timeText(from)} to ${timeText(to)} UTC: ${text}. The table below has each interval">
<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" height="6"></rect></pattern></defs>
<line class="grid" x1="0" y1="1" x2="${WIDTH}" y2="1"></line><line class="grid" x1="0" y1="${HEIGHT / 2}" x2="${WIDTH}" y2="${HEIGHT / 2}"></line>
${bars.map((bar) => barMarkup(bar, { x: (bar.from - first) * unit, width: Math.max(lengthMs * unit, 2), unit: (HEIGHT - 2) / highest }))}
</svg>
<div class="scale">${Array.from({ length: TICKS }, (_, at) => html`<span>${timeText(from + ((to - from) * at) / (TICKS - 1))}</span>`)}</div>
<figcaption><span class="legend">${shown.map((state) => html`<span>${badgeOf(state)}${totals.get(state)}</span> `)}</span></figcaption>
${atLeastBefore === undefined ? NOTHING : html`<p class="notice warn">There are at least so many failures and refused requests: those up to ${timeText(Date.parse(atLeastBefore))} are too many to count.</p>`}
${bars.length === 0 ? NOTHING : html`<details><summary>As a table</summary>${table(bars, shown)}</details>`}
</figure>${now < from ? html`<p class="empty">This time is still to come.</p>` : NOTHING}`;
}

const SLOT_MS = 300_000;

function countsIn({ counts, refusedRequests = 0, attention = [] }: DeliveryCounts["intervals"][number]) {
  const found = new Map<Counted, number>(attention.map(({ state, count }) => [state, count]));
  const needing = sum(found);
  // What needs a person was received too, usually in the same interval.
  found.set("event", Math.max(counts.event - needing, 0));
  found.set("ignored", counts.ignored);
  found.set("unusable", counts.unusable);
  found.set("refused", counts.refused + refusedRequests);
  return found;
}

interface Place {
  readonly x: number;
  readonly width: number;
  /** Height of one. */
  readonly unit: number;
}

function barMarkup(bar: Bar, { x, width, unit }: Place): Html {
  let top = HEIGHT;
  const pieces = STACK.flatMap((state) => {
    const height = (bar.counts.get(state) ?? 0) * unit;
    if (height === 0) return [];
    top -= height;
    const tone = toneOf(state);
    const place = html`x="${(x + 0.5).toFixed(2)}" y="${top.toFixed(2)}" width="${Math.max(width - 1, 1).toFixed(2)}" height="${height.toFixed(2)}"`;
    const isCalm = tone !== "failed" && tone !== "attention";
    return [
      html`<rect class="${TONES[tone].colour}" ${place}></rect>${isCalm ? NOTHING : html`<rect fill="url(#hatched)" ${place}></rect>`}`,
    ];
  });
  if (pieces.length === 0) return NOTHING;
  const whole = html`<rect class="hit" x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="${HEIGHT}"></rect>`;
  return html`<a href="${pathOf(bar)}" tabindex="-1"><title>${titleOf(bar)}</title>${whole}${pieces}</a>`;
}

const titleOf = ({ from, to, counts }: Bar): string => {
  const each = STACK.toReversed().flatMap((state) => {
    const count = counts.get(state) ?? 0;
    return count === 0 ? [] : [`${count} ${nameOf(state)}`];
  });
  return `${timeText(from)} to ${timeText(to)}: ${each.join(", ")}`;
};

const table = (bars: readonly Bar[], shown: readonly Counted[]): Html => html`<table class="list counted">
<thead><tr><th>From (UTC)</th>${shown.map((state) => html`<th class="number">${nameOf(state)}</th>`)}</tr></thead>
<tbody>${bars.toReversed().map(
  (bar) => html`<tr><td><a href="${pathOf(bar)}">${timeText(bar.from)}</a></td>
${shown.map((state) => html`<td class="number" data-name="${nameOf(state)}">${bar.counts.get(state) ?? 0}</td>`)}</tr>`,
)}</tbody></table>`;

/** The list of an interval. A `datetime-local` field has no seconds. */
const pathOf = ({ from, to }: Bar): string =>
  `/console/deliveries?${new URLSearchParams({ since: minuteOf(from), until: minuteOf(to) })}`;

const minuteOf = (time: number): string => toIso(epochMillis(time)).slice(0, 16);
const timeText = (time: number): string => minuteOf(time).slice(5).replace("T", " ");

const nameOf = (state: Counted): string => (state === "event" ? "received" : wordsOf(state).words);
const toneOf = (state: Counted): Tone => (state === "event" ? "open" : wordsOf(state).tone);
const badgeOf = (state: Counted): Html =>
  state === "event" ? html`<span class="badge busy">received</span>` : stateBadge(state);

function durationOf(seconds: number): string {
  const minutes = seconds / 60;
  return minutes < 60
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60 === 0 ? "" : `${minutes % 60} min`}`.trim();
}

const sum = (counts: ReadonlyMap<Counted, number>): number => [...counts.values()].reduce((all, one) => all + one, 0);
