import type { BuildPart, GatePart } from "./event.ts";

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

export interface ShownBuild extends BuildPart {
  /** When it entered this state, as its sender reported; else when the bridge received it. */
  readonly reportedAt?: string;
  readonly environment?: string;
  readonly starter?: Starter;
  /** The commit's page, and the name of its author. */
  readonly commitUrl?: string;
  readonly author?: string;
  /** The page of the merge request or pull request. */
  readonly changeUrl?: string;
  /** The approval that the run waits or waited for. */
  readonly gate?: ShownGate;
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
  /** The name that this identity claimed for the person or thing behind it; not proved. */
  readonly name?: string;
}

export interface PageAddress {
  readonly site: string;
  readonly id: string;
}
