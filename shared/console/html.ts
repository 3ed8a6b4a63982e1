import { html } from "hono/html";
import type { EpochMillis } from "../host/clock.ts";
import type { Rejection, RejectionReason } from "../model/rejection.ts";
import { HINTS } from "../model/rejection-hints.ts";

/** Markup. Whatever is put into a template of {@link html} as a text is escaped; nothing here goes round that. */
export type Html = ReturnType<typeof html>;

export const NOTHING: Html = html``;

/**
 * An age such as "3 min ago", with the time itself for machines and for whoever points at it. `iso` is as the interface
 * tells it.
 */
export const when = (iso: string, now: EpochMillis): Html =>
  html`<time datetime="${iso}" title="${iso}">${relative(Date.parse(iso) - now)}</time>`;

function relative(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1_000);
  const told = duration(seconds * 1_000);
  if (seconds === 0) return "now";
  return ms < 0 ? `${told} ago` : `in ${told}`;
}

/** A duration in the one unit that says most of it. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const [unitMs, unit] = UNITS.find(([unitMs]) => ms >= unitMs) ?? SECOND;
  const value = ms / unitMs;
  const isExact = unit !== "s" || Number.isInteger(value) || value >= 10;
  return `${isExact ? Math.floor(value) : value.toFixed(1)} ${unit}`;
}

const SECOND = [1_000, "s"] as const;
const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], SECOND] as const;

/** How a state looks: by its words and a sign first, by a colour after that. */
export type Tone = "good" | "bad" | "warn" | "busy" | "quiet";

const SIGNS = { good: "✓", bad: "✕", warn: "!", busy: "●", quiet: "–" } as const satisfies Record<Tone, string>;

export const badge = (tone: Tone, words: string): Html =>
  html`<span class="badge ${tone}"><span aria-hidden="true">${SIGNS[tone]}</span> ${words}</span>`;

/** A link to a delivery's own page. */
export const deliveryLink = (id: string, words: string = id): Html =>
  html`<a href="/console/deliveries/${encodeURIComponent(id)}">${words}</a>`;

/** A link to where an outside system says that something is, if that is a page at all. */
export const outsideLink = (url: string | undefined, words: string): Html =>
  url !== undefined && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
    ? html`<a href="${url}" rel="noreferrer">${words}</a>`
    : html`${words}`;

/** Facts by name; those that are absent are left out. */
export const facts = (rows: readonly (readonly [string, Html | string | undefined])[]): Html =>
  html`<dl class="facts">${rows.map(([name, fact]) =>
    fact === undefined ? NOTHING : html`<div><dt>${name}</dt><dd>${fact}</dd></div>`,
  )}</dl>`;

/** Why something was refused, with its facts and what to do next. */
export function refusalOf({ reason, ...told }: Rejection): Html {
  const known = Object.entries(told).map(([name, fact]) => html`, ${name} <code>${String(fact)}</code>`);
  return html`<code>${reason}</code>${known}${hintFor(reason)}`;
}

export const hintFor = (reason: RejectionReason): Html =>
  html`<span class="hint"><b>What to do:</b> ${inCode(HINTS[reason])}.</span>`;

/** A text of ours whose names stand in backticks. */
const inCode = (text: string): readonly Html[] =>
  text.split("`").map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
