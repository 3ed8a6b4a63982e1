import { shownCauseOf } from "../../approvals/shown-run.ts";
import type { BoardRow, ReleaseDecision, ReportedRow, Starter } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import type { Board, BoardStore } from "../../store/boards.ts";
import { rowOf, starterOf } from "./board-row.ts";
import { boundedKey } from "./bounded-key.ts";
import type { EventAndOrigin } from "./row-place.ts";
import { latestOf } from "./shown-row.ts";

/** What a page shows: the newest state of each pipeline and place, or a record of the last deployments. */
export type Layout = "board" | "releases";

/** The rows of a page that belong to a layout. A page whose target got another layout has rows of both. */
export async function readLayout(
  page: Parameters<BoardStore["read"]>[0],
  { boards, layout }: { readonly boards: Pick<BoardStore, "read">; readonly layout: Layout },
): Promise<Board> {
  const isOfLayout = ({ build }: BoardRow): boolean => (build.release !== undefined) === (layout === "releases");
  const { rows, gone, ...board } = await boards.read(page);
  return { ...board, rows: rows.filter(isOfLayout), gone: gone.filter(isOfLayout) };
}

/**
 * Returns the row that an event adds to a record of releases: one for each deployment, and for each run whose results name
 * an environment, and one for each person's decision about it. Undefined for other events.
 */
export function releaseRowOf(context: EventAndOrigin): ReportedRow | undefined {
  const { detail } = context.busEvent;
  if ("approval" in detail) return decisionRowOf(context);
  const environment = "build" in detail ? detail.build.results?.["environment"] : undefined;
  const row = rowOf(context);
  if (!row || (row.build.environment ?? environment) === undefined) return undefined;
  const { title, url, commits, commitCount, diffUrl } = shownCauseOf(context.origin);
  const build = {
    ...row.build,
    ...(environment !== undefined && { environment: cut(environment, 100) }),
    release: {
      kind: "deployment" as const,
      names: [nameOfDeployment(detail.source, row.build.id), nameOfCause(context)],
      ...(commits && { commits: commits.slice(0, MAX_COMMITS) }),
      ...(commitCount !== undefined && { commitCount }),
      ...(commits && diffUrl !== undefined && { diffUrl }),
      ...(title !== undefined && { title }),
      ...(url !== undefined && { url }),
    },
  };
  // A record of what was deployed stays, also if its environment is stopped: it has no place.
  return { key: boundedKey(`${row.key} to ${build.environment} release ${build.id}`), build, delivery: row.delivery };
}

const MAX_COMMITS = 3;

/** The rows of a record that are too many, oldest first: no page has room for them. */
export const oldReleases = (rows: readonly BoardRow[]): readonly BoardRow[] =>
  rows
    .toSorted((one, other) => (latestOf(one.build) < latestOf(other.build) ? -1 : 1))
    .slice(0, Math.max(0, rows.length - MAX_ROWS))
    .slice(0, MAX_WITHDRAWN);

const MAX_ROWS = 150;
/** At once. */
const MAX_WITHDRAWN = 10;

const nameOfDeployment = (source: string, id: string): string => `deployment ${source} ${id}`;
/** The bridge traces a run, and what it waited for, back to one delivery. */
const nameOfCause = ({ origin }: EventAndOrigin): string => `cause ${origin.detail.delivery}`;

function decisionRowOf(context: EventAndOrigin): ReportedRow | undefined {
  const { detail } = context.busEvent;
  const decision = decisionOf(context);
  if (!("approval" in detail) || !decision) return undefined;
  const { system, build: id, pipeline } = detail.approval;
  const { source, delivery, time } = detail;
  const state = decision.isGranted ? "succeeded" : "failed";
  const who = JSON.stringify([decision.by.name, decision.by.identity]);
  return {
    key: boundedKey(`${source} decision ${id} ${state} ${who}`),
    build: { system, id: `${id} ${who}`, pipeline, state, finishedAt: time, reportedAt: time, release: decision },
    delivery,
  };
}

function decisionOf(context: EventAndOrigin): ReleaseDecision | undefined {
  const { detail } = context.busEvent;
  if (!("approval" in detail) || detail.type === "approval.requested") return undefined;
  const { gate, build, environment, pipeline } = detail.approval;
  const isGranted = detail.type === "approval.granted";
  if (gate) {
    if (gate.by === undefined || (gate.state !== "granted" && gate.state !== "denied")) return undefined;
    return {
      kind: "decision",
      about: nameOfCause(context),
      isGranted,
      by: { identity: gate.by },
      ...(gate.comment !== undefined && { comment: cut(gate.comment, 200) }),
      route: pipeline,
      ...(gate.emergency && { emergency: gate.emergency }),
    };
  }
  if (environment === undefined) return undefined;
  return { kind: "decision", about: nameOfDeployment(detail.source, build), isGranted, by: approverOf(context) };
}

/** The sender of the event names the approver, whatever caused it. */
const approverOf = ({ busEvent }: EventAndOrigin): Starter =>
  starterOf({ busEvent, origin: busEvent, originProof: "proved" });
