/**
 * The meaning of a delivery, in the same form for every sender. An event is small on purpose: only what routes, actions
 * and people use, never a whole payload, never a secret, no e-mail address. Texts are cut to the limits below.
 */
export type BridgeEvent =
  | PageEvent
  | CommentEvent
  | CodeEvent
  | ChangeEvent
  | BuildEvent
  | JobEvent
  | DeploymentEvent
  | ReleaseEvent
  | ApprovalEvent;

/** What one delivery reports, in the sender's order: usually one event. Each is published and acted on by itself. */
export type BridgeEvents = readonly [BridgeEvent, ...BridgeEvent[]];

export const BUILD_STATES = [
  "queued",
  "running",
  "waiting",
  "succeeded",
  "failed",
  "cancelled",
  "timed_out",
  "skipped",
] as const;
const FAMILIES = {
  page: ["created", "updated", "moved", "trashed", "restored", "labeled", "unlabeled", "commented"],
  code: ["pushed", "tagged"],
  change: ["opened", "updated", "approved", "merged", "closed", "commented"],
  build: BUILD_STATES,
  job: BUILD_STATES,
  deployment: BUILD_STATES,
  release: ["published"],
  approval: ["requested", "granted", "denied"],
} as const;

type TypeOf<Family> = Family extends keyof typeof FAMILIES ? `${Family}.${(typeof FAMILIES)[Family][number]}` : never;
export type EventType = TypeOf<keyof typeof FAMILIES>;

/** Every type that the bridge publishes. */
export const EVENT_TYPES: readonly EventType[] = Object.entries(FAMILIES).flatMap(([family, states]) =>
  // Only keys and states of the table above.
  states.map((state) => `${family}.${state}` as EventType),
);

interface EventOf<Type extends string> {
  readonly type: Type;
  /**
   * The ordered values that make two reports the same event: the input of its idempotency key. {@link eventKeyOf} adds
   * the name of the source, so events of two sources never have the same key.
   */
  readonly keyParts: readonly string[];
  /** When the event occurred, as the sender reported: ISO 8601 with `Z`. */
  readonly time: string;
  /**
   * Present if the sender reports no instant of the event, so that the same event can occur again later with the same
   * key. `time` is then the time of receipt, and two reports are one event only if they are received within
   * {@link REPEAT_MS}.
   */
  readonly undated?: true;
  /** The thing that the event is about, for people: a page id, a project path, the name of a run. */
  readonly subject: string;
  /** Who caused the event, as reported in the authenticated body. Undefined if the sender does not report it. */
  readonly actor?: Actor;
}

export interface Actor {
  readonly id: string;
  readonly name?: string;
}

export interface PageEvent extends EventOf<TypeOf<"page">> {
  readonly page: PagePart;
  /** On `page.labeled` and `page.unlabeled`. */
  readonly label?: string;
  /** On `page.commented`. */
  readonly comment?: { readonly id: string };
}

/** A comment of which the sender reports only the id; the site knows the page. */
export interface CommentEvent extends EventOf<"page.commented"> {
  readonly comment: {
    /** As {@link PagePart.site}. */
    readonly site: string;
    readonly id: string;
  };
}

export interface PagePart {
  /** Base address of the Confluence site, without a trailing slash, e.g. `https://example.atlassian.net/wiki`. */
  readonly site: string;
  readonly id: string;
  readonly version?: number;
  /** The space's key. */
  readonly space?: string;
  readonly title?: string;
  readonly labels?: readonly string[];
  readonly url?: string;
}

export interface CodeEvent extends EventOf<TypeOf<"code">> {
  readonly code: {
    readonly project: string;
    readonly projectUrl?: string;
    /** Full reference: `refs/heads/main`, `refs/tags/v1`. */
    readonly ref: string;
    /** Short name of the branch or tag. */
    readonly name: string;
    readonly change: "created" | "updated" | "deleted";
    /** Undefined if the reference was deleted. */
    readonly commit?: string;
    readonly before?: string;
    /** Newest last, at most {@link EVENT_LIMITS.commits}. */
    readonly commits: readonly { readonly id: string; readonly message: string; readonly url?: string }[];
    readonly commitCount: number;
  };
}

export interface ChangeEvent extends EventOf<TypeOf<"change">> {
  /** A merge request. */
  readonly change: {
    readonly project: string;
    /** Number within the project. */
    readonly number: number;
    readonly title?: string;
    readonly description?: string;
    readonly sourceBranch?: string;
    readonly targetBranch?: string;
    readonly commit?: string;
    readonly url?: string;
    /** On `change.commented`. */
    readonly comment?: { readonly id: string; readonly text: string };
  };
}

