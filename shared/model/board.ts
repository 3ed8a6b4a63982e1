import type { ShownRun } from "./approval.ts";
import type { BuildPart, GatePart } from "./event.ts";
import type { LastReport } from "./recorded-delivery.ts";

/**
 * What a page shows of one pipeline on one branch, tag, change request or environment: its newest run, in the furthest
 * reported state.
 */
export interface BoardRow {
  /** Identifies the row: system, pipeline, and branch, tag, change request or environment, or what waits for an approval. */
  readonly key: string;
  readonly build: ShownBuild;
  /** The newest run with a result, as it ended; present if `build` has none, because it has not ended or was skipped. */
  readonly ended?: ShownBuild;
  /** The delivery that reported the state of `build`. */
  readonly delivery: string;
}

/** A row as an event reports it. */
export interface ReportedRow extends Omit<BoardRow, "ended"> {
  /**
   * What the row is for, as the events name it that report its end: a branch of a repository, a change request, an
   * environment. Undefined if no event could report that.
   */
  readonly place?: string;
}

/**
 * The newest reports that a place is gone, and that it is there again: a branch was deleted, a change request was merged
 * or closed, and reopened, an environment was stopped.
 */
export interface PlaceTimes {
  readonly goneAt?: string;
  readonly backAt?: string;
}

export interface ShownBuild extends BuildPart {
  /** When it entered this state, as its sender reported; else when the bridge received it. */
  readonly reportedAt?: string;
  /** Of a run whose reports stopped, or came again after that. */
  readonly lastReport?: LastReport;
  readonly environment?: string;
  readonly starter?: Starter;
  /** The commit's page, and the name of its author. */
  readonly commitUrl?: string;
  readonly author?: string;
  /** The page of the merge request or pull request. */
  readonly changeUrl?: string;
  /** The row is about an environment that does not have what could be promoted into it. */
  readonly isBehind?: true;
  /** The approval that the run waits or waited for. */
  readonly gate?: ShownGate;
  /** Present if the row is part of a record of releases. */
  readonly release?: ReleaseDeployment | ReleaseDecision;
}

/** A deployment in a record of releases: what is deployed, as the event that caused it reports. */
export interface ReleaseDeployment extends Pick<ShownRun, "commits" | "commitCount" | "diffUrl" | "title" | "url"> {
  readonly kind: "deployment";
  /** The names by which decisions refer to it. */
  readonly names: readonly string[];
}

/** A person's decision about a deployment. */
export interface ReleaseDecision {
  readonly kind: "decision";
  /** One of the deployment's names. */
  readonly about: string;
  readonly isGranted: boolean;
  readonly by: Starter;
  readonly comment?: string;
  /** The route of the bridge that waited for it. */
  readonly route?: string;
  readonly emergency?: true;
}

/** An approval as the page shows it. `labels`: a label on the page can decide it. */
export interface ShownGate extends Omit<GatePart, "requestedAt"> {
  readonly labels: boolean;
}

/** Who started a run. */
export interface Starter {
  readonly identity: string;
  /** Shadow mode accepted the delivery that caused the run, or the delivery that reported it. */
  readonly unproved?: true;
  /**
   * The identity that reported the run and claims that `identity` caused it; undefined if that is proved, or if it is the
   * same.
   */
  readonly claimedBy?: string;
  /** The name that this identity claimed for the person or thing behind it; not proved. */
  readonly name?: string;
  /** The account that this identity claimed, if `name` is the one that the site has for it. */
  readonly account?: string;
}

export interface PageAddress {
  readonly site: string;
  readonly id: string;
}
