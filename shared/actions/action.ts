import type * as v from "valibot";
import type { Commands } from "../approvals/command.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import type { Secrets } from "../host/secrets.ts";
import type { ActionContext, ActionOutcome } from "../model/action-outcome.ts";
import type { EventType } from "../model/event.ts";
import type { OutboundTokens } from "../outbound/outbound-tokens.ts";
import type { SystemTokens } from "../outbound/system-tokens.ts";
import type { BoardStore } from "../store/boards.ts";
import type { OriginStore } from "../store/origins.ts";
import type { OwnAccountStore } from "../store/own-accounts.ts";

/** The adapter for one kind of consequence. Nothing outside its folder knows its name, except the line in `registry.ts`. */
export interface Action {
  /** As written in `drawbridge.yaml` under a route's `do` and as a target's `kind`. */
  readonly name: string;
  /** Shape of a target's own lines, next to `kind`. Secrets are references. */
  readonly target: v.GenericSchema<unknown, object>;
  /** Shape of a route's lines under `do.<name>`, next to `target`. */
  readonly options: v.GenericSchema<unknown, object>;
  /** Prepares one route's action. Throws a valibot error when the settings do not fit; touches no network and no secret. */
  connect(settings: ActionSettings, deps: ActionDeps): ConnectedAction;
  /** Upper bound of one attempt; the lease is longer than this. */
  readonly maxAttemptMs: number;
  /**
   * Events by which sources of the same system tell of what this action did, and which cannot be told from others: a route
   * that starts runs on them would be fired by the bridge itself.
   */
  readonly comesBackAs?: readonly EventType[];
  /** Events in which it looks for what people command the bridge, by {@link ActionDeps.commands}. */
  readonly commandedBy?: readonly EventType[];
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
  /** Tokens by which the bridge identifies itself to targets. */
  readonly outbound: Pick<OutboundTokens, "tokenFor">;
  /** Tokens that targets gave the bridge themselves. */
  readonly systemTokens: Pick<SystemTokens, "tokenFor">;
  readonly origins: OriginStore;
  readonly boards: BoardStore;
  /** Where an action records the account with which it is going to write. */
  readonly ownAccounts: Pick<OwnAccountStore, "record">;
  readonly commands: Commands;
  /** A number in [0, 1): where an action adds jitter. */
  readonly random: () => number;
}

export interface ConnectedAction {
  /** The source that tells what became of what this started, where there is one. */
  readonly runsReportedBy?: string;
  /** Idempotent by (route, event key): a repeat must be harmless. Throws only a retryable Fault. */
  run(context: ActionContext): Promise<ActionOutcome>;
}
