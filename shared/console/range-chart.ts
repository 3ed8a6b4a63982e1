import { html } from "hono/html";
import { epochMillis, toIso } from "../host/clock.ts";
import { countText, DELIVERIES, grouped, REQUESTS, ROUTES } from "../host/count-text.ts";
import type { DeliveryCounts } from "../http/delivery-counts.ts";
import { TONES, wordsOf } from "../model/state-words.ts";
import { minuteOf, queryText, rangeQuery } from "./deliveries-query.ts";
import { type Html, NOTHING, shownTime, stateBadge } from "./html.ts";

/** What the chart is of. */
interface Chart {
  /** The query of the page. */
  readonly fields: URLSearchParams;
  readonly from: number;
  readonly to: number;
  /** The states that are wanted; undefined for all. */
  readonly only: readonly string[] | undefined;
  /** Undefined if the counts are of the whole range. */
  readonly scope: string | undefined;
}

/** What needs a person, the worst first: from the bottom of its panel to its top. */
const NEEDED = ["given_up", "accepted_without_run", "cut", "refused", "unusable", "retrying", "waiting"] as const;
/** `event`: received, and nobody has to look at it. */
const OTHERS = ["event", "ignored"] as const;
type Counted = (typeof NEEDED)[number] | (typeof OTHERS)[number];

/** The states that are counted whatever is listed. `event` is none. */
export const COUNTED_STATES: readonly string[] = [...NEEDED, "ignored"];

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly counts: ReadonlyMap<Counted, number>;
}

/** Height of the bars of a panel, in pixels, above which its scale is written. */
const HEIGHT = 46;
const TOP = 16;
/** From the bars of one panel to those of the next. */
const STEP_DOWN = HEIGHT + TOP + 4;
/** A single failure among thousands is seen. */
const LEAST_HEIGHT = 3;

/**
 * What was counted in a range: a panel of what needs a person, with a scale of its own, and one of what was received. Each
 * interval leads to its list, so a click zooms; a script adds zooming by dragging. The same is there as a table.
 */
export function rangeChart({ intervalSeconds, intervals, atLeastBefore }: DeliveryCounts, chart: Chart): Html {
  const { fields, from, to, only } = chart;
  const lengthMs = intervalSeconds * 1_000;
  const bars = intervals.map((interval): Bar => {
    const start = Date.parse(interval.from);
    return { from: start, to: start + lengthMs, counts: wantedOf(countsIn(interval), only) };
  });
  const totals = totalsOf(bars);
  const shown = [...NEEDED, ...OTHERS].filter((state) => (totals.get(state) ?? 0) > 0);
  const text =
    shown.map((state) => `${amountOf(state, totals.get(state) ?? 0, chart)} ${nameOf(state)}`).join(", ") || "nothing";
  if (fields.get("view") === "table") return tableView(bars, { shown, chart, text });
  const place = placeIn(from, to);
  const hasOthers = OTHERS.some((state) => (totals.get(state) ?? 0) > 0);
  return html`<figure class="range" data-from="${minuteOf(from)}" data-to="${minuteOf(to)}">
<p class="hidden">${timeText(from)} to ${timeText(to)} UTC: ${text}.</p>
<svg class="${hasOthers ? "plot" : "plot one"}" aria-hidden="true"><defs><pattern id="hatched" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="warn" width="3" height="5"></rect></pattern></defs>
${panel(bars, { states: NEEDED, name: chart.scope === undefined ? "need attention: routes, requests" : "need attention: deliveries", place, y: TOP })}
${hasOthers ? html`<g class="second">${panel(bars, { states: OTHERS, name: "received: deliveries", place, y: TOP + STEP_DOWN })}</g>` : NOTHING}
${links(bars, { place, chart, height: hasOthers ? HEIGHT + STEP_DOWN : HEIGHT })}</svg>
${axis({ from, to, place })}
<figcaption><span class="legend">${chart.scope === undefined ? NOTHING : html`<span>${chart.scope}</span>`}${shown.map((state) => html`<span${OTHERS.some((one) => one === state) ? html` class="other"` : NOTHING}>${badgeOf(state)}${amountMarkup(state, totals.get(state) ?? 0, chart)}</span>`)}</span>
<span class="zoom">${zoomLinks(chart)}</span></figcaption>
${atLeastBefore === undefined ? NOTHING : html`<p class="notice warn">There are at least so many failures and refused requests: those up to ${timeText(Date.parse(atLeastBefore))} UTC are too many to count.</p>`}</figure>`;
}

function countsIn({ counts, refusedRequests = 0, attention = [] }: DeliveryCounts["intervals"][number]) {
  const found = new Map<Counted, number>(attention.map(({ state, count }) => [state, count]));
  const needing = sum(found.values());
  // What needs a person was received too, usually in the same interval.
  found.set("event", Math.max(counts.event - needing, 0));
  found.set("ignored", counts.ignored);
  found.set("unusable", counts.unusable);
  found.set("refused", counts.refused + refusedRequests);
  return found;
}

