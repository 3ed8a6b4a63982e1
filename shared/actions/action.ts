import type * as v from "valibot";
import type { Commands } from "../approvals/command.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import type { Secrets } from "../host/secrets.ts";
import type { ActionContext, ActionOutcome } from "../model/action-outcome.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { EventType } from "../model/event.ts";
import type { OutboundTokens } from "../outbound/outbound-tokens.ts";
import type { SystemTokens } from "../outbound/system-tokens.ts";
import type { BoardStore } from "../store/boards.ts";
import type { ChangeLinkStore } from "../store/change-links.ts";
import type { CommentReplyStore } from "../store/comment-replies.ts";
import type { OriginStore } from "../store/origins.ts";
import type { OwnAccountStore } from "../store/own-accounts.ts";

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
  /** What a target with these valid settings costs at a stated rate, in one sentence that `drawbridge check` prints. */
  expects?(target: unknown): string;
  /**
   * Reads a page of a target with the target's credential, and returns what the next state would change on it. Writes
   * nothing. Undefined if the action writes no pages. Throws as {@link Secrets.read} does, and a valibot error if the
   * settings are invalid.
   */
  preview?(target: PreviewedTarget, page: string, deps: PreviewDeps): Promise<Preview>;
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
  readonly outbound: Pick<OutboundTokens, "tokenFor">;
  /** Tokens that targets issued to the bridge. */
  readonly systemTokens: Pick<SystemTokens, "tokenFor">;
  readonly origins: OriginStore;
  readonly boards: BoardStore;
  /** Where an action records the account with which it is going to write. */
  readonly ownAccounts: Pick<OwnAccountStore, "record">;
  /** The pages that change requests link to. */
  readonly changeLinks: Pick<ChangeLinkStore, "record" | "find">;
  readonly commands: Commands;
  readonly decisionWays: DecisionWays;
  /** The comments with a command that were dealt with. */
  readonly commentReplies: Pick<CommentReplyStore, "take" | "release" | "count">;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

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
  /** The values that the action is given for an event, for the people who approve the run. Undefined if there are none. */
  readonly params?: (busEvent: BusEvent) => Readonly<Record<string, string>>;
  /** Idempotent by (route, event key). Throws only a retryable Fault. */
  run(context: ActionContext): Promise<ActionOutcome>;
}