export type BuildState = (typeof BUILD_STATES)[number];

export interface BuildEvent extends EventOf<TypeOf<"build">> {
  readonly build: BuildPart;
  /** The run's claim that the bridge started it; see `delivery/correlate.ts`. */
  readonly origin?: OriginClaim;
}

/** One run of a pipeline. Times are ISO 8601 with `Z`. */
export interface BuildPart {
  /** The provider that reported the run. */
  readonly system: string;
  /** Unique within the system and source. */
  readonly id: string;
  readonly number?: number;
  /** Name for people, stable over runs: `platform/docs`, `ci/docs-build`. */
  readonly pipeline: string;
  readonly state: BuildState;
  /**
   * Text that grows while the build proceeds: a passed gate, a retried job and an end that is followed by another run
   * each give a greater text. Of two reports of one build, that with the greater text is later; if both are equal, the
   * state decides. Undefined if the system reports no rounds.
   */
  readonly round?: string;
  readonly url?: string;
  readonly commit?: string;
  /** First line of the commit's message; undefined if the system does not report it. */
  readonly title?: string;
  /** Title of the merge request, if there is one, and the whole commit message, cut. Page links are searched in it. */
  readonly message?: string;
  readonly branch?: string;
  /** When the run was created; orders the runs of one pipeline. */
  readonly createdAt?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly startedBy?: string;
  /** The system's own sentence on why the run ended in this state. */
  readonly reason?: string;
  readonly results?: Readonly<Record<string, string>>;
  /**
   * The trust entry of the job that reported it in a status callback. The report counts only for tokens of this entry.
   */
  readonly trustEntry?: string;
}

/** The claim of a run about the trigger that started it: unproved until correlated. */
export interface OriginClaim {
  /** The annotation `drawbridge.dev/delivery`. */
  readonly delivery?: string;
  /** The label `triggers.tekton.dev/triggers-eventid`: the listener's `eventID`. */
  readonly triggerEventId?: string;
}

export interface JobEvent extends EventOf<TypeOf<"job">> {
  readonly job: {
    readonly system: string;
    readonly id: string;
    readonly name: string;
    readonly state: BuildState;
    /** The build this job is part of. */
    readonly build?: string;
    readonly pipeline: string;
    readonly url?: string;
    readonly commit?: string;
    readonly branch?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    /** The job failed and its pipeline continues. */
    readonly softFailed?: boolean;
    readonly results?: Readonly<Record<string, string>>;
  };
  readonly origin?: OriginClaim;
}

export interface DeploymentEvent extends EventOf<TypeOf<"deployment">> {
  readonly deployment: {
    readonly project: string;
    readonly id: string;
    readonly environment: string;
    readonly tier?: string;
    readonly state: BuildState;
    readonly commit?: string;
    readonly title?: string;
    readonly url?: string;
    readonly job?: string;
  };
}

interface ReleaseEvent extends EventOf<TypeOf<"release">> {
  readonly release: {
    readonly project: string;
    readonly tag: string;
    readonly name?: string;
    readonly description?: string;
    readonly commit?: string;
    readonly url?: string;
  };
}

export interface ApprovalEvent extends EventOf<TypeOf<"approval">> {
  readonly approval: {
    readonly system: string;
    /** The build that waits or continued. */
    readonly build: string;
    readonly pipeline: string;
    readonly step?: string;
    readonly url?: string;
    /** Present if a route of the bridge waits for the approval. */
    readonly gate?: GatePart;
  };
  readonly origin?: OriginClaim;
}

export interface GatePart {
  readonly state: "requested" | "granted" | "denied" | "withdrawn" | "expired" | "superseded";
  /** Roles whose holders may decide. */
  readonly approvers: readonly string[];
  readonly requestedAt: string;
  /** The approval can be granted before this time. */
  readonly until: string;
  /** Who took this step; undefined if time or a change ended the approval. */
  readonly by?: string;
}

/** Two reports of an undated event count as one within this time. Several hooks report an event within seconds. */
export const REPEAT_MS = 600_000;

/** Maximum counts of entries and lengths in UTF-16 code units; a cut text ends in "…". */
export const EVENT_LIMITS = { text: 4_000, title: 300, commits: 20, results: 20, labels: 50 } as const;

/** Cuts `text` to `limit` UTF-16 code units, never inside a surrogate pair. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = /[\uD800-\uDBFF]$/.test(text.slice(0, limit - 1)) ? limit - 2 : limit - 1;
  return `${text.slice(0, end)}…`;
}