const wantedOf = (counts: ReadonlyMap<Counted, number>, only: readonly string[] | undefined) =>
  only === undefined ? counts : new Map([...counts].filter(([state]) => only.includes(state)));

const totalsOf = (bars: readonly Bar[]): ReadonlyMap<Counted, number> =>
  new Map([...NEEDED, ...OTHERS].map((state) => [state, sum(bars.map(({ counts }) => counts.get(state) ?? 0))]));

/** Places a time in the width of the chart, in percent. The first interval may begin before the range. */
const placeIn =
  (from: number, to: number) =>
  (time: number): number =>
    Math.min(100, Math.max(0, ((time - from) / Math.max(to - from, 1)) * 100));
type PlaceOf = ReturnType<typeof placeIn>;

interface Panel {
  readonly states: readonly Counted[];
  readonly name: string;
  readonly place: PlaceOf;
  /** Where its bars begin, below the name. */
  readonly y: number;
}

/** Texts keep their form at every width; bars are stretched. */
function panel(bars: readonly Bar[], { states, name, place, y }: Panel): Html {
  const sums = bars.map(({ counts }) => sum(states.map((state) => counts.get(state) ?? 0)));
  const top = niceTop(Math.max(0, ...sums));
  const line = (count: number): Html => {
    const at = y + HEIGHT - (count / top) * HEIGHT;
    return html`<line x1="0" x2="100%" y1="${at}" y2="${at}"></line><text x="100%" dx="5" y="${at + 4}">${grouped(count)}</text>`;
  };
  const paths = new Map<Counted, string>();
  for (const bar of bars) {
    const [left, right] = [place(bar.from) * UNITS, place(bar.to) * UNITS];
    const width = Math.max(Math.round((right - left) * 0.88), 2);
    let foot = HEIGHT;
    for (const state of states) {
      const count = bar.counts.get(state) ?? 0;
      if (count === 0) continue;
      const height = round(Math.max((count / top) * HEIGHT, LEAST_HEIGHT));
      paths.set(state, `${paths.get(state) ?? ""}M${Math.round(left)} ${round(foot)}v-${height}h${width}v${height}z`);
      foot -= height;
    }
  }
  return html`<g class="grid"><text y="${y - 5}">${name}</text>${[0, top / 2, top].map(line)}</g>
<svg y="${y}" width="100%" height="${HEIGHT}" viewBox="0 0 ${100 * UNITS} ${HEIGHT}" preserveAspectRatio="none">${[
    ...paths,
  ].map(([state, path]) =>
    toneOf(state) === "warn"
      ? html`<path fill="url(#hatched)" d="${path}"/>`
      : html`<path class="${toneOf(state)}" d="${path}"/>`,
  )}</svg>`;
}

/** Units of the stretched drawing in one percent of the width. */
const UNITS = 10;

interface Links {
  readonly place: PlaceOf;
  readonly chart: Chart;
  readonly height: number;
}

/** Over the bars of both panels: each interval that has something leads to its list. */
const links = (bars: readonly Bar[], { place, chart, height }: Links): Html =>
  html`<svg class="hits" y="${TOP}" width="100%" height="${height}" viewBox="0 0 ${100 * UNITS} ${height}" preserveAspectRatio="none">${bars
    .filter(({ counts }) => sum(counts.values()) > 0)
    .map((bar) => {
      const [left, right] = [place(bar.from) * UNITS, place(bar.to) * UNITS];
      const box = html`x="${Math.round(left)}" width="${Math.max(2, Math.round(right - left))}" height="${height}"`;
      return html`<a href="?${queryText(rangeQuery(chart.fields, bar.from, bar.to))}" tabindex="-1"><title>${titleOf(bar, chart)}</title><rect ${box}/></a>`;
    })}</svg>`;

/** The top of a scale: a number of which people read the half at once. */
function niceTop(highest: number): number {
  if (highest <= 10) return Math.max(4, Math.ceil(highest / 2) * 2);
  const unit = 10 ** Math.floor(Math.log10(highest));
  return (NICE.find((one) => one * unit >= highest) ?? 10) * unit;
}
const NICE = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10] as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STEPS = [
  MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
  12 * HOUR_MS,
  DAY_MS,
  2 * DAY_MS,
  7 * DAY_MS,
  14 * DAY_MS,
] as const;
/** They fit a phone. */
const MAX_TICKS = 7;

