import type { BuildPart, GatePart } from "./event.ts";

/** What a page shows of one pipeline on one branch or environment: its newest run, in the furthest state told of it. */
export interface BoardRow {
  /** System, pipeline, and branch or environment, or what waits for an approval: one row for each. */
  readonly key: string;
  readonly build: ShownBuild;
  /** The newest run that has ended, while `build` has not. */
  readonly ended?: EndedRun;
  /** The delivery that told the state of `build`. */
  readonly delivery: string;
}

export interface ShownBuild extends BuildPart {
  /** When it came into this state, as its sender tells; else when it was received. */
  readonly reportedAt?: string;
  readonly environment?: string;
  readonly starter?: Starter;
  /** Of a run that waits for an approval, or waited: what became of that. */
  readonly gate?: ShownGate;
}

/** `labels`: it can be decided by a label on the page. */
export interface ShownGate extends Omit<GatePart, "requestedAt"> {
  readonly labels: boolean;
}

/** Who a run was started by. */
export interface Starter {
  readonly identity: string;
  /** Shadow mode let in the delivery that caused the run, or the one that tells of it. */
  readonly unproved?: true;
  /** What that identity calls the person or thing behind it: its word alone, and no part of what was proved. */
  readonly name?: string;
}

export type EndedRun = Pick<BuildPart, "state" | "number" | "url">;

export interface PageAddress {
  readonly site: string;
  readonly id: string;
}
