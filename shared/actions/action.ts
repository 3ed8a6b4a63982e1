import type * as v from "valibot";
import type { Commands } from "../approvals/command.ts";
import type { RulesOf } from "../approvals/configured-rules.ts";
import type { PeopleOf } from "../approvals/people.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import type { RotatingSecret, Secrets } from "../host/secrets.ts";
import type { Roles } from "../identity/policy.ts";
import type { AcceptedRequest, ActionContext, ActionOutcome } from "../model/action-outcome.ts";
import type { CurrentState, EditRight, Membership, Subject } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { EventType } from "../model/event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { OutboundTokens } from "../outbound/outbound-tokens.ts";
import type { SystemTokens } from "../outbound/system-tokens.ts";
import type { AccessStore } from "../store/access.ts";
import type { ApprovalMessageStore } from "../store/approval-messages.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { BoardStore } from "../store/boards.ts";
import type { ChangeCommentStore } from "../store/change-comments.ts";
import type { ChangeLinkStore } from "../store/change-links.ts";
import type { CommentReplyStore } from "../store/comment-replies.ts";
import type { CommitStatusStore } from "../store/commit-statuses.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";
import type { OwnAccountStore } from "../store/own-accounts.ts";
import type { RateLimitStore } from "../store/rate-limits.ts";

/** The adapter for one kind of target. No code outside its folder knows its name, except the line in `registry.ts`. */
export interface Action {
  /** The name in `drawbridge.yaml`: under a route's `do`, and as a target's `kind`. */
  readonly name: string;
  /** Schema of a target's settings, next to `kind`. Secrets are references. */
  readonly target: v.GenericSchema<unknown, object>;
  /** Schema of a route's options under `do.<name>`, next to `target`. */
  readonly options: v.GenericSchema<unknown, object>;
  /**
   * Prepares one route's action. Throws a valibot error if the settings are invalid. Uses no network and reads no
   * secret.
   */
  connect(settings: ActionSettings, deps: ActionDeps): ConnectedAction;
  /** Longest duration of one attempt, in milliseconds. The lease is longer than this. */
  readonly maxAttemptMs: number;
  /**
   * The events that follow from the action and that may fire routes again. The check `route-cycle` follows them from route
   * to route. Undefined if nothing follows, or if the bridge recognizes and ignores what follows.
   */
  readonly leadsTo?: {
    readonly types: readonly EventType[];
    /**
     * `run_reporter`: the action starts runs, and the source that the target's `runsReportedBy` names reports them.
     * `same_system`: every source whose provider has the action's name reports them.
     */
    readonly reportedBy: "run_reporter" | "same_system";
  };
  /** Why the value of an event is sent empty, because it is unsafe where it lands; undefined if it is sent. */
  readonly whyEmptied?: (value: string) => string | undefined;
  /** Whether no event follows from a route with these valid options, although {@link leadsTo} names some. */
  leadsToNothing?(options: object): boolean;
  /** What a target with these valid settings costs at a stated rate, in one sentence that `drawbridge check` prints. */
  expects?(target: unknown): string;
  /**
   * Reads a page of a target with the target's credential, and returns what the next state would change on it. Writes
   * nothing. Undefined if the action writes no pages. Throws as {@link Secrets.read} does, and a valibot error if the
   * settings are invalid.
   */
  preview?(target: PreviewedTarget, page: string, deps: PreviewDeps): Promise<Preview>;
  /**
   * Prepares one marked request to a target, which starts a run that does nothing. Undefined if targets of this kind start
   * no runs. Throws a valibot error if the settings are invalid.
   */
  probe?(target: LookedUpTarget, deps: PreviewDeps): Probe;
  /**
   * Asks a target what a page, a branch or another subject is now, for a route that names the target under
   * `approval.verifyWith`. Changes nothing there. Undefined if the targets of this kind know no such thing. What the target
   * cannot answer is `unknown`. `known` is an earlier answer: it is the answer again if only the bridge itself has changed
   * something since. Throws as {@link Secrets.read} and {@link CallOut} do.
   */
  lookUp?(subject: Subject, known: string | undefined, target: LookedUpTarget, deps: LookUpDeps): Promise<CurrentState>;
  /**
   * Asks a target in which of these groups an account of its site is, as the site's events name the account. Changes nothing
   * there. An account that is not active there is in none. Undefined if the targets of this kind know no groups. Whatever
   * the site does not say for certain is `unknown`. Throws as {@link Secrets.read} and {@link CallOut} do.
   */
  groupsOf?(account: string, groups: readonly string[], target: LookedUpTarget, deps: LookUpDeps): Promise<Membership>;
  /**
   * Asks a target whether an account of its site may edit a page there, as the site's events name both. As for
   * {@link groupsOf} otherwise.
   */
  mayEdit?(account: string, page: PageAddress, target: LookedUpTarget, deps: LookUpDeps): Promise<EditRight>;
  /** Why a target with these valid settings cannot be asked that, as a clause; undefined if it can. */
  whyNoEditRights?(settings: object): string | undefined;
  /** Asks a target which of these groups its site has, for `drawbridge check --live`. As for {@link groupsOf} otherwise. */
  knownGroups?(
    groups: readonly string[],
    target: LookedUpTarget,
    deps: Omit<LookUpDeps, "ownAccounts">,
  ): Promise<Membership>;
  /**
   * Whether the action shows a machine's text to people. It gets `summary.submitted`; for every other action this event
   * ends without an attempt, because such a text must start nothing.
   */
  readonly showsSummaries?: true;
  /** Events in which the action looks for people's commands, which {@link ActionDeps.commands} executes. */
  readonly commandEvents?: readonly CommandEvent[];
}

