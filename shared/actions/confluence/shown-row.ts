import type { BoardRow, ShownBuild } from "../../model/board.ts";
import type { DecisionWays } from "../action.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";
import { type Lozenge, lozengeOf, NOT_SHOWN } from "./lozenge.ts";
import type { Pace } from "./pace.ts";

/** How a target's settings change what is shown. */
export interface Look extends Pick<Pace, "onlyChanges"> {
  readonly linkHosts?: LinkHosts | undefined;
  readonly refusedWith?: RefusedWith | undefined;
  /** All rows are in sight, because the product's editor has no expand macro inside a region. */
  readonly isFlat?: boolean;
  readonly decisionWays?: DecisionWays;
}

/** The status with which the site refused the page with this row; undefined if the row is shown. */
export type RefusedWith = (row: BoardRow) => number | undefined;

/** A row as it is shown: one run, and beside it another one. Each URL may be a link. */
export interface ShownRow {
  readonly key: string;
  readonly build: ShownBuild;
  /** The last run with a result, if `build` has none. */
  readonly ended?: ShownBuild;
  /** A later run without a result, if `build` has one. */
  readonly later?: ShownBuild;
  /** How people can decide about the approval that `build` waits for. */
  readonly decisionWays: DecisionWays;
  /** The page only names the row, because the site refused it with this status. */
  readonly refusedStatus?: number;
}

/**
 * With `onlyChanges` a page may stay as it is for days, so it shows what stays true: the last result, and since when
 * another run is under way. Without a result the newest run is shown, because its end causes a version, as the end of
 * waiting does.
 */
export function shownRow(
  row: BoardRow,
  { onlyChanges, linkHosts, refusedWith, decisionWays = NO_WAYS }: Look,
): ShownRow {
  const { key } = row;
  const refusedStatus = refusedWith?.(row);
  if (refusedStatus !== undefined) return { key, build: row.build, refusedStatus, decisionWays };
  const build = withLinks(row.build, linkHosts);
  const ended = row.ended && withLinks(row.ended, linkHosts);
  if (!ended) return { key, build, decisionWays };
  return onlyChanges && build.state !== "waiting"
    ? { key, build: ended, later: build, decisionWays }
    : { key, build, ended, decisionWays };
}

const NO_WAYS: DecisionWays = { comments: false };

/** The state that the page shows of a row. */
export const lozengeOfRow = ({ build, refusedStatus }: ShownRow): Lozenge =>
  refusedStatus === undefined ? lozengeOf(build) : NOT_SHOWN;

/** Without the URLs to which the page must not link. */
function withLinks({ url, commitUrl, changeUrl, ...build }: ShownBuild, linkHosts: LinkHosts): ShownBuild {
  const links = Object.entries({ url, commitUrl, changeUrl }).flatMap(([name, address]) => {
    const link = linkTo(address, linkHosts);
    return link === undefined ? [] : [[name, link]];
  });
  return { ...build, ...Object.fromEntries(links) };
}

/** The latest time that is known of a run; empty if none is. */
export const latestOf = ({ createdAt = "", startedAt = "", finishedAt = "", reportedAt = "" }: ShownBuild): string =>
  [createdAt, startedAt, finishedAt, reportedAt].sort().at(-1) ?? "";

/** When the run entered its state. */
export const enteredAt = ({ createdAt, startedAt, finishedAt, reportedAt }: ShownBuild): string =>
  finishedAt ?? reportedAt ?? startedAt ?? createdAt ?? "";