/** Times that are whole in their unit. A time near an end has no room for its text. */
function axis({ from, to, place }: { readonly from: number; readonly to: number; readonly place: PlaceOf }): Html {
  const step = STEPS.find((one) => (to - from) / one <= MAX_TICKS) ?? 30 * DAY_MS;
  const first = Math.ceil(from / step) * step;
  const ticks = Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, at) => first + at * step);
  return html`<svg class="axis" data-step="${step}" aria-hidden="true">${ticks
    .filter((tick) => place(tick) > 3 && place(tick) < 97)
    .map((tick) => {
      const x = `${round(place(tick))}%`;
      const isDay = tick % DAY_MS === 0;
      const iso = toIso(epochMillis(tick));
      const words = isDay ? `${iso.slice(8, 10)} ${MONTHS[Number(iso.slice(5, 7)) - 1]}` : iso.slice(11, 16);
      return html`<line x1="${x}" x2="${x}" y1="0" y2="4"></line><text x="${x}" y="15">${words}</text>`;
    })}<text class="zone" x="100%" dx="5" y="15">UTC</text></svg>`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** Earlier, later and further out: the range by links, because a click only goes in. */
function zoomLinks({ fields, from, to }: Chart): Html {
  const length = to - from;
  const link = (words: string, [since, until]: readonly [number, number]): Html =>
    html`<a href="?${rangeQuery(fields, since, until)}">${words}</a> `;
  const isZoomed = fields.get("since") !== null || fields.get("until") !== null;
  const all = new URLSearchParams(rangeQuery(fields, from, to));
  for (const name of ["since", "until"]) all.delete(name);
  const table = new URLSearchParams(fields);
  table.set("view", "table");
  return html`${link("← Earlier", [from - length, from])}${isZoomed ? html`${link("Later →", [to, to + length])}${link("Zoom out", [from - length, to + length])}<a href="?${all}">Whole week</a> ` : NOTHING}<a href="?${table}">As a table</a>`;
}

interface TableView {
  readonly shown: readonly Counted[];
  readonly chart: Chart;
  readonly text: string;
}

/** The same as a table, the newest interval first. */
function tableView(bars: readonly Bar[], { shown, chart, text }: TableView): Html {
  const { fields, from, to, scope } = chart;
  const back = new URLSearchParams(fields);
  back.delete("view");
  return html`<p>${timeText(from)} to ${timeText(to)} UTC: ${text}.${scope === undefined ? NOTHING : ` ${scope}.`} <a href="?${back}">As a chart</a></p>
${
  bars.length === 0
    ? NOTHING
    : html`<table class="list counted"><thead><tr><th>From</th>${shown.map((state) => html`<th class="number">${headOf(state, chart)}</th>`)}</tr></thead>
<tbody>${bars.toReversed().map(
        (
          bar,
        ) => html`<tr><td><a href="?${rangeQuery(back, bar.from, bar.to)}">${shownTime(toIso(epochMillis(bar.from)), epochMillis(to))}</a></td>
${shown.map((state) => html`<td class="number" data-name="${headOf(state, chart)}">${bar.counts.get(state) ?? 0}</td>`)}</tr>`,
      )}</tbody></table>`
}`;
}

const titleOf = ({ from, to, counts }: Bar, chart: Chart): string => {
  const each = [...NEEDED, ...OTHERS].flatMap((state) => {
    const count = counts.get(state) ?? 0;
    return count === 0 ? [] : [`${amountOf(state, count, chart)} ${nameOf(state)}`];
  });
  return `${timeText(from)}–${minuteOf(to).slice(11)} UTC: ${each.join(", ")}`;
};

const timeText = (time: number): string => minuteOf(time).slice(5).replace("T", " ");
const round = (value: number): number => Math.round(value * 100) / 100;
/**
 * What a number of the chart counts. One delivery may have several routes that need a person, and a request that nobody
 * proved has no delivery. What is listed is deliveries, each with its worst state.
 */
function unitOf(state: Counted, { scope }: Pick<Chart, "scope">): readonly [string, string] {
  if (scope !== undefined) return DELIVERIES;
  if (state === "refused") return REQUESTS;
  return state === "event" || state === "ignored" || state === "unusable" ? DELIVERIES : ROUTES;
}

const amountOf = (state: Counted, count: number, chart: Chart): string => countText(count, unitOf(state, chart));
/** A phone shows the number alone. */
function amountMarkup(state: Counted, count: number, chart: Chart): Html {
  const [number, ...unit] = amountOf(state, count, chart).split(" ");
  return html`${number}<span class="unit"> ${unit.join(" ")}</span>`;
}
const headOf = (state: Counted, chart: Chart): string => `${nameOf(state)}, ${unitOf(state, chart)[1]}`;
const nameOf = (state: Counted): string => (state === "event" ? "received" : wordsOf(state).words);
const toneOf = (state: Counted) => (state === "event" ? "busy" : TONES[wordsOf(state).tone].colour);
const badgeOf = (state: Counted): Html =>
  state === "event" ? html`<span class="badge busy">received</span>` : stateBadge(state);

const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0);
