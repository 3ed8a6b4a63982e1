/**
 * The meaning of a delivery, in the same form for every sender. An event is small on purpose: only what routes, actions
 * and people use, never a whole payload, never a secret, no e-mail address. Texts are cut to the limits below.
 */
export type BridgeEvent =
  | PageEvent
  | CommentEvent
  | OutdatedEvent
  | CodeEvent
  | ChangeEvent
  | BuildEvent
  | JobEvent
  | DeploymentEvent
  | ReleaseEvent
  | ApprovalEvent
  | AttachmentEvent
  | AgentEvent
  | TokenEvent
  | TriggerEvent
  | GatewayEvent
  | SummaryEvent
  | OrderEvent
  | FlowEvent
  | AccessEvent;

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
  page: [
    "created",
    "updated",
    "rewritten",
    "published",
    "moved",
    "copied",
    "archived",
    "trashed",
    "restored",
    "deleted",
    "labeled",
    "unlabeled",
    "commented",
    "outdated",
  ],
  blogpost: ["created", "updated", "rewritten", "trashed", "restored", "deleted", "labeled", "unlabeled"],
  attachment: ["created", "updated", "archived", "trashed", "restored", "deleted"],
  code: ["pushed", "tagged", "deleted"],
  change: ["opened", "updated", "approved", "unapproved", "merged", "closed", "commented", "comment_edited"],
  build: BUILD_STATES,
  job: BUILD_STATES,
  deployment: BUILD_STATES,
  release: ["published", "planned", "deleted"],
  approval: ["requested", "reminded", "granted", "denied"],
  agent: ["lost"],
  token: ["expiring"],
  trigger: ["started", "succeeded", "failed", "done", "refused"],
  gateway: ["refused", "failed", "passed"],
  summary: ["submitted"],
  order: ["placed"],
  flow: ["waiting", "ended", "behind", "level"],
  access: ["requested", "granted", "ended"],
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
  /** The user name, if the sender reports no id. */
  readonly id: string;
  readonly name?: string;
  /** The name for signing in. Bots of a sender can be recognized by it. */
  readonly username?: string;
}

/**
 * A page or blog post. `page.rewritten` and `blogpost.rewritten`: Confluence itself changed the text, because a linked page
 * was renamed or a bulk operation ran; nobody edited it. `page.published`: a live doc was converted to a page.
 */
export interface PageEvent extends EventOf<Exclude<TypeOf<"page" | "blogpost">, "page.outdated">> {
  readonly page: PagePart;
  /** On `labeled` and `unlabeled`: a global label. Personal labels are not reported. */
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

export const SEEN_HOW = ["edited", "reviewed"] as const;

/** The code that a page documents moved on since a person last looked at the page. The bridge itself counts the commits. */
export interface OutdatedEvent extends EventOf<"page.outdated"> {
  readonly page: PagePart;
  readonly outdated: {
    /** Commits that changed what the page documents. */
    readonly commits: number;
    /** There are more commits, which are not counted. */
    readonly isMore?: true;
    /** The number of commits that the target's settings name. */
    readonly after: number;
    /** The repositories that have them, and the documented paths that they changed. */
    readonly projects: readonly string[];
    readonly paths: readonly string[];
    /** When a person last edited or reviewed the page; absent if the bridge knows of no such time. */
    readonly since?: string;
    readonly how?: (typeof SEEN_HOW)[number];
  };
  /** The delivery of the push with which the commits became too many. */
  readonly origin: OriginClaim;
}

export const PAGE_KINDS = ["page", "blogpost", "live_doc"] as const;
export const PAGE_STATUSES = ["current", "draft", "archived", "trashed", "historical"] as const;

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
  readonly kind?: (typeof PAGE_KINDS)[number];
  /** What caused the new version: the sender's own word, e.g. `edit_page`, `link_refactoring`. */
  readonly trigger?: string;
  readonly minorEdit?: boolean;
  readonly notificationsSuppressed?: boolean;
  readonly status?: (typeof PAGE_STATUSES)[number];
  /** Id of the parent page. */
  readonly parent?: string;
  /** Where the page was before a move. `parent`: its id, or its title if the sender reports only that. */
  readonly previous?: { readonly parent?: string; readonly space?: string };
}

