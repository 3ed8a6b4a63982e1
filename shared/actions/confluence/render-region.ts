import type { BoardRow, ShownBuild, Starter } from "../../model/board.ts";
import type { BuildPart, BuildState } from "../../model/event.ts";
import { isUrgent, type Lozenge, lozengeOf, NOT_SHOWN } from "./lozenge.ts";
import { renderGate } from "./render-gate.ts";
import { countsOf, inReadingOrder, moreThan } from "./render-summary.ts";
import { enteredAt, type Look, latestOf, lozengeOfRow, type ShownRow, shownRow } from "./shown-row.ts";
import { expandMacro, statusMacro } from "./status-macro.ts";
import { escapeStart, escapeText } from "./storage-text.ts";

/** Large pages fail to load and to save, and the region is only one part of someone's page. */
export const MAX_REGION_BYTES = 32_768;
/** What is urgent is left out only above this size, which Confluence still saves. */
export const MAX_URGENT_BYTES = 49_152;

/** More rows than this: only the urgent ones are in sight. */
const MAX_OPEN_ROWS = 10;

export const isFailure = (state: BuildState): boolean => state === "failed" || state === "timed_out";

const EVERY_STATE: Look = { onlyChanges: false };

/**
 * Renders the region's content in storage format: how many rows are in which state, then one table row for each row of
 * the board, failures first. The same rows give the same text at any time. Of more than ten rows, those that are not
 * urgent are in an expand macro, unless the region is flat. Of what exceeds {@link MAX_REGION_BYTES}, the rows whose last
 * event is oldest are left out and counted, first those that are not urgent.
 */
export function renderRegion(rows: readonly BoardRow[], look: Look = EVERY_STATE): string {
  const all = inReadingOrder(rows.map((row) => shownRow(row, look)));
  const none = new Map<ShownRow, string>();
  const around = frame(all, { texts: none, leftOut: all }, look) + expandMacro(countsOf(all), tableOf([], none));
  return frame(all, fitting(all, bytesOf(around)), look);
}

