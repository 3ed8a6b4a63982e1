import { withoutHidden } from "../../host/hidden-characters.ts";
import type { BoardRow, ShownBuild, Starter } from "../../model/board.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";
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
export const MAX_OPEN_ROWS = 10;

export const isFailure = (state: BuildState): boolean => state === "failed" || state === "timed_out";

const EVERY_STATE: Look = { onlyChanges: false };

/** One kind of table in a region. `own-content.ts` must recognize all that it writes. */
export interface TableLayout {
  readonly heading: string;
  readonly columns: readonly string[];
  readonly inOrder: (rows: readonly ShownRow[]) => readonly ShownRow[];
  /** Whether the row is in sight if the table is long; `at`: its place in the order. */
  readonly isOpen: (row: ShownRow, at: number) => boolean;
  /** The table row of a row. */
  readonly render: (row: ShownRow) => string;
}

/**
 * Renders the region's content in storage format: how many rows are in which state, then one table row for each row of
 * the board, failures first. The same rows give the same text at any time. Of more than ten rows, those that are not
 * urgent are in an expand macro, unless the region is flat. Of what exceeds {@link MAX_REGION_BYTES}, the rows whose last
 * event is oldest are left out and counted, first those that are not urgent.
 */
export const renderRegion = (rows: readonly BoardRow[], look: Look = EVERY_STATE): string =>
  renderTable(
    rows.map((row) => shownRow(row, look)),
    look,
    BOARD,
  );

/** The content of a region with another table, within the same bounds. */
export function renderTable(rows: readonly ShownRow[], look: Look, layout: TableLayout): string {
  const all = layout.inOrder(rows);
  const none = new Map<ShownRow, string>();
  const around =
    frame(all, { texts: none, leftOut: all }, look, layout) + expandMacro(countsOf(all), tableOf([], none, layout));
  return frame(all, fitting(all, bytesOf(around), layout), look, layout);
}

