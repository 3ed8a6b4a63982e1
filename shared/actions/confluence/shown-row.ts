import type { BoardRow, ShownBuild } from "../../model/board.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";
import type { Pace } from "./pace.ts";

/** How a target's settings change what is shown. */
export interface Look extends Pick<Pace, "onlyChanges"> {
  readonly linkHosts?: LinkHosts | undefined;
}

/** A row as it is shown: one run, and beside it another one. Each URL may be a link. */
export interface ShownRow {
  readonly key: string;
  readonly build: ShownBuild;
  /** The last run with a result, if `build` has none. */
  readonly ended?: ShownBuild;
  /** A later run without a result, if `build` has one. */
  readonly later?: ShownBuild;
}

/**
 * With `onlyChanges` a page may stay as it is for days, so it shows what stays true: the last result, and since when
 * another run is under way. Without a result the newest run is shown, because its end causes a version, as the end of
 * waiting does.
 */
export function shownRow(row: BoardRow, { onlyChanges, linkHosts }: Look): ShownRow {
  const { key } = row;
  const build = withLinks(row.build, linkHosts);
  const ended = row.ended && withLinks(row.ended, linkHosts);
  if (!ended) return { key, build };
  return onlyChanges && build.state !== "waiting" ? { key, build: ended, later: build } : { key, build, ended };
}

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