interface Fitting {
  /** The rows that are shown. */
  readonly texts: ReadonlyMap<ShownRow, string>;
  readonly leftOut: readonly ShownRow[];
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function fitting(all: readonly ShownRow[], frameBytes: number): Fitting {
  const texts = new Map<ShownRow, string>();
  let total = frameBytes;
  const isAlarming = (row: ShownRow): boolean => isUrgent(lozengeOfRow(row));
  const newestFirst = all.toSorted(
    (one, other) =>
      Number(isAlarming(other)) - Number(isAlarming(one)) || compare(latestOf(other.build), latestOf(one.build)),
  );
  for (const row of newestFirst) {
    const text = cellsOf(row);
    const bytes = bytesOf(text);
    if (total + bytes > (isAlarming(row) ? MAX_URGENT_BYTES : MAX_REGION_BYTES)) break;
    texts.set(row, text);
    total += bytes;
  }
  return { texts, leftOut: all.filter((row) => !texts.has(row)) };
}

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

/**
 * The heading is bold text: Cloud's editor drops the titles of panels, and a real heading would be part of the outline.
 * `own-content.ts` must recognize all that is written here.
 */
function frame(all: readonly ShownRow[], { texts, leftOut }: Fitting, look: Look): string {
  const shown = all.filter((row) => texts.has(row));
  const isOpen = (row: ShownRow): boolean => look.isFlat || all.length <= MAX_OPEN_ROWS || isUrgent(lozengeOfRow(row));
  const [open, closed] = [shown.filter(isOpen), shown.filter((row) => !isOpen(row))];
  const hidden = leftOut.filter((row) => !isOpen(row));
  return [
    HEADING,
    summary(all, look),
    open.length > 0 || closed.length === 0 ? tableOf(open, texts) : "",
    closed.length > 0 ? expandMacro(countsOf([...closed, ...hidden]), tableOf(closed, texts) + missing(hidden)) : "",
    missing(closed.length > 0 ? leftOut.filter(isOpen) : leftOut),
    `<p><small>${closing(look)}</small></p>`,
  ].join("");
}

const missing = (rows: readonly ShownRow[]): string =>
  rows.length > 0 ? `<p>${moreThan(rows)}. They are left out to keep this page small.</p>` : "";

const HEADING = "<p><strong>Build status</strong></p>";

function summary(rows: readonly ShownRow[], { onlyChanges }: Look): string {
  const newest = rows
    .flatMap(({ build, refusedStatus }) => (refusedStatus === undefined ? enteredAt(build) : []))
    .sort()
    .at(-1);
  if (newest === undefined) return "";
  const at = timeOf(newest);
  const since = onlyChanges ? "last change" : "as of";
  return `<p>${countsOf(rows)}${at === NOTHING ? "" : ` · ${since} ${at}`}</p>`;
}

const closing = ({ onlyChanges }: Look): string =>
  `Kept by Drawbridge, edits inside are replaced; notes go below.${onlyChanges ? " Runs that change no result are shown with the next change." : ""}`;

function tableOf(rows: readonly ShownRow[], texts: Fitting["texts"]): string {
  const head = `<tr>${COLUMNS.map((column) => `<th>${column}</th>`).join("")}</tr>`;
  return `<table><tbody>${head}${rows.map((row) => texts.get(row) ?? "").join("")}</tbody></table>`;
}

/** The state is the second column, because a phone shows only the first two. */
const COLUMNS = ["Pipeline", "State", "For", "Run", "Commit", "Started by", "As of"];

/** Renders the table row of a board's row. */
export const renderRow = (row: BoardRow, look: Look = EVERY_STATE): string => cellsOf(shownRow(row, look));

/** Links are plain, so nothing here mentions a person in a way that makes Confluence notify them. */
function cellsOf(row: ShownRow): string {
  const { build, refusedStatus } = row;
  if (refusedStatus !== undefined) return cellsOfRefused(build, refusedStatus);
  const cells = [
    escapeStart(`${build.pipeline} (${reporterOf(build)})`, TEXT_LIMIT),
    stateOf(row),
    placeOf(build),
    runOf(build),
    commitOf(build),
    startedBy(build.starter),
    timeOf(enteredAt(build)),
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

/**
 * The row in place of one that the site refused: only its name, without the characters that the site may have refused. It
 * is the same for every state, so that the page is not written again for the next refused state.
 */
function cellsOfRefused(build: ShownBuild, status: number): string {
  const cells = [
    plainText(`${build.pipeline} (${reporterOf(build)})`),
    `${lozenge(NOT_SHOWN)}<br />Confluence refused this row (${status})`,
    plainText(nameOfPlace(build)),
    ...COLUMNS.slice(3).map(() => NOTHING),
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

const plainText = (value: string): string => escapeStart(value.replace(/[^\w ()./:@#,-]/gu, "?"), TEXT_LIMIT);

/** A status that a job reports itself is marked, because the system's own events have rows too. */
const reporterOf = ({ system, trustEntry }: BuildPart): string =>
  trustEntry === undefined ? system : `${system}, reported by ${trustEntry}`;

/** What the run is for. Only a branch is named alone: no name of a branch contains a blank. */
function nameOfPlace({ environment, branch, tag, refName, change }: ShownBuild): string {
  if (environment !== undefined) return environment;
  if (change !== undefined) return `change ${change.id ?? `from ${change.sourceBranch ?? "an unknown branch"}`}`;
  if (refName !== undefined) return `${refName}, branch or tag`;
  return tag === undefined ? (branch ?? NOTHING) : `tag ${tag}`;
}

function placeOf(build: ShownBuild): string {
  const { environment, change, changeUrl } = build;
  const place = escapeStart(nameOfPlace(build), TEXT_LIMIT);
  if (environment !== undefined || change === undefined) return place;
  return `${linked(place, changeUrl, SHORT_ADDRESS_LIMIT)}${change.fork ? ", fork" : ""}`;
}

function stateOf({ build, ended, later, decisionWays }: ShownRow): string {
  const state = lozenge(lozengeOf(build));
  if (build.gate) return state + renderGate(build, build.gate, decisionWays);
  const reason = build.reason === undefined ? "" : `<br />${escapeStart(build.reason, REASON_LIMIT)}`;
  const last = ended ? `<br />last: ${lozenge(lozengeOf(ended))} ${runLink(ended)}` : "";
  const then = later ? `<br />then ${runLink(later)} ${lozengeOf(later).title}: ${timeOf(enteredAt(later))}` : "";
  return state + reason + last + then;
}

const lozenge = ({ colour, title }: Lozenge): string => statusMacro(colour, title);

/**
 * UTF-16 code units of a text, and of an address, that a row shows: even if all are escaped, one row fits the region.
 */
const TEXT_LIMIT = 200;
const REASON_LIMIT = 120;
const TITLE_LIMIT = 80;
const ADDRESS_LIMIT = 500;
const SHORT_ADDRESS_LIMIT = 200;
const NOTHING = "-";
/** A SHA-1 or SHA-256 object name. People use its first eight digits. */
const FULL_HASH = /^([\da-f]{8})(?:[\da-f]{32}|[\da-f]{56})$/;

function runOf(build: ShownBuild): string {
  const lasted = duration(build);
  return lasted === NOTHING ? runLink(build) : `${runLink(build)}<br />${lasted}`;
}

function runLink({ number, url }: Pick<BuildPart, "number" | "url">): string {
  if (number !== undefined) return linked(`#${number}`, url, ADDRESS_LIMIT);
  return isShort(url, ADDRESS_LIMIT) ? linked("open", url, ADDRESS_LIMIT) : NOTHING;
}

/** The commit, its title, and who wrote it. */
function commitOf({ commit, commitUrl, title, author }: ShownBuild): string {
  if (commit === undefined) return title === undefined ? NOTHING : escapeStart(title, TITLE_LIMIT);
  const hash = linked(escapeStart(commit.replace(FULL_HASH, "$1"), TEXT_LIMIT), commitUrl, SHORT_ADDRESS_LIMIT);
  const words = title === undefined ? "" : ` ${escapeStart(title, TITLE_LIMIT)}`;
  const by = author === undefined ? "" : `<br /><small>${escapeStart(author, TITLE_LIMIT)}</small>`;
  return hash + words + by;
}

/** The escaped text, as a link unless the address is unknown or too long. */
const linked = (escaped: string, url: string | undefined, limit: number): string =>
  isShort(url, limit) ? `<a href="${escapeText(url)}">${escaped}</a>` : escaped;

const isShort = (url: string | undefined, limit: number): url is string => url !== undefined && url.length <= limit;

/**
 * The name of a person, and below it what was proved: only the identity, and the name is what that identity claims.
 */
function startedBy(starter: Starter | undefined): string {
  if (!starter) return NOTHING;
  const identity = `${escapeStart(starter.identity, TEXT_LIMIT)} (${starter.unproved ? "not verified" : "verified"})`;
  const name = (starter.name ?? "").replace(LOOKS_LIKE_MORE, "").trim();
  return name === "" ? identity : `“${escapeStart(name, TEXT_LIMIT)}”<br /><small>named by ${identity}</small>`;
}

/** Characters that could end the quotation, imitate "(verified)", or reverse the direction of the text. */
const LOOKS_LIKE_MORE = /[\p{Ps}\p{Pe}\p{C}"“”‟«»＂]/gu;

function duration({ startedAt, finishedAt }: BuildPart): string {
  const seconds = Math.floor((Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")) / 1000);
  if (!(seconds >= 0)) return NOTHING;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}\u00A0h\u00A0${minutes}\u00A0min`;
  return minutes > 0 ? `${minutes}\u00A0min\u00A0${seconds % 60}\u00A0s` : `${seconds}\u00A0s`;
}

/** A day and a time of day, because an age would have to be updated. */
function timeOf(iso: string): string {
  const [, day, time] = ISO_MINUTE.exec(iso) ?? [];
  return day && time ? `<time datetime="${day}" /> ${time}\u00A0UTC` : NOTHING;
}

/** Events have their times in UTC, with `Z`. */
const ISO_MINUTE = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}).*Z$/;