/** A file that is attached to a page or blog post. */
export interface AttachmentEvent extends EventOf<TypeOf<"attachment">> {
  readonly attachment: {
    /** As {@link PagePart.site}. */
    readonly site: string;
    readonly id: string;
    /** Its file name. */
    readonly name?: string;
    readonly version?: number;
    readonly space?: string;
    /** Id of the page or blog post. */
    readonly page?: string;
    readonly mediaType?: string;
    readonly url?: string;
  };
}

/** Where the commit comes from: a branch, a tag, or a change request. A field that the sender does not report is absent. */
export interface RefPart {
  /** Absent in a run for a change request, whose source branch may have the name of a branch of this project. */
  readonly branch?: string;
  readonly tag?: string;
  /** The name of the branch or tag, if the sender does not report which of the two it is; then both others are absent. */
  readonly refName?: string;
  /** The change request that the run tests. Its id is absent in a status callback: GitLab's tokens do not hold it. */
  readonly change?: Partial<ChangeRef>;
  /** What started the run, in the system's own word: `push`, `schedule`, `merge_request_event`, `web`, `trigger`, `api`. */
  readonly source?: string;
  /** The branch or tag is protected. */
  readonly protected?: boolean;
  /** The name of the project's default branch. */
  readonly defaultBranch?: string;
}

/** A merge request or pull request. Projects are paths or addresses if the sender reports them, else ids. */
export interface ChangeRef {
  /** Number or id within the target project. */
  readonly id: string;
  readonly sourceProject?: string;
  readonly targetProject?: string;
  readonly sourceBranch?: string;
  readonly targetBranch?: string;
  /** The commit comes from another project. Absent if the sender cannot distinguish it: then it may be a fork. */
  readonly fork?: boolean;
}

export const CODE_CHANGES = ["created", "updated", "deleted"] as const;

export interface CodeEvent extends EventOf<TypeOf<"code">> {
  readonly code: {
    readonly project: string;
    readonly projectUrl?: string;
    /** Full reference: `refs/heads/main`, `refs/tags/v1`. */
    readonly ref: string;
    /** Short name of the branch or tag. */
    readonly name: string;
    readonly change: (typeof CODE_CHANGES)[number];
    /** Undefined if the reference was deleted. */
    readonly commit?: string;
    readonly before?: string;
    /** Newest last, at most {@link EVENT_LIMITS.commits}. */
    readonly commits: readonly {
      readonly id: string;
      readonly message: string;
      readonly url?: string;
      /** The author's name. */
      readonly author?: string;
      /**
       * The files that it changed, as indexes in `paths.changed`; those beyond the list are left out. Undefined if it is the
       * only commit, or if the sender does not report files.
       */
      readonly paths?: readonly number[];
    }[];
    readonly commitCount: number;
    /** Changed files, if the sender reports them. */
    readonly paths?: ChangedPaths;
    readonly protected?: boolean;
    readonly defaultBranch?: string;
    /** The message of an annotated tag. */
    readonly message?: string;
  };
}

/** Paths of files that were added, changed or removed. */
interface ChangedPaths {
  /** In the sender's order, at most {@link EVENT_LIMITS.paths}. */
  readonly changed: readonly string[];
  /** Number of the different paths that the sender reports. */
  readonly count: number;
  /** More paths changed than `changed` has. */
  readonly truncated: boolean;
  /**
   * Paths that changed may be missing, and the sender does not say which: the old place of a moved file, and what changed
   * because the history of the branch was replaced, or of a commit whose lists the sender left out.
   */
  readonly incomplete?: true;
}

export const CHANGED = [
  "code",
  "title",
  "description",
  "labels",
  "draft",
  "assignees",
  "reviewers",
  "milestone",
  "target_branch",
  "other",
] as const;