/** The events in which people give commands. */
export type CommandEvent = "page.commented";

/** A target, and the routes that write to it. */
export interface PreviewedTarget {
  readonly name: string;
  readonly settings: unknown;
  readonly routes: readonly { readonly name: string; readonly options: unknown }[];
}

export type PreviewDeps = Pick<ActionDeps, "secrets" | "clock" | "callOut" | "outbound" | "systemTokens">;

export type LookedUpTarget = Pick<PreviewedTarget, "name" | "settings">;
export interface LookUpDeps extends PreviewDeps {
  readonly ownAccounts: Pick<OwnAccountStore, "isOwn">;
  readonly signal: AbortSignal;
}

/** A request that starts a run that does nothing. */
export interface Probe {
  /** What it does, in the order to show it. Known before anything is sent. */
  readonly plan: Readonly<Record<string, string>>;
  /** The source that reports the run. */
  readonly reportedBy: string;
  /** The name of the run, which no other run has. */
  readonly run: string;
  /** Sends the request. Throws as {@link Secrets.read} does. */
  readonly send: (signal: AbortSignal) => Promise<ProbeAnswer>;
  /** Why no run may be reported although this answer accepted the request, each with the command that shows it. */
  readonly withoutRun: (answer: ProbeAnswer) => readonly string[];
}

export interface ProbeAnswer {
  /** `unreached`: no answer came. */
  readonly result: "accepted" | "refused" | "unreached";
  readonly summary: string;
  /** The listener that the answer names, `<namespace>/<name>`. */
  readonly listener?: string;
}

export interface Preview {
  /** Whether the next state would change the page. */
  readonly writes: boolean;
  /** What is known of the page and of the change, in the order to show it. */
  readonly facts: Readonly<Record<string, string>>;
}

interface ActionSettings {
  readonly route: string;
  readonly targetName: string;
  readonly target: unknown;
  readonly options: unknown;
}

export interface ActionDeps {
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly callOut: CallOut;
  /** Tokens that identify the bridge to targets. */
  readonly outbound: Pick<OutboundTokens, "tokenFor" | "boundToken" | "rejected">;
  /** Tokens that targets issued to the bridge. */
  readonly systemTokens: Pick<SystemTokens, "tokenFor">;
  readonly origins: OriginStore;
  readonly boards: BoardStore;
  /** Where an action records the account with which it is going to write. */
  readonly ownAccounts: Pick<OwnAccountStore, "record">;
  /** The pages that change requests link to. */
  readonly changeLinks: Pick<ChangeLinkStore, "record" | "find">;
  /** The comments of the bridge on change requests, and the pages that they list. */
  readonly changeComments: Pick<ChangeCommentStore, "recordPage" | "firstLook" | "pages" | "lease" | "release">;
  /** The statuses of the bridge on commits. They are loaded when a route sets one. */
  readonly commitStatuses: () => Promise<Pick<CommitStatusStore, "lease" | "release">>;
  readonly commands: Commands;
  /** Where an action records an event of the bridge's own. */
  readonly deliveries: Pick<DeliveryStore, "record">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly decisionWays: DecisionWays;
  /** The comments with a command that were dealt with. */
  readonly commentReplies: Pick<CommentReplyStore, "take" | "release" | "count">;
  readonly approvals: Pick<ApprovalStore, "get">;
  /** Who has to approve the runs of each route. */
  readonly rules: RulesOf;
  readonly people: PeopleOf;
  /** Requests for roles that end by themselves. */
  readonly access: () => Promise<Pick<AccessStore, "get">>;
  readonly roles: Roles;
  /** What was sent about approvals. It is loaded when a route sends such messages. */
  readonly approvalMessages: () => Promise<Messages>;
  readonly rateLimits: Pick<RateLimitStore, "count" | "uncount">;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

type Messages = Pick<ApprovalMessageStore, "lease" | "release" | "hold" | "heldState" | "held" | "take">;

/** How people can decide about an approval, beside labels and the command line. */
export interface DecisionWays {
  /** A route hands the action the events in which it looks for commands ({@link Action.commandEvents}). */
  readonly comments: boolean;
  /** The page of the console with the approvals; undefined if there is no console. */
  readonly console?: string | undefined;
}

export interface ConnectedAction {
  /** The source that reports the results of the runs that this action starts, if there is one. */
  readonly runsReportedBy?: string;
  /** As {@link Route.runNamespaces}. */
  readonly runNamespaces?: readonly string[];
  /** As {@link Route.runsStaleAfterMs}. */
  readonly runsStaleAfterMs?: number;
  /** As {@link Route.originKey}. */
  readonly originKey?: RotatingSecret;
  /** The values that the action is given for an event, for the people who approve the run. Undefined if there are none. */
  readonly params?: (busEvent: BusEvent) => Readonly<Record<string, string>>;
  /**
   * Why a run may not have been reported, the likeliest cause first, and the commands that separate the causes. Undefined if
   * the action never ends with `expect_run`.
   */
  readonly explainMissingRun?: (request: AcceptedRequest) => string;
  /** Idempotent by (route, event key). Throws only a retryable Fault. */
  run(context: ActionContext): Promise<ActionOutcome>;
}
