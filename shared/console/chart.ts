import { html } from "hono/html";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import { badge, duration, type Html, NOTHING } from "./html.ts";

type Listed = ListedDeliveries["deliveries"][number];
type Outcome = Listed["outcome"];

/** From bottom to top: outcomes that need attention are on top, where they are seen first. */
const STACK = [
  ["event", "good"],
  ["ignored", "quiet"],
  ["unusable", "warn"],
  ["refused", "bad"],
] as const satisfies readonly (readonly [Outcome, string])[];

const BARS = 48;
const WIDTH = 960;
const HEIGHT = 80;
const BAR_WIDTH = WIDTH / BARS;

/**
 * When the listed deliveries were received, by outcome: 48 bars of equal duration from the oldest delivery to now, with
 * the totals below as text. Outcomes that need attention are hatched, so that the chart can be read without colours.
 */
export function chart(deliveries: readonly Listed[], now: EpochMillis): Html {
  const times = deliveries.map(({ receivedAt }) => Date.parse(receivedAt));
  const start = Math.min(...times);
  const lengthMs = Math.max(now - start, 1_000);
  const barOf = (time: number): number =>
    Math.max(0, Math.min(BARS - 1, Math.floor(((time - start) / lengthMs) * BARS)));
  const bars = Array.from({ length: BARS }, () => new Map<Outcome, number>());
  for (const [at, { outcome }] of deliveries.entries()) {
    const bar = bars[barOf(times[at] ?? start)];
    bar?.set(outcome, (bar.get(outcome) ?? 0) + 1);
  }
  const highest = Math.max(...bars.map((bar) => sum(bar.values())), 4);
  const span = duration(lengthMs);
  return html`<figure class="chart">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Deliveries over the last ${span}; the totals are below">
<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" height="6"></rect></pattern></defs>
${bars.map((bar, at) => barMarkup(bar, at, HEIGHT / highest))}
</svg>
<figcaption><span>${span} ago</span><span class="legend">${legend(deliveries)}</span><span>now</span></figcaption>
</figure>`;
}

function barMarkup(bar: ReadonlyMap<Outcome, number>, at: number, unit: number): Html {
  let top = HEIGHT;
  const pieces = STACK.flatMap(([outcome, tone]) => {
    const height = (bar.get(outcome) ?? 0) * unit;
    if (height === 0) return [];
    top -= height;
    const place = html`x="${at * BAR_WIDTH + 1}" y="${top.toFixed(2)}" width="${BAR_WIDTH - 2}" height="${height.toFixed(2)}"`;
    const isCalm = tone === "good" || tone === "quiet";
    return [
      html`<rect class="${tone}" ${place}></rect>${isCalm ? NOTHING : html`<rect fill="url(#hatched)" ${place}></rect>`}`,
    ];
  });
  if (pieces.length === 0) return NOTHING;
  const counts = STACK.flatMap(([outcome]) => (bar.has(outcome) ? [`${bar.get(outcome)} ${outcome}`] : []));
  return html`<g><title>${counts.join(", ")}</title>${pieces}</g>`;
}

const legend = (deliveries: readonly Listed[]): readonly Html[] =>
  STACK.flatMap(([outcome, tone]) => {
    const count = deliveries.filter((one) => one.outcome === outcome).length;
    return count === 0 ? [] : [badge(tone, `${count} ${outcome}`), html` `];
  });

const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0);