export interface ChangeEvent extends EventOf<TypeOf<"change">> {
  /** A merge request or pull request. */
  readonly change: ChangeRef & {
    readonly project: string;
    /** Number within the project. */
    readonly number: number;
    readonly title?: string;
    readonly description?: string;
    readonly commit?: string;
    readonly url?: string;
    readonly labels?: readonly string[];
    readonly draft?: boolean;
    /** User name of its author. */
    readonly author?: string;
    /** On `change.merged`. */
    readonly mergeCommit?: string;
    /** On `change.updated`: what changed. `code`: there are new commits. */
    readonly changed?: readonly (typeof CHANGED)[number][];
    readonly defaultBranch?: string;
    /** On `change.commented` and `change.comment_edited`. */
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
export interface BuildPart extends RefPart {
  /** The provider that reported the run. */
  readonly system: string;
  /** Unique within the system and source. */
  readonly id: string;
  readonly number?: number;
  /** Name for people, stable over runs: `platform/docs`, `ci/docs-build`. */
  readonly pipeline: string;
  /** The system's id of the pipeline, which stays the same if somebody renames it. */
  readonly pipelineId?: string;
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
  /** When the run was created; orders the runs of one pipeline. */
  readonly createdAt?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly startedBy?: string;
  /** The system's own sentence on why the run ended in this state. */
  readonly reason?: string;
  readonly results?: Readonly<Record<string, string>>;
  /** The run that started this one: a parent pipeline, or a build with a trigger step. */
  readonly parent?: BuildLink;
  /** The earlier run that this one repeats. */
  readonly rebuiltFrom?: Pick<BuildLink, "id" | "number">;
  /**
   * The trust entry of the job that reported it in a status callback. The report counts only for tokens of this entry.
   */
  readonly trustEntry?: string;
}

/** Another run of the same system, as far as the sender reports it. */
export interface BuildLink {
  readonly id?: string;
  readonly number?: number;
  readonly pipeline?: string;
  readonly job?: string;
}

/** The claim of a run about the trigger that started it: unproved until correlated. */
export interface OriginClaim {
  /** The annotation `drawbridge.dev/delivery`. */
  readonly delivery?: string;
  /** The label `triggers.tekton.dev/triggers-eventid`: the listener's `eventID`. */
  readonly triggerEventId?: string;
  /** The namespace of the run. Absent in records of earlier releases. */
  readonly namespace?: string;
  /** What the run proved when its event was received; absent if it proved nothing. */
  readonly proved?: ProvedOrigin;
  /** On the bridge's own events about an approval, if the chain to the first cause is not proved throughout. */
  readonly proof?: WeakOrigin;
}

/** The route that asked for a run, and the key of the event for which it did. */
export interface ProvedOrigin {
  readonly route: string;
  readonly eventKey: string;
}

/**
 * How far an event's origin is known. `proved`: the bridge itself made the run's proof, or the event is its own origin.
 * `claimed`: the target has a key, and the run has no proof that fits. `unprovable`: the target has no key, so each run may
 * claim any delivery on which its route acted.
 */
export type OriginProof = "proved" | WeakOrigin;
export const WEAK_ORIGINS = ["claimed", "unprovable"] as const;
type WeakOrigin = (typeof WEAK_ORIGINS)[number];

export interface JobEvent extends EventOf<TypeOf<"job">> {
  readonly job: RefPart & {
    readonly system: string;
    readonly id: string;
    readonly name: string;
    readonly state: BuildState;
    /** The build this job is part of. */
    readonly build?: string;
    readonly pipeline: string;
    /** As {@link BuildPart.pipelineId}. */
    readonly pipelineId?: string;
    readonly url?: string;
    readonly commit?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    /**
     * Why the job ended in this state: the system's own word or sentence, e.g. `script_failure`,
     * `runner_system_failure`, `agent_lost`.
     */
    readonly reason?: string;
    readonly exitCode?: number;
    /** The system runs the job again, so this end is not the job's last. */
    readonly retried?: boolean;
    /** Id of the job that runs instead. */
    readonly supersededBy?: string;
    /** The runner or agent. */
    readonly runner?: string;
    /** The tags or queue that select a runner. */
    readonly tags?: readonly string[];
    readonly environment?: string;
    /** The job stops its environment. */
    readonly stopsEnvironment?: boolean;
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

/** `release.planned`: the release has a time in the future. `release.deleted`: it was removed; its tag may remain. */
interface ReleaseEvent extends EventOf<TypeOf<"release">> {
  readonly release: {
    readonly project: string;
    readonly tag: string;
    readonly name?: string;
    readonly description?: string;
    readonly commit?: string;
    readonly url?: string;
    /** When it is or was released. */
    readonly releasedAt?: string;
  };
}

export interface ApprovalEvent extends EventOf<TypeOf<"approval">> {
  readonly approval: {
    readonly system: string;
    /** The build that waits or continued; on the approval of a deployment, the deployment. */
    readonly build: string;
    readonly pipeline: string;
    readonly step?: string;
    /** On the approval of a deployment. */
    readonly environment?: string;
    readonly url?: string;
    /** On the approval of a task inside a run of Tekton: the uid of its `ApprovalTask`. */
    readonly task?: string;
    /** On `granted` and `denied` of such a task: who or what decided it in the cluster, as the cluster says. */
    readonly decidedBy?: string;
    /** Present if a route of the bridge waits for the approval. */
    readonly gate?: GatePart;
  };
  readonly origin?: OriginClaim;
}

export const GATE_STATES = ["requested", "granted", "denied", "withdrawn", "expired", "superseded", "void"] as const;

/** Who has granted a run, and who is missing. */
export interface ApprovalProgress {
  /** People who have to grant it. */
  readonly needed: number;
  /** The people who have, as texts. */
  readonly grantedBy: readonly string[];
  /** Roles of which one of the missing people each has to come. */
  readonly missingRoles: readonly string[];
  /** Other people who would be enough, in words: the roles from which somebody is missing, such as `qa and release`. */
  readonly otherwise?: readonly string[];
}

export interface GatePart {
  readonly state: (typeof GATE_STATES)[number];
  /** Roles whose holders may decide. */
  readonly approvers: readonly string[];
  readonly requestedAt: string;
  /** The approval can be granted before this time. */
  readonly until: string;
  /** When the run may fire, if none of its windows was open at this step. */
  readonly opensAt?: string;
  /** A grant needs a reason, so that no label grants it. */
  readonly needsReason?: true;
  /** If several people have to grant it. */
  readonly progress?: ApprovalProgress;
  /** The person granted it in an emergency: alone, and outside the windows. Only with the state `granted`. */
  readonly emergency?: true;
  /** On `approval.reminded`: the number of the reminder, from 1 on. */
  readonly reminder?: number;
  /** Who requested the run. */
  readonly requester?: string;
  /** The rule that granted it in place of people. Only with the state `granted`. */
  readonly rule?: { readonly id: string; readonly configuration?: string };
  /** Who took this step; undefined if time or a change ended the approval. */
  readonly by?: string;
  /** What that person wrote about the decision. */
  readonly comment?: string;
  /** Who lost the role by which group, or which rule no longer holds. Only with the state `void`. */
  readonly endedFor?: string;
  /** The delivery that waits. */
  readonly delivery?: string;
}

/** A machine that runs jobs. */
interface AgentEvent extends EventOf<TypeOf<"agent">> {
  readonly agent: {
    readonly system: string;
    readonly id: string;
    readonly name?: string;
    readonly tags?: readonly string[];
    readonly url?: string;
  };
}

/** An access token that will soon be invalid: what uses it then stops working. */
interface TokenEvent extends EventOf<TypeOf<"token">> {
  readonly token: {
    readonly system: string;
    readonly id: string;
    readonly name?: string;
    /** The project or group that the token belongs to. */
    readonly owner?: string;
    readonly expiresAt: string;
  };
}

/**
 * What a Tekton EventListener did with one request: `started` and `done` are about the whole request, `succeeded` and
 * `failed` about the processing of its triggers. `refused`: the bridge's interceptor stopped one trigger.
 */
interface TriggerEvent extends EventOf<TypeOf<"trigger">> {
  readonly trigger: {
    readonly system: string;
    /** Name of the listener, with its namespace. The interceptor, which reports `refused`, does not know it. */
    readonly listener?: string;
    /** Of `refused`: name of the trigger, with its namespace. */
    readonly name?: string;
    /** The listener's `eventID`, as in {@link OriginClaim.triggerEventId}. */
    readonly eventId?: string;
    /** Of `refused`: which check failed, such as `token_expired`. */
    readonly reason?: string;
  };
  readonly origin?: OriginClaim;
}

export const GATEWAY_REASONS = [
  "unauthenticated",
  "forbidden",
  "rate_limited",
  "no_route",
  "rejected",
  "upstream_invalid",
  "upstream_unavailable",
  "upstream_timeout",
  "gateway_error",
] as const;

/**
 * What a gateway did with one request of a client. `refused`: the gateway answered itself, with a 4xx. `failed`: it answered
 * itself, with a 5xx, as if the service does not answer. `passed`: anything else, also an error that the service answered.
 */
export interface GatewayEvent extends EventOf<TypeOf<"gateway">> {
  readonly gateway: {
    readonly system: string;
    /** The gateway's own id of the request; absent if it reports none. */
    readonly id?: string;
    /** The node of the gateway that answered, if it reports one. */
    readonly node?: string;
    /** The status that the client got. */
    readonly status?: number;
    /** Why, by the status. Absent on `passed`. */
    readonly reason?: (typeof GATEWAY_REASONS)[number];
    readonly method?: string;
    /** Without query. A part that may be a credential is `*`. */
    readonly path?: string;
    /** Name of the route, or its id if it has no name; absent if none matched. */
    readonly route?: string;
    readonly service?: string;
    /** The consumer whom the gateway took the client for. The gateway's word: it proves nothing here. */
    readonly caller?: string;
    /** The id that goes with the request from system to system. The client may have chosen it. */
    readonly correlation?: string;
    /** The bridge's decision about the request (`X-Drawbridge-Request`), if the gateway asked. */
    readonly decision?: string;
    /**
     * The event stands for this many requests of one minute, which are not recorded one by one. It has no id of a request
     * then, and no other detail.
     */
    readonly more?: number;
  };
}

/**
 * Somebody placed an order of the configuration: a person, a job or an agent. The delivery's principal is who. It names no
 * actor, so that the token itself says who may not approve what it requested.
 */
interface OrderEvent extends EventOf<TypeOf<"order">> {
  readonly order: OrderPart;
}

export interface OrderPart {
  /** Name of the order. */
  readonly name: string;
  /** The values of its inputs, each valid when it was placed. Data: nothing reads a command in it. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Who acts for the principal, such as an agent: `sub` of the token's claim `act` (RFC 8693 §4.1). Absent without it. */
  readonly act?: string;
}

/**
 * What a route holds back. `waiting`: a run waits for a slot of its flow, and `ended`: no more. `behind`: an environment
 * does not have what could be promoted into it, and `level`: it has. Each replaces the one before it about the same thing.
 */
export interface FlowEvent extends EventOf<TypeOf<"flow">> {
  readonly flow: {
    readonly route: string;
    /** What it is about: the id of the event that waits, or the name of the environment. */
    readonly of: string;
    /** Why, as a sentence without its full stop. On `waiting` and `behind`. */
    readonly text?: string;
    /** On `waiting`: the ids of the events whose runs it waits for; absent if others wait before it. */
    readonly behind?: readonly string[];
    /** On `behind` and `level`: the environment from which runs are promoted. */
    readonly from?: string;
    /** On `behind`: the commits that it does not have, if their number is known. */
    readonly commits?: number;
  };
  readonly origin: OriginClaim;
}

export const ACCESS_STATES = ["requested", "granted", "denied", "withdrawn", "revoked", "expired", "ended"] as const;

/** A step of a request for a role. `access.ended` covers every end, also that of a request that nobody granted. */
export interface AccessEvent extends EventOf<TypeOf<"access">> {
  readonly access: {
    /** Of the request. */
    readonly id: string;
    readonly role: string;
    readonly state: (typeof ACCESS_STATES)[number];
    /** Roles whose holders may decide. */
    readonly approvers: readonly string[];
    readonly requestedAt: string;
    /** `requested`: it can be decided before this time. Then: the end of the role. */
    readonly until: string;
    readonly requester: string;
    /** Who took this step; undefined on the request, and if time ended it. */
    readonly by?: string;
    /** What that person wrote about the decision. */
    readonly comment?: string;
  };
}

/** A text that a machine wrote for people, for one page. It is data: nothing reads a command in it. */
interface SummaryEvent extends EventOf<TypeOf<"summary">> {
  readonly summary: SummaryPart;
}

export interface SummaryPart {
  /** Name of the target that has the page. */
  readonly target: string;
  /** Id of the page. */
  readonly page: string;
  /** Plain text; see `actions/summary-text.ts`. */
  readonly text: string;
  /** Subject of the principal that wrote it. */
  readonly by: string;
  /** The deliveries that it was made from. */
  readonly sources: readonly {
    readonly delivery: string;
    /** Types of its events. */
    readonly what: string;
    readonly subject?: string;
    /** The version that the delivery reported: of a page, a commit, or the number of a build. */
    readonly version?: string;
  }[];
}

/** Two reports of an undated event count as one within this time. Several hooks report an event within seconds. */
export const REPEAT_MS = 600_000;

/** Maximum counts of entries and lengths in UTF-16 code units; a cut text ends in "…". */
export const EVENT_LIMITS = {
  text: 4_000,
  title: 300,
  commits: 20,
  results: 20,
  labels: 50,
  paths: 100,
  path: 200,
  tags: 20,
} as const;

/** Cuts `text` to `limit` UTF-16 code units, never inside a surrogate pair. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = /[\uD800-\uDBFF]$/.test(text.slice(0, limit - 1)) ? limit - 2 : limit - 1;
  return `${text.slice(0, end)}…`;
}
