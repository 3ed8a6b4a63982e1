import { html } from "hono/html";
import { type EpochMillis, toIso } from "../host/clock.ts";
import { parseWebUrl } from "../host/url-credentials.ts";
import type { Rejection, RejectionReason } from "../model/rejection.ts";
import { HINTS } from "../model/rejection-hints.ts";
import {
  badEndOf,
  type StateWords,
  symbolOf,
  TONES,
  type ToneColour,
  targetWordsOf,
  wordsOf,
} from "../model/state-words.ts";

/** Markup. Every text that is put into a template of {@link html} is escaped; nothing here bypasses that. */
export type Html = ReturnType<typeof html>;

export const NOTHING: Html = html``;

/**
 * A time as every page has it: "02:13:41 UTC", with the day if it is not today's, and the age as a tooltip. The console's
 * script turns it into the browser's time, with UTC beside it. `iso` is a time in ISO 8601, as the API returns it.
 */
export const shownTime = (iso: string, now: EpochMillis): Html => timeMarkup(iso, now, ageText(iso, now));

/** A time with its age beside it: "02:13:41 UTC (3 min ago)". */
export const timeAndAge = (iso: string, now: EpochMillis): Html =>
  html`${timeMarkup(iso, now)} <span class="ago">(${ageText(iso, now)})</span>`;

const timeMarkup = (iso: string, now: EpochMillis, title: string = iso): Html =>
  html`<time datetime="${iso}" title="${title}">${dayText(iso, now)}${iso.slice(11, 19)} UTC</time>`;

/** Empty for today; with the year if it is not this one. */
function dayText(iso: string, now: EpochMillis): string {
  const today = toIso(now);
  if (iso.slice(0, 10) === today.slice(0, 10)) return "";
  return `${iso.slice(0, 4) === today.slice(0, 4) ? iso.slice(5, 10) : iso.slice(0, 10)} `;
}

/** When something happens next: its time, or `now` if that has come, because then only its turn is awaited. */
export const dueAt = (iso: string, now: EpochMillis): Html =>
  Date.parse(iso) > now ? timeAndAge(iso, now) : html`<time class="as-is" datetime="${iso}" title="${iso}">now</time>`;

/** When an action is tried next: `next 02:18:41 UTC (in 5 min)`, or `due now`. */
export const nextTry = (iso: string, now: EpochMillis): Html =>
  html`${Date.parse(iso) > now ? "next" : "due"} ${dueAt(iso, now)}`;

/** A sentence of the interface, with its times as every page has them. */
export const withTimes = (text: string, now: EpochMillis): readonly Html[] =>
  text.split(ISO_TIME).map((part, at) => (at % 2 === 0 ? html`${part}` : shownTime(part, now)));

const ISO_TIME = /\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** An id or a hash. The console's script puts a button beside it that copies it; `name` says what it copies. */
export const copied = (value: string, name: string): Html => html`<code data-copy="${name}">${value}</code>`;

/** `3 min ago`, `in 5 min` or `now`. */
export function ageText(iso: string, now: EpochMillis): string {
  const ms = Date.parse(iso) - now;
  const seconds = Math.floor(Math.abs(ms) / 1_000);
  const amount = duration(seconds * 1_000);
  if (seconds === 0) return "now";
  return ms < 0 ? `${amount} ago` : `in ${amount}`;
}

/** A duration in its largest unit that fits. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const [unitMs, unit] = UNITS.find(([unitMs]) => ms >= unitMs) ?? SECOND;
  const value = ms / unitMs;
  const isExact = unit !== "s" || Number.isInteger(value) || value >= 10;
  return `${isExact ? Math.floor(value) : value.toFixed(1)} ${unit}`;
}

const SECOND = [1_000, "s"] as const;
const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], SECOND] as const;

export type Tone = ToneColour;

export const badge = (tone: Tone, words: string): Html =>
  html`<span class="badge ${tone}"><span aria-hidden="true">${symbolOf(tone)}</span> ${words}</span>`;

/** What became of a delivery or of one of its routes: `✕ given up`. */
export const stateBadge = (state: string): Html => wordsBadge(wordsOf(state));

export const wordsBadge = ({ symbol, words, tone }: StateWords): Html =>
  html`<span class="badge ${TONES[tone].colour}"><span aria-hidden="true">${symbol}</span> ${words}</span>`;

/** What a delivery reports, if that ended badly: framed, because it is no state of the delivery. */
export function reportBadge(what: string): Html {
  const words = badEndOf(what);
  if (words === undefined) return NOTHING;
  return html`<span class="badge report ${TONES[words.tone].colour}"><span class="hidden">It reports: </span><span aria-hidden="true">${words.symbol}</span> ${words.words}</span> `;
}

/** How a target is: `! paused`. */
export function targetBadge({ state, removed }: { readonly state: string; readonly removed?: true }): Html {
  const { words, ...look } = targetWordsOf(state);
  return wordsBadge({ ...look, words: removed ? `${words}, not configured` : words });
}

/** A link to a delivery's own page. */
export const deliveryLink = (id: string, words: string = id): Html =>
  html`<a href="/console/deliveries/${encodeURIComponent(id)}">${words}</a>`;

/** A link to a URL that an outside system reported, or only the text if that is no http(s) URL or has a credential. */
export const outsideLink = (url: string | undefined, words: string): Html => outsideLinkAround(url, html`${words}`);

/** As {@link outsideLink}, for markup. */
export const outsideLinkAround = (url: string | undefined, markup: Html): Html =>
  url !== undefined && parseWebUrl(url).ok ? html`<a href="${url}" rel="noreferrer">${markup}</a>` : markup;

/** A list of named facts. Those that are undefined are left out. */
export const facts = (rows: readonly (readonly [string, Html | string | undefined])[]): Html =>
  html`<dl class="facts">${rows.map(([name, fact]) =>
    fact === undefined ? NOTHING : html`<div><dt>${name}</dt><dd>${fact}</dd></div>`,
  )}</dl>`;

/** Why something was rejected, with the facts and what to do next. */
export function rejectionText({ reason, ...details }: Rejection): Html {
  const known = Object.entries(details).map(([name, fact]) => html`, ${name} <code>${String(fact)}</code>`);
  return html`<code>${reason}</code>${known}${hintFor(reason)}`;
}

export const hintFor = (reason: RejectionReason): Html => whatToDo(HINTS[reason]);

/** A hint, whose names are in backticks. */
export const whatToDo = (hint: string): Html => html`<span class="hint"><b>What to do:</b> ${inCode(hint)}.</span>`;

/** Turns names in backticks into `<code>`. The texts are the project's own. */
export const inCode = (text: string): readonly Html[] =>
  text.split("`").map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
