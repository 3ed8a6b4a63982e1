import type { EpochMillis } from "../host/clock.ts";
import type { OriginProof } from "./event.ts";
import type { EventFacts } from "./event-facts.ts";
import type { Principal } from "./principal.ts";

/** `void`: somebody who granted it lost the role before it fired, or the rule that granted it no longer holds. */
export type ApprovalState =
  | "requested"
  | "granted"
  | "fired"
  | "denied"
  | "withdrawn"
  | "expired"
  | "superseded"
  | "void";

/** Who took a step. If many people use one source, `actor` is the account that the source reported. */
export interface Identity extends Principal {
  readonly actor?: string;
  /** The source that reported `actor`. Undefined in records of earlier releases, and for a replay. */
  readonly source?: string;
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

/** A newest change as it is stored. */
export interface KnownChange extends Change {
  /** Since when the newest mark is the newest one, if another mark was reported before it. */
  readonly replacedAt?: string;
}

/** A thing that can change, as its site names it. Undefined members are not reported by the sender. */
export type Subject =
  | { readonly kind: "page"; readonly site: string; readonly id: string; readonly isBlogPost?: true }
  /** `ref` is the full name of a branch or tag. */
  | { readonly kind: "code"; readonly project: string; readonly url: string | undefined; readonly ref: string }
  | {
      readonly kind: "change";
      readonly project: string;
      readonly url: string | undefined;
      readonly number: number;
      /** What the approval depends on, beside the commit: whether it is open, approved at the sender, or merged. */
      readonly must: "be_open" | "be_approved" | "be_merged";
    }
  | { readonly kind: "release"; readonly project: string; readonly url: string | undefined; readonly tag: string }
  | {
      readonly kind: "deployment";
      readonly project: string;
      readonly url: string | undefined;
      readonly environment: string;
    };

/** What a site answers about a {@link Subject}. */
export type CurrentState =
  /**
   * `mark`: its commit or version now. `since`: when the site says that this version was made; undefined for a commit,
   * which never changes. Confluence gives the number of a version to a later one if an earlier version is deleted.
   */
  | { readonly state: "found"; readonly mark: string; readonly since?: EpochMillis }
  /** It is gone, or what the approval depends on is no longer true. `why` is a clause. */
  | { readonly state: "ended"; readonly why: string }
  /** The site did not answer, or it cannot be asked about this. */
  | { readonly state: "unknown"; readonly why: string; readonly afterSeconds?: number };

/** The immutable reference that an approval is bound to. */
export interface Reference {
  readonly subject: Subject | undefined;
  /** The commit or version that the run gets; undefined if the sender reports none. */
  readonly value: string | undefined;
  /**
   * What the site must answer. It differs from `value` for a replay, which is about the present state of the page or the
   * branch. Undefined if the route names no target to ask.
   */
  readonly mark?: string;
}

/** What people see of a run that waits, as the event that caused it reports. Only claims of the sender: for people. */
export interface ShownRun {
  /** The name that the sender gives the account of the requester. */
  readonly requesterName?: string;
  /** The names that senders give the accounts of `authors`, by the id of the account. */
  readonly accountNames?: Readonly<Record<string, string>>;
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
  /** How far it is known that `cause` caused it; undefined if that is proved. */
  readonly causeProof?: Exclude<OriginProof, "proved">;
  /** What the event is about. Undefined in records of earlier releases: roles with a scope then do not have it. */
  readonly facts?: EventFacts;
  /** The subject of the event, for people. */
  readonly subject: string;
  readonly requester: Identity;
  /**
   * If the requester replayed something: everybody who caused or replayed it before. They may not approve either. Undefined
   * in records of earlier releases, and if there is nobody.
   */
  readonly authors?: readonly Identity[];
  /**
   * Every delivery that led to the run was proved, and so was that each caused the next. Undefined in records of earlier
   * releases. Without it no rule grants the run.
   */
  readonly allProved?: true;
  readonly shows?: ShownRun;
  readonly about?: Change;
  /** Further things whose change makes it void, such as the tag of a release; keys as in {@link Change}. */
  readonly alsoAbout?: readonly string[];
  /** Undefined in records of earlier releases, and if the event is about nothing that can change. */
  readonly reference?: Reference;
  /** Site and id of the page that the event, or its cause, is about. */
  readonly page?: { readonly site: string; readonly id: string };
  readonly requestedAt: EpochMillis;
  /** The approval can be granted before this time. */
  readonly until: EpochMillis;
  /** Roles that may approve it, shown to people. The configuration at the time of the decision is what counts. */
  readonly approvers: readonly string[];
  /** Rules may grant it, so people are asked only once none of them has. */
  readonly asksAfterRules?: true;
}

/** What a site answers about the groups of one of its accounts. */
export interface Membership {
  /** Those of the groups that were asked about that the account is in. */
  readonly groups: readonly string[];
  /** Present if the site did not say whether the account is in each of the others. `why` is a clause. */
  readonly unknown?: { readonly why: string; readonly afterSeconds?: number };
}

/** What a site answers about whether one of its accounts may edit one of its pages. */
export interface EditRight {
  readonly mayEdit: boolean;
  /** Present if the site did not say; then `mayEdit` is false. `why` is a clause. */
  readonly unknown?: { readonly why: string; readonly afterSeconds?: number };
}

/** The groups because of which a person has roles. */
export interface GroupProof {
  /** The source whose account it is. */
  readonly source: string;
  /** The target whose site was asked. */
  readonly target: string;
  /** Those that the account was in. */
  readonly groups: readonly string[];
  readonly askedAt: EpochMillis;
}

/** The rule that granted a run, and the digest of the configuration that had it; undefined if that is not known. */
export interface GrantingRule {
  readonly id: string;
  readonly configuration?: string;
}

export interface Decision {
  readonly by: Identity;
  readonly at: EpochMillis;
  /**
   * On a grant: the roles of the person that may approve this run. A role that is confined to something else is not one of
   * them. Undefined in records of earlier releases.
   */
  readonly as?: readonly string[];
  /** A grant that is enough alone, and outside the windows, by a person with an emergency role. `as` has these roles. */
  readonly emergency?: true;
  /** On a grant by a rule of the route, which is enough alone. `by` is then no person. */
  readonly rule?: GrantingRule;
  readonly comment?: string;
  /** On a grant: the target whose site was asked; undefined if only the newest event was compared. */
  readonly verifiedWith?: string;
  /** On a grant by a person who has the roles because of groups: they are asked for again before the run fires. */
  readonly fromGroups?: GroupProof;
}

export interface Approval extends RequestedApproval {
  readonly state: ApprovalState;
  /** All grants, the first one first, emergency grants among them. A withdrawal ends the approval with all of its grants. */
  readonly grants: readonly Decision[];
  /** The last step that a person took, except a grant after which further people have to grant. */
  readonly decision?: Decision;
  /** The request was published, if it {@link RequestedApproval.asksAfterRules}. */
  readonly asked?: true;
  /** Reminders that were recorded while nobody decided. */
  readonly reminded?: number;
  /** When the route fired, or when time or a change ended the approval. */
  readonly endedAt?: EpochMillis;
  /** `superseded`, `void`: what has changed, as a clause. Undefined in records of earlier releases. */
  readonly endedFor?: string;
}
