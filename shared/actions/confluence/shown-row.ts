import type { BoardRow, ShownBuild } from "../../model/board.ts";
import type { Pace } from "./pace.ts";

/** How a target's settings change what is shown. */
export type Look = Pick<Pace, "onlyChanges">;

/** A row as it is shown: one run, and beside it another one. */
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
export function shownRow({ key, build, ended }: BoardRow, { onlyChanges }: Look): ShownRow {
  if (!ended) return { key, build };
  return onlyChanges && build.state !== "waiting" ? { key, build: ended, later: build } : { key, build, ended };
}

/** The latest time that is known of a run; empty if none is. */
export const latestOf = ({ createdAt = "", startedAt = "", finishedAt = "", reportedAt = "" }: ShownBuild): string =>
  [createdAt, startedAt, finishedAt, reportedAt].sort().at(-1) ?? "";

/** When the run entered its state. */
export const enteredAt = ({ createdAt, startedAt, finishedAt, reportedAt }: ShownBuild): string =>
  finishedAt ?? reportedAt ?? startedAt ?? createdAt ?? "";
