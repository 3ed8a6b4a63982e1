import type { EpochMillis } from "../host/clock.ts";
import type { Principal } from "./principal.ts";

export type ApprovalState = "requested" | "granted" | "fired" | "denied" | "withdrawn" | "expired" | "superseded";

/** Who took a step. If many people use one source, `actor` is the account that the source reported. */
export interface Identity extends Principal {
  readonly actor?: string;
}

/** What an approval is about. The approval is void if that has changed since. */
export interface Change {
  /** Identifies the page, the branch or the merge request. */
  readonly key: string;
  /** When it changed, as its sender reported: ISO 8601 with `Z`, so that texts compare as times. */
  readonly at: string;
  /** The version or the commit at that time; undefined if the sender reported none. */
  readonly mark?: string;
}

/** What people see of a run that waits, as the event that caused it reports. Only claims of the sender: for people. */
export interface ShownRun {
  /** The name that the sender gives the account of the requester. */
  readonly requesterName?: string;
  /** Newest first, not all of them. */
  readonly commits?: readonly {
    readonly id: string;
    readonly title: string;
    readonly url?: string;
    readonly author?: string;
  }[];
  /** The number of all commits. */
  readonly commitCount?: number;
  /** The difference to the code before. */
  readonly diffUrl?: string;
  /** Title, address and author of the change request or the page. */
  readonly title?: string;
  readonly url?: string;
  readonly author?: string;
  /** The values that the action is given. */
  readonly params?: Readonly<Record<string, string>>;
}

/** One run of a route that waits for an approval. Its id is derived from (route, event key). */
export interface RequestedApproval {
  readonly id: string;
  readonly route: string;
  /** The action that waits. */
  readonly action: string;
  /** The delivery whose event fires the route. */
  readonly delivery: string;
  /** The id of the published event, if it is not the first event of the delivery. */
  readonly event?: string;
  /** The delivery that caused it, such as the page edit that started a build. Undefined if none is known. */
  readonly cause?: string;
  /** The subject of the event, for people. */
  readonly subject: string;
  readonly requester: Identity;
  readonly shows?: ShownRun;
  readonly about?: Change;
  /** Site and id of the page that the event, or its cause, is about. */
  readonly page?: { readonly site: string; readonly id: string };
  readonly requestedAt: EpochMillis;
  /** The approval can be granted before this time. */
  readonly until: EpochMillis;
  /** Roles that may approve it, shown to people. The configuration at the time of the decision is what counts. */
  readonly approvers: readonly string[];
}

export interface Decision {
  readonly by: Identity;
  readonly at: EpochMillis;
  readonly comment?: string;
}

export interface Approval extends RequestedApproval {
  readonly state: ApprovalState;
  /** The last step that a person took. */
  readonly decision?: Decision;
  /** When the route fired, or when time or a change ended the approval. */
  readonly endedAt?: EpochMillis;
}