interface Fitting {
  /** The rows that are shown. */
  readonly texts: ReadonlyMap<ShownRow, string>;
  readonly leftOut: readonly ShownRow[];
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function fitting(all: readonly ShownRow[], frameBytes: number, { render }: TableLayout): Fitting {
  const texts = new Map<ShownRow, string>();
  let total = frameBytes;
  const isAlarming = (row: ShownRow): boolean => isUrgent(lozengeOfRow(row));
  const newestFirst = all.toSorted(
    (one, other) =>
      Number(isAlarming(other)) - Number(isAlarming(one)) || compare(latestOf(other.build), latestOf(one.build)),
  );
  for (const row of newestFirst) {
    const text = render(row);
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
function frame(all: readonly ShownRow[], { texts, leftOut }: Fitting, look: Look, layout: TableLayout): string {
  const shown = all.filter((row) => texts.has(row));
  const inSight = new Set(
    all.filter((row, at) => look.isFlat || all.length <= MAX_OPEN_ROWS || layout.isOpen(row, at)),
  );
  const isOpen = (row: ShownRow): boolean => inSight.has(row);
  const [open, closed] = [shown.filter(isOpen), shown.filter((row) => !isOpen(row))];
  const hidden = leftOut.filter((row) => !isOpen(row));
  return [
    `<p><strong>${layout.heading}</strong></p>`,
    summary(all, look),
    open.length > 0 || closed.length === 0 ? tableOf(open, texts, layout) : "",
    closed.length > 0
      ? expandMacro(countsOf([...closed, ...hidden]), tableOf(closed, texts, layout) + missing(hidden))
      : "",
    missing(closed.length > 0 ? leftOut.filter(isOpen) : leftOut),
    `<p><small>${closing(look)}</small></p>`,
  ].join("");
}

const missing = (rows: readonly ShownRow[]): string =>
  rows.length > 0 ? `<p>${moreThan(rows)}. They are left out to keep this page small.</p>` : "";

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

function tableOf(rows: readonly ShownRow[], texts: Fitting["texts"], { columns }: TableLayout): string {
  const head = `<tr>${columns.map((column) => `<th>${column}</th>`).join("")}</tr>`;
  return `<table><tbody>${head}${rows.map((row) => texts.get(row) ?? "").join("")}</tbody></table>`;
}

/** The state is the second column, because a phone shows only the first two. */
const COLUMNS = ["Pipeline", "State", "For", "Run", "Commit", "Started by", "As of"];

const BOARD: TableLayout = {
  heading: "Build status",
  columns: COLUMNS,
  inOrder: inReadingOrder,
  isOpen: (row) => isUrgent(lozengeOfRow(row)),
  render: cellsOf,
};

/** Renders the table row of a board's row. */
export const renderRow = (row: BoardRow, look: Look = EVERY_STATE): string => cellsOf(shownRow(row, look));

/** Links are plain, so nothing here mentions a person in a way that makes Confluence notify them. */
function cellsOf(row: ShownRow): string {
  const { build, refusedStatus } = row;
  if (refusedStatus !== undefined) return cellsOfRefused(build, refusedStatus);
  const cells = [
    escapeStart(nameOf(build), TEXT_LIMIT),
    stateOf(row),
    placeOf(build),
    runOf(build),
    commitOf(build),
    startedBy(build.starter),
    timeOf(enteredAt(build)),
  ];
  return rowWith(cells);
}

export const rowWith = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;

/**
 * The row in place of one that the site refused: only its name, without the characters that the site may have refused. It
 * is the same for every state, so that the page is not written again for the next refused state.
 */
export function cellsOfRefused(build: ShownBuild, status: number, columns: readonly string[] = COLUMNS): string {
  const cells = [
    plainText(nameOf(build)),
    `${lozenge(NOT_SHOWN)}<br />Confluence refused this row (${status})`,
    plainText(nameOfPlace(build)),
    ...columns.slice(3).map(() => NOTHING),
  ];
  return rowWith(cells);
}

const plainText = (value: string): string => escapeStart(value.replace(/[^\w ()./:@#,-]/gu, "?"), TEXT_LIMIT);

/** The pipeline, and who reported it, which a long name does not push out of the cell. */
function nameOf(build: ShownBuild): string {
  const reporter = ` (${reporterOf(build)})`;
  return `${cut(withoutHidden(build.pipeline), TEXT_LIMIT - reporter.length)}${reporter}`;
}

/** A status that a job reports itself is marked, because the system's own events have rows too. */
export const reporterOf = ({ system, trustEntry }: BuildPart): string =>
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

export function stateOf({ build, ended, later, decisionWays }: ShownRow): string {
  const state = lozenge(lozengeOf(build));
  if (build.gate) return state + renderGate(build, build.gate, decisionWays);
  const reason = build.reason === undefined ? "" : `<br />${escapeStart(build.reason, REASON_LIMIT)}`;
  const last = ended ? `<br />last: ${lozenge(lozengeOf(ended))} ${runLink(ended)}` : "";
  const then = later ? `<br />then ${runLink(later)} ${lozengeOf(later).title}: ${timeOf(enteredAt(later))}` : "";
  return state + reason + (later ? last + then + silenceOf(later) : silenceOf(build) + last);
}

/** A time of day and not an age, because an age would have to be updated. */
const silenceOf = ({ lastReport }: ShownBuild): string =>
  lastReport?.isOverdue ? `<br />no report since ${timeOf(lastReport.at)}` : "";

const lozenge = ({ colour, title }: Lozenge): string => statusMacro(colour, title);

/**
 * UTF-16 code units of a text, and of an address, that a row shows: even if all are escaped, one row fits the region.
 */
export const TEXT_LIMIT = 200;
const REASON_LIMIT = 120;
export const TITLE_LIMIT = 80;
/** Enough to distinguish two people of one name. A whole id would make a narrow cell many lines high. */
const ACCOUNT_LIMIT = 16;
const ADDRESS_LIMIT = 500;
export const SHORT_ADDRESS_LIMIT = 200;
export const NOTHING = "-";
/** A SHA-1 or SHA-256 object name. People use its first eight digits. */
const FULL_HASH = /^([\da-f]{8})(?:[\da-f]{32}|[\da-f]{56})$/;

export function runOf(build: ShownBuild): string {
  const lasted = duration(build);
  return lasted === NOTHING ? runLink(build) : `${runLink(build)}<br />${lasted}`;
}

function runLink({ number, url }: Pick<BuildPart, "number" | "url">): string {
  if (number !== undefined) return linked(`#${number}`, url, ADDRESS_LIMIT);
  return isShort(url, ADDRESS_LIMIT) ? linked("open", url, ADDRESS_LIMIT) : NOTHING;
}

/** The commit, its title, and who wrote it. */
export function commitOf({ commit, commitUrl, title, author }: ShownBuild): string {
  if (commit === undefined) return title === undefined ? NOTHING : escapeStart(title, TITLE_LIMIT);
  const hash = linked(hashOf(commit), commitUrl, SHORT_ADDRESS_LIMIT);
  const words = title === undefined ? "" : ` ${escapeStart(title, TITLE_LIMIT)}`;
  const by = author === undefined ? "" : `<br /><small>${escapeStart(author, TITLE_LIMIT)}</small>`;
  return hash + words + by;
}

/** The first digits of a commit, escaped. */
export const hashOf = (commit: string): string => escapeStart(commit.replace(FULL_HASH, "$1"), TEXT_LIMIT);

/** The escaped text, as a link unless it is blank, or the address is unknown or too long. No editor keeps a blank link. */
export const linked = (escaped: string, url: string | undefined, limit: number): string =>
  isShort(url, limit) && escaped.trim() !== "" ? `<a href="${escapeText(url)}">${escaped}</a>` : escaped;

const isShort = (url: string | undefined, limit: number): url is string => url !== undefined && url.length <= limit;

/**
 * The name of a person, and below it what was proved: only the identity, and the name is what that identity claims.
 */
function startedBy(starter: Starter | undefined): string {
  if (!starter) return NOTHING;
  const { who, proof } = personOf(starter);
  return proof.startsWith("(") ? `${who} ${proof}` : `${who}<br /><small>${proof}</small>`;
}

/** The name of a person in quotation marks, or the identity without one, and what was proved of it. */
export function personOf(starter: Starter): { readonly who: string; readonly proof: string } {
  const identity = escapeStart(starter.identity, TEXT_LIMIT);
  const proof = proofOf(starter);
  const name = withoutQuotation(starter.name ?? "");
  if (name === "") return { who: identity, proof };
  const who = `“${escapeStart(name, TEXT_LIMIT)}”`;
  if (starter.account === undefined) return { who, proof: `named by ${identity} ${proof}` };
  return {
    who,
    proof: `account ${escapeStart(withoutQuotation(starter.account), ACCOUNT_LIMIT)} of ${identity} ${proof}`,
  };
}

/** A name that stays within its quotation marks. */
export const withoutQuotation = (name: string): string => name.replace(LOOKS_LIKE_MORE, "").trim();

/** A run's word about who caused it is not called verified, whoever vouches for the run. */
function proofOf({ claimedBy, unproved }: Starter): string {
  if (claimedBy !== undefined) return `(claimed by ${escapeStart(claimedBy, TITLE_LIMIT)})`;
  return unproved ? "(not verified)" : "(verified)";
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
export function timeOf(iso: string): string {
  const [, day, time] = ISO_MINUTE.exec(iso) ?? [];
  return day && time ? `<time datetime="${day}" /> ${time}\u00A0UTC` : NOTHING;
}

/** Events have their times in UTC, with `Z`. */
const ISO_MINUTE = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}).*Z$/;
