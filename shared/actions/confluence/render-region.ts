import type { BoardRow, ShownBuild, Starter } from "../../model/board.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";
import type { Pace } from "./pace.ts";
import { renderGate } from "./render-gate.ts";
import { statusMacro } from "./status-macro.ts";
import { escapeText } from "./storage-text.ts";

/** Large pages fail to load and to save, and the region is only one part of someone's page. */
export const MAX_REGION_BYTES = 16_384;

/** How a target's settings change what is shown. */
type Look = Pick<Pace, "onlyChanges">;
const EVERY_STATE: Look = { onlyChanges: false };

export const isFailure = (state: BuildState): boolean => state === "failed" || state === "timed_out";

/**
 * Renders the region's content in storage format: one table row for each row of the board. The same rows give the same
 * text at any time. If it would exceed {@link MAX_REGION_BYTES}, the rows whose last event is oldest are left out and
 * counted.
 */
export function renderRegion(rows: readonly BoardRow[], look: Look = EVERY_STATE): string {
  const oldestFirst = rows.toSorted((one, other) => compare(latestOf(one.build), latestOf(other.build)));
  const texts = new Map(rows.map((row) => [row, renderRow(row, look)]));
  const kept = new Set(rows);
  const bytes = (text: string): number => Buffer.byteLength(text);
  let total = bytes(frame("", rows.length)) + [...texts.values()].reduce((sum, text) => sum + bytes(text), 0);
  for (const row of oldestFirst) {
    if (total <= MAX_REGION_BYTES) break;
    kept.delete(row);
    total -= bytes(texts.get(row) ?? "");
  }
  const shown = [...kept].map((row) => texts.get(row) ?? "").join("");
  return frame(shown, rows.length - kept.size);
}

/** The latest time that is known of a run. */
const latestOf = ({ createdAt = "", startedAt = "", finishedAt = "", reportedAt = "" }: ShownBuild): string =>
  [createdAt, startedAt, finishedAt, reportedAt].sort().at(-1) ?? "";

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

/**
 * The heading is bold text: Cloud's editor drops the titles of panels, and a real heading would be part of the outline.
 */
function frame(rows: string, leftOut: number): string {
  const head = `<tr>${COLUMNS.map((column) => `<th>${column}</th>`).join("")}</tr>`;
  const more = leftOut === 0 ? "" : `<p>Rows left out to keep this page small, oldest first: ${leftOut}.</p>`;
  return `${HEADING}<table><tbody>${head}${rows}</tbody></table>${more}`;
}

const HEADING = "<p><strong>Build status</strong></p>";
/** The start of every region, also of earlier releases: a text that contains it was written by a bridge. */
export const OPENING = `${HEADING}<table><tbody><tr><th>Pipeline</th>`;

/** The state is the second column, because a phone shows only the first two. */
const COLUMNS = ["Pipeline", "State", "For", "Run", "Commit", "Started by", "Duration", "As of"];

/**
 * Renders one table row. Links are plain, so nothing here mentions a person in a way that makes Confluence notify them.
 */
