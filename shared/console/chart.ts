import { html } from "hono/html";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedDeliveries } from "../http/deliveries.ts";
import { DELIVERY_STATES } from "../model/delivery-state.ts";
import { TONES, type Tone, wordsOf } from "../model/state-words.ts";
import { duration, type Html, NOTHING, stateBadge } from "./html.ts";

type Listed = ListedDeliveries["deliveries"][number];

/** From bottom to top: what failed is on top, where it is seen first. The record of a read has no state. */
const STACK: readonly string[] = ["audit", "event", ...byTone("quiet", "good", "open", "attention", "failed")];

function byTone(...tones: readonly Tone[]): readonly string[] {
  return tones.flatMap((tone) => DELIVERY_STATES.filter((state) => wordsOf(state).tone === tone).toReversed());
}

const stateOf = ({ state, outcome }: Listed): string => state ?? outcome;

const BARS = 48;
const WIDTH = 960;
const HEIGHT = 80;
const BAR_WIDTH = WIDTH / BARS;

/**
 * When the listed deliveries were received, by state: 48 bars of equal duration from the oldest delivery to now, with the
 * totals below as text. States that need a person are hatched, so that the chart can be read without colours.
 */
export function chart(deliveries: readonly Listed[], now: EpochMillis): Html {
  const times = deliveries.map(({ receivedAt }) => Date.parse(receivedAt));
  const start = Math.min(...times);
  const lengthMs = Math.max(now - start, 1_000);
  const barOf = (time: number): number =>
    Math.max(0, Math.min(BARS - 1, Math.floor(((time - start) / lengthMs) * BARS)));
  const bars = Array.from({ length: BARS }, () => new Map<string, number>());
  for (const [at, one] of deliveries.entries()) {
    const bar = bars[barOf(times[at] ?? start)];
    bar?.set(stateOf(one), (bar.get(stateOf(one)) ?? 0) + 1);
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

function barMarkup(bar: ReadonlyMap<string, number>, at: number, unit: number): Html {
  let top = HEIGHT;
  const pieces = STACK.flatMap((state) => {
    const { tone } = wordsOf(state);
    const height = (bar.get(state) ?? 0) * unit;
    if (height === 0) return [];
    top -= height;
    const place = html`x="${at * BAR_WIDTH + 1}" y="${top.toFixed(2)}" width="${BAR_WIDTH - 2}" height="${height.toFixed(2)}"`;
    const isCalm = tone !== "failed" && tone !== "attention";
    return [
      html`<rect class="${TONES[tone].colour}" ${place}></rect>${isCalm ? NOTHING : html`<rect fill="url(#hatched)" ${place}></rect>`}`,
    ];
  });
  if (pieces.length === 0) return NOTHING;
  const counts = STACK.toReversed().flatMap((one) => (bar.has(one) ? [`${bar.get(one)} ${wordsOf(one).words}`] : []));
  return html`<g><title>${counts.join(", ")}</title>${pieces}</g>`;
}

const legend = (deliveries: readonly Listed[]): readonly Html[] =>
  STACK.toReversed().flatMap((state) => {
    const count = deliveries.filter((one) => stateOf(one) === state).length;
    return count === 0 ? [] : [html`<span>${stateBadge(state)}${count}</span>`, html` `];
  });

const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0);
