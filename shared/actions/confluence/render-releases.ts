import type { BoardRow, ReleaseDecision, ReleaseDeployment, ShownBuild, Starter } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import { linkTo } from "../link-hosts.ts";
import { rankOf } from "./lozenge.ts";
import type { Layout } from "./release-row.ts";
import {
  cellsOfRefused,
  commitOf,
  hashOf,
  linked,
  MAX_OPEN_ROWS,
  NOTHING,
  personOf,
  renderRegion,
  renderTable,
  reporterOf,
  rowWith,
  runOf,
  SHORT_ADDRESS_LIMIT,
  stateOf,
  TEXT_LIMIT,
  TITLE_LIMIT,
  timeOf,
} from "./render-region.ts";
import { enteredAt, type Look, lozengeOfRow, type ShownRow, shownRow } from "./shown-row.ts";
import { escapeStart } from "./storage-text.ts";

/** Renders the rows of a layout, see {@link readLayout}. */
export const renderLayout = (rows: readonly BoardRow[], look: Look, layout: Layout): string =>
  layout === "releases" ? renderReleases(rows, look) : renderRegion(rows, look);

/** A deployment with what other rows say about it. */
interface ShownRelease extends ShownRow {
  readonly decisions: readonly ReleaseDecision[];
  /** The deployment that it replaced: the last one before it in its environment that succeeded. */
  readonly before: ShownBuild | undefined;
}

/**
 * Renders a record of releases in storage format: one table row for each deployment, newest first, with the same bounds as
 * a board.
 */
function renderReleases(rows: readonly BoardRow[], look: Look): string {
  const shown = rows.map((row) => shownRow(row, look));
  const decisions = shown.flatMap(({ build: { release } }) => (release?.kind === "decision" ? release : []));
  const deployments = newestFirst(shown.filter(({ build }) => build.release?.kind === "deployment"));
  const releases = deployments.map((row, at): ShownRelease => {
    const names = row.build.release?.kind === "deployment" ? row.build.release.names : [];
    return {
      ...row,
      decisions: decisions.filter(({ about }) => names.includes(about)),
      before: deployments.slice(at + 1).find((one) => isReplacedBy(row, one))?.build,
    };
  });
  const byRow = new Map<ShownRow, ShownRelease>(releases.map((one) => [one, one]));
  return renderTable(releases, look, {
    heading: "Releases",
    columns: COLUMNS,
    inOrder: newestFirst,
    isOpen: (_, at) => at < MAX_OPEN_ROWS,
    render: (row) => cellsOf(byRow.get(row), look),
  });
}

const newestFirst = <T extends ShownRow>(rows: readonly T[]): readonly T[] =>
  rows.toSorted(
    (one, other) =>
      compare(enteredAt(other.build), enteredAt(one.build)) ||
      rankOf(lozengeOfRow(one)) - rankOf(lozengeOfRow(other)) ||
      compare(one.key, other.key),
  );

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

const isReplacedBy = ({ build: newer }: ShownRow, { build, refusedStatus }: ShownRow): boolean =>
  build.state === "succeeded" &&
  refusedStatus === undefined &&
  build.system === newer.system &&
  build.pipeline === newer.pipeline &&
  build.environment === newer.environment;

/**
 * The state is the second column, because a phone shows only the first two, so the first one names the environment. Few
 * columns leave room for titles and words.
 */
const COLUMNS = ["Pipeline", "State", "Run", "Commits", "Who", "Before", "As of"];

function cellsOf(row: ShownRelease | undefined, look: Look): string {
  if (!row) return "";
  const { build, refusedStatus } = row;
  const { system, id, state, environment } = build;
  const pipeline = environment === undefined ? build.pipeline : `${build.pipeline} to ${environment}`;
  if (refusedStatus !== undefined) return cellsOfRefused({ system, id, state, pipeline }, refusedStatus, COLUMNS);
  return rowWith([
    escapeStart(`${pipeline} (${reporterOf(build)})`, TEXT_LIMIT),
    stateOf(row),
    runOf(build),
    commitsOf(build, look),
    [...decisionsOf(row.decisions), ...startedBy(build.starter)].join("<br />") || NOTHING,
    row.before ? linked(versionOf(row.before), row.before.commitUrl, SHORT_ADDRESS_LIMIT) : NOTHING,
    timeOf(enteredAt(build)),
  ]);
}

/**
 * The number of commits with a link to all of them, and the title of the newest; without such a link the newest titles.
 * Else the commit, as on a board.
 */
function commitsOf(build: ShownBuild, { linkHosts }: Look): string {
  const { release } = build;
  if (release?.kind !== "deployment") return NOTHING;
  const cause = causeOf(release, linkHosts);
  if (release.commits === undefined || release.commitCount === undefined) return commitOf(build) + cause;
  const count = `${release.commitCount} ${release.commitCount === 1 ? "commit" : "commits"}`;
  const diff = linkTo(release.diffUrl, linkHosts);
  const titles = release.commits.slice(0, diff === undefined ? undefined : 1).map(({ id, title, url }) => {
    const hash = linked(hashOf(cut(id, MAX_HASH)), linkTo(url, linkHosts), SHORT_ADDRESS_LIMIT);
    return `<br /><small>${hash} ${escapeStart(title, TITLE_LIMIT)}</small>`;
  });
  return linked(count, diff, SHORT_ADDRESS_LIMIT) + titles.join("") + cause;
}

/** The length of a SHA-256 object name. */
const MAX_HASH = 64;

/** The change request or the page that caused it. */
function causeOf({ title, url }: ReleaseDeployment, hosts: Look["linkHosts"]): string {
  if (title === undefined) return "";
  return `<br /><small>${linked(escapeStart(title, TITLE_LIMIT), linkTo(url, hosts), SHORT_ADDRESS_LIMIT)}</small>`;
}

/** Of more decisions than a row has room for, the first are shown. */
const MAX_DECISIONS = 3;
const COMMENT_LIMIT = 120;

function decisionsOf(decisions: readonly ReleaseDecision[]): readonly string[] {
  const shown = decisions.slice(0, MAX_DECISIONS).map(decisionOf);
  const more = decisions.length - shown.length;
  return more > 0 ? [...shown, `<small>and ${more} more</small>`] : shown;
}

/** The person and the words first, and what was proved in small print. */
function decisionOf({ isGranted, by, comment, route, emergency }: ReleaseDecision): string {
  const { who, proof } = personOf(by);
  const said = comment ? `<br />“${escapeStart(comment, COMMENT_LIMIT)}”` : "";
  const of = route === undefined ? "" : ` for ${escapeStart(route, TITLE_LIMIT)}`;
  const granted = emergency ? "emergency, granted by" : "approved by";
  return `${isGranted ? granted : "denied by"} ${who}${said}<br /><small>${proof}${of}</small>`;
}

function startedBy(starter: Starter | undefined): readonly string[] {
  if (!starter) return [];
  const { who, proof } = personOf(starter);
  return [`<small>started by ${who} ${proof}</small>`];
}

const versionOf = ({ commit, tag, number, id }: ShownBuild): string =>
  commit === undefined ? escapeStart(tag ?? `#${number ?? id}`, TITLE_LIMIT) : hashOf(commit);