export function renderRow(row: BoardRow, { onlyChanges }: Look = EVERY_STATE): string {
  const { build, state } = onlyChanges ? lastingStateOf(row) : { build: row.build, state: stateOf(row) };
  const cells = [
    text(`${build.pipeline} (${reporterOf(build)})`, TEXT_LIMIT),
    state,
    text(placeOf(build), TEXT_LIMIT),
    runLink(build),
    text(build.commit?.replace(FULL_HASH, "$1") ?? NOTHING, TEXT_LIMIT),
    startedBy(build.starter),
    duration(build),
    asOf(build),
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

/** A status that a job reports itself is marked, because the system's own events have rows too. */
const reporterOf = ({ system, trustEntry }: BuildPart): string =>
  trustEntry === undefined ? system : `${system}, reported by ${trustEntry}`;

/** What the run is for. Only a branch is named alone: no name of a branch contains a blank. */
function placeOf({ environment, branch, tag, change }: ShownBuild): string {
  if (environment !== undefined) return environment;
  if (change !== undefined) {
    const { id = `from ${change.sourceBranch ?? "an unknown branch"}`, fork } = change;
    return `change ${id}${fork ? ", fork" : ""}`;
  }
  return tag === undefined ? (branch ?? NOTHING) : `tag ${tag}`;
}

/**
 * With `onlyChanges` a page may stay as it is for days, so it shows what stays true: the last result, and since when
 * another run goes on. Without a result the newest run is shown, because its end causes a version.
 */
function lastingStateOf(row: BoardRow): { readonly build: ShownBuild; readonly state: string } {
  const { build, ended } = row;
  if (!ended || build.state === "waiting") return { build, state: stateOf(row) };
  const { title } = LOZENGES[build.state];
  return { build: ended, state: `${lozenge(ended.state)}<br />then ${runLink(build)} ${title}: ${asOf(build)}` };
}

function stateOf({ build, ended }: BoardRow): string {
  if (build.gate) return renderGate(build, build.gate);
  return ended ? `${lozenge(build.state)}<br />last: ${lozenge(ended.state)} ${runLink(ended)}` : lozenge(build.state);
}

/**
 * UTF-16 code units of a text, and of an address, that a row shows: even if all are escaped, one row fits the region.
 */
const TEXT_LIMIT = 200;
const ADDRESS_LIMIT = 600;
const NOTHING = "-";
/** A SHA-1 or SHA-256 object name. People use its first eight digits. */
const FULL_HASH = /^([\da-f]{8})(?:[\da-f]{32}|[\da-f]{56})$/;

const text = (value: string, limit: number): string => escapeText(cut(value, limit));

function lozenge(state: BuildState): string {
  const { colour, title } = LOZENGES[state];
  return statusMacro(colour, title);
}

const LOZENGES: Readonly<Record<BuildState, { readonly colour: string; readonly title: string }>> = {
  queued: { colour: "Grey", title: "QUEUED" },
  running: { colour: "Blue", title: "RUNNING" },
  waiting: { colour: "Yellow", title: "WAITING" },
  succeeded: { colour: "Green", title: "PASSED" },
  failed: { colour: "Red", title: "FAILED" },
  cancelled: { colour: "Grey", title: "CANCELLED" },
  timed_out: { colour: "Red", title: "TIMED OUT" },
  skipped: { colour: "Grey", title: "SKIPPED" },
};

function runLink({ number, url }: Pick<BuildPart, "number" | "url">): string {
  const address = webAddress(url);
  if (address === undefined) return number === undefined ? NOTHING : `#${number}`;
  return `<a href="${escapeText(address)}">${number === undefined ? "open" : `#${number}`}</a>`;
}

/**
 * The address as the URL parser writes it, without white space or quotes; undefined unless the scheme is http or https.
 */
function webAddress(url = ""): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return undefined;
  return parsed.href.length <= ADDRESS_LIMIT ? parsed.href : undefined;
}

/** Only the identity was proved. The name is what it claims, and is shown as a quotation. */
function startedBy(starter: Starter | undefined): string {
  if (!starter) return NOTHING;
  const identity = `${text(starter.identity, TEXT_LIMIT)} (${starter.unproved ? "not verified" : "verified"})`;
  const name = (starter.name ?? "").replace(LOOKS_LIKE_MORE, "").trim();
  return name === "" ? identity : `${identity}, which names “${text(name, TEXT_LIMIT)}”`;
}

/** Characters that could end the quotation, imitate "(verified)", or reverse the direction of the text. */
const LOOKS_LIKE_MORE = /[\p{Ps}\p{Pe}\p{C}"“”‟«»＂]/gu;

function duration({ startedAt, finishedAt }: BuildPart): string {
  const seconds = Math.floor((Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")) / 1000);
  if (!(seconds >= 0)) return NOTHING;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** When the run entered its state: a time of day, because an age would have to be updated. */
function asOf({ createdAt, startedAt, finishedAt, reportedAt }: ShownBuild): string {
  const [, day, time] = ISO_MINUTE.exec(finishedAt ?? reportedAt ?? startedAt ?? createdAt ?? "") ?? [];
  return day && time ? `<time datetime="${day}" /> ${time} UTC` : NOTHING;
}

/** Events have their times in UTC, with `Z`. */
const ISO_MINUTE = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}).*Z$/;
