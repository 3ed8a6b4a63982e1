/**
 * What a delivery means, the same for every sender. An event is small on purpose: only what routes, actions and people
 * use, never a whole payload, never a secret, no e-mail address. Texts are cut to the limits below.
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
  // The keys and states of the table above, and nothing else.
  states.map((state) => `${family}.${state}` as EventType),
);

interface EventOf<Type extends string> {
  readonly type: Type;
  /**
   * What makes two tellings the same happening, in order. The source's name is added by {@link eventKeyOf}: a sender can
   * only ever collide with itself.
   */
  readonly keyParts: readonly string[];
  /** When it happened, as told by the sender: ISO 8601 with `Z`. */
  readonly time: string;
  /** What it happened to, for people: a page id, a project path, a run's name. */
  readonly subject: string;
  /** Who did it, as told by the sender inside the authenticated body. Absent when the sender does not say. */
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

/** A comment of which the sender tells the id alone: what it stands on, the site knows. */
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
    /** Absent when the reference was deleted. */
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
  /** How the run says it was started by us; see `delivery/correlate.ts`. */
  readonly origin?: OriginClaim;
}

/** One run of a pipeline. Times are ISO 8601 with `Z`. */
export interface BuildPart {
  /** The provider that tells of it. */
  readonly system: string;
  /** Unique within the system and source. */
  readonly id: string;
  readonly number?: number;
  /** Name for people, stable over runs: `platform/docs`, `ci/docs-build`. */
  readonly pipeline: string;
  readonly state: BuildState;
  readonly url?: string;
  readonly commit?: string;
  /** First line of the commit's message; where the system tells it. */
  readonly title?: string;
  /** The whole message, after the title of the merge request if there is one, cut: page links are looked for in it. */
  readonly message?: string;
  readonly branch?: string;
  /** When the run came into being; orders the runs of one pipeline. */
  readonly createdAt?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly startedBy?: string;
  /** One sentence of the system's own on why it ended so. */
  readonly reason?: string;
  readonly results?: Readonly<Record<string, string>>;
  /** Whose job told it, where a status callback did: it speaks for the tokens of this entry and no others. */
  readonly trustEntry?: string;
}

/** What a run carries back of the trigger that started it: unproved until correlated. */
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
    /** The job failed and its pipeline goes on. */
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
    /** The build that waits or went on. */
    readonly build: string;
    readonly pipeline: string;
    readonly step?: string;
    readonly url?: string;
    /** Of an approval that a route of the bridge waits for. */
    readonly gate?: GatePart;
  };
  readonly origin?: OriginClaim;
}

export interface GatePart {
  readonly state: "requested" | "granted" | "denied" | "withdrawn" | "expired" | "superseded";
  /** Roles whose holders may decide. */
  readonly approvers: readonly string[];
  readonly requestedAt: string;
  /** It can be granted before this. */
  readonly until: string;
  /** Who took this step; absent where time or a change did. */
  readonly by?: string;
}

/** Counts of entries and lengths in UTF-16 code units; longer texts end in "…". */
export const EVENT_LIMITS = { text: 4_000, title: 300, commits: 20, results: 20, labels: 50 } as const;

/** `text` cut to `limit` UTF-16 code units, never inside a surrogate pair. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = /[\uD800-\uDBFF]$/.test(text.slice(0, limit - 1)) ? limit - 2 : limit - 1;
  return `${text.slice(0, end)}…`;
}
