import type { EpochMillis } from "../host/clock.ts";
import type { Principal } from "./principal.ts";

export type ApprovalState = "requested" | "granted" | "fired" | "denied" | "withdrawn" | "expired" | "superseded";

/** Who took a step. Where many people stand behind one source, `actor` says which: an account there, as the source tells. */
export interface Identity extends Principal {
  readonly actor?: string;
}

/** What an approval is about: it is void when that has changed since. */
export interface Change {
  /** The page, the branch or the merge request. */
  readonly key: string;
  /** When it changed, as its sender tells: ISO 8601 with `Z`, so that texts compare as times. */
  readonly at: string;
  /** The version or the commit that it then had; absent where the sender tells none. */
  readonly mark?: string;
}

/** One run of a route that waits to be let through. Its id comes from (route, event key). */
export interface RequestedApproval {
  readonly id: string;
  readonly route: string;
  /** The action that waits. */
  readonly action: string;
  /** The delivery whose event is to fire the route. */
  readonly delivery: string;
  /** What that was traced back to: the delivery of the page edit behind a build. Absent where nothing is behind it. */
  readonly cause?: string;
  /** What it happened to, for people. */
  readonly subject: string;
  readonly requester: Identity;
  readonly about?: Change;
  /** Site and id of the page whose event it is, or caused it. */
  readonly page?: { readonly site: string; readonly id: string };
  readonly requestedAt: EpochMillis;
  /** It can be granted before this. */
  readonly until: EpochMillis;
  /** Roles that may approve it, for people: what counts is the configuration at the time. */
  readonly approvers: readonly string[];
}

export interface Decision {
  readonly by: Identity;
  readonly at: EpochMillis;
  readonly comment?: string;
}

export interface Approval extends RequestedApproval {
  readonly state: ApprovalState;
  /** Of the last step that somebody took. */
  readonly decision?: Decision;
  /** When it was fired, or time or a change ended it. */
  readonly endedAt?: EpochMillis;
}
