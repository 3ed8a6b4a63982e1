import { OVERDUE_MS } from "../delivery/readiness.ts";
import { type Clock, type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { ACTIONS, countText } from "../host/count-text.ts";
import { durationText } from "../host/duration.ts";
import type { Latency } from "../host/latency.ts";
import type { Level } from "../model/level.ts";
import type { ShownTargetState, TargetState } from "../model/target-state.ts";
import type { ActionStore } from "../store/actions.ts";
import type { AttentionEntry } from "../store/attention.ts";
import type { CredentialUse } from "../store/credential-usage.ts";
import type { RunStore } from "../store/runs.ts";

export interface OverviewTargetsDeps {
  /** Names of the targets to which a route leads. */
  readonly targetNames: readonly string[];
  /** Has a member for each target with pages. */
  readonly targetHosts: Readonly<Record<string, unknown>>;
  readonly runReporters: readonly { readonly name: string; readonly target: string }[];
  readonly actions: Pick<ActionStore, "dueBetween">;
  /** Undefined if the attempts are made by other processes, whose metrics this one does not see: in AWS. */
  readonly latencyOf: (target: string) => Latency | undefined;
  readonly runs: Pick<RunStore, "of">;
  readonly clock: Clock;
}

/** A target, with its times in ISO 8601. */
export interface OverviewTarget {
  readonly target: string;
  /** Present if it is no longer configured. */
  readonly removed?: true;
  /** Present if its actions write pages. */
  readonly pages?: true;
  readonly state: ShownTargetState;
  readonly level: Level;
  /** One sentence for people. */
  readonly why: string;
  /** Since when it fails, or is paused. */
  readonly since?: string;
  /** When it last answered, exact to the hour, or when a run was last fired there; undefined if neither is on record. */
  readonly lastUsedAt?: string;
  /** Actions that could run now, at most 100. */
  readonly due: number;
  /** Actions whose attempts fail and that are tried again, of the 500 oldest of all targets. */
  readonly retrying: number;
  /** Since when the oldest action that is due or retrying has waited. */
  readonly oldestAt?: string;
  /** Absent in AWS, where CloudWatch has it. */
  readonly latency?: Latency;
}

/** An action that was given up in the last day. */
export interface GivenUp {
  readonly target: string;
  readonly at: EpochMillis;
  /** One sentence, if the timeline has it. */
  readonly why?: string;
}

/** The newest actions of all targets that were given up. */
interface FoundGivenUp {
  readonly givenUp: readonly GivenUp[];
  /** There are older ones. */
  readonly hasMore: boolean;
}

/** What other parts of the overview are made from too. */
interface FoundOfTargets extends FoundGivenUp {
  /** What is stored of each target. */
  readonly stored: readonly TargetState[];
  readonly uses: readonly CredentialUse[];
  /** The oldest first. */
  readonly retrying: readonly AttentionEntry[];
}

/** Due actions that are counted of each target. */
const MAX_DUE = 100;

/**
 * Each target and how it is: for the overview, for the list of targets and for the metrics. Costs the same however many
 * deliveries there are.
 */
export async function overviewTargets(
  deps: OverviewTargetsDeps,
  { givenUp, hasMore, uses, retrying, stored }: FoundOfTargets,
): Promise<readonly OverviewTarget[]> {
  const now = deps.clock.now();
  const states = new Map(stored.map((state) => [state.target, state]));
  // A breaker of a target that is no longer configured holds nothing that runs.
  const left = stored.filter(({ pause }) => pause !== undefined).map(({ target }) => target);
  const names = [...new Set([...deps.targetNames, ...left])].sort();
  return Promise.all(
    names.map(async (target) => {
      const used = uses.filter(({ kind, name }) => kind === "target" && name === target);
      const [due, firedAt] = await Promise.all([dueOf(target, now, deps), lastFiredAt(target, deps)]);
      const own = retrying.filter((entry) => entry.target === target);
      const times = [...used.map(({ lastUsedAt }) => lastUsedAt), ...(firedAt === undefined ? [] : [firedAt])];
      const usedAt = times.length === 0 ? undefined : epochMillis(Math.max(...times));
      const state = states.get(target) ?? { target, revision: 0 };
      const rejected = { givenUp: givenUp.filter((one) => one.target === target), hasMore };
      return shownTarget({ state, due, retrying: own, usedAt, rejected }, { deps, now });
    }),
  );
}

interface Due {
  readonly count: number;
  readonly oldestAt: EpochMillis | undefined;
}

async function dueOf(target: string, now: EpochMillis, { actions }: OverviewTargetsDeps): Promise<Due> {
  let due: Due = { count: 0, oldestAt: undefined };
  for await (const { dueAt } of actions.dueBetween(target, epochMillis(0), now)) {
    due = { count: due.count + 1, oldestAt: due.oldestAt ?? dueAt };
    if (due.count === MAX_DUE) break;
  }
  return due;
}

/** A target without a credential leaves no use of one on record. */
async function lastFiredAt(
  target: string,
  { runReporters, runs }: OverviewTargetsDeps,
): Promise<EpochMillis | undefined> {
  const routes = runReporters.filter((route) => route.target === target);
  const fired = await Promise.all(routes.map(async ({ name }) => (await runs.of(name))[0]?.firedAt));
  const times = fired.flatMap((at) => (at === undefined ? [] : [Date.parse(at)]));
  return times.length === 0 ? undefined : epochMillis(Math.max(...times));
}

interface Evidence {
  readonly state: TargetState;
  readonly due: Due;
  /** The oldest first. */
  readonly retrying: readonly AttentionEntry[];
  readonly usedAt: EpochMillis | undefined;
  readonly rejected: FoundGivenUp;
}

function shownTarget(
  evidence: Evidence,
  { deps, now }: { readonly deps: OverviewTargetsDeps; readonly now: EpochMillis },
): OverviewTarget {
  const { state: stored, due, retrying, usedAt } = evidence;
  const { target, pause, breaker } = stored;
  const waiting = [due.oldestAt, retrying[0]?.since].filter((at) => at !== undefined);
  const oldestAt = waiting.length === 0 ? undefined : epochMillis(Math.min(...waiting));
  const state = stateOf(evidence, now);
  const latency = deps.latencyOf(target);
  const since = pause?.since ?? breaker?.open?.since;
  return {
    target,
    ...(!deps.targetNames.includes(target) && { removed: true as const }),
    ...(Object.hasOwn(deps.targetHosts, target) && { pages: true as const }),
    state,
    level: LEVELS_OF[state],
    why: [whyOf(state, evidence, now), waitingText(evidence, oldestAt, now)].filter(Boolean).join("; "),
    ...(since !== undefined && { since: toIso(since) }),
    ...(usedAt !== undefined && { lastUsedAt: toIso(usedAt) }),
    due: due.count,
    retrying: retrying.length,
    ...(oldestAt !== undefined && { oldestAt: toIso(oldestAt) }),
    ...(latency && { latency }),
  };
}

function stateOf({ state: { pause, breaker }, due, usedAt, rejected }: Evidence, now: EpochMillis): ShownTargetState {
  if (pause !== undefined) return "paused";
  if (breaker?.open !== undefined) return "failing";
  if (due.oldestAt !== undefined && due.oldestAt < laterBy(now, -OVERDUE_MS)) return "late";
  if (breaker !== undefined) return "stumbling";
  if (rejected.givenUp.length > 0) return "rejecting";
  return usedAt === undefined ? "never_used" : "working";
}

const LEVELS_OF = {
  failing: "failing",
  paused: "attention",
  late: "attention",
  stumbling: "attention",
  rejecting: "attention",
  never_used: "unknown",
  working: "well",
} as const satisfies Record<ShownTargetState, Level>;

function whyOf(
  state: ShownTargetState,
  { state: { pause, breaker }, usedAt, rejected }: Evidence,
  now: EpochMillis,
): string {
  const failures = breaker?.failures === 1 ? "the last attempt" : `${breaker?.failures ?? 0} attempts in a row`;
  switch (state) {
    case "paused":
      return pause === undefined
        ? ""
        : `paused by ${pause.by.subject} for ${durationText(now - pause.since)}: ${pause.reason}`;
    case "failing": {
      const { since = now } = breaker?.open ?? {};
      return `has not worked for ${durationText(now - since)}: ${failures} failed, ${breaker?.why ?? ""}`;
    }
    case "late":
      return "actions are overdue";
    case "stumbling":
      return `${failures} failed, ${breaker?.why ?? ""}`;
    case "rejecting": {
      const { givenUp, hasMore } = rejected;
      const [newest] = givenUp.toSorted((one, other) => other.at - one.at);
      const last = newest?.at ?? now;
      const count = countText(givenUp.length, ACTIONS, { isLeast: hasMore });
      return `${count} given up in the last day, the last ${durationText(now - last)} ago${newest?.why === undefined ? "" : `: ${newest.why}`}`;
    }
    case "never_used":
      return "no answer of it is on record";
    case "working":
      return usedAt === undefined ? "" : `last used ${hoursAgo(now - usedAt)}`;
  }
}

/** Uses of credentials are recorded once an hour. */
const hoursAgo = (ms: number): string => (ms < 3_600_000 ? "in the last hour" : `${durationText(ms)} ago`);

function waitingText({ due, retrying }: Evidence, oldestAt: EpochMillis | undefined, now: EpochMillis): string {
  const parts = [
    ...(due.count === 0 ? [] : [`${countText(due.count, ACTIONS, { isLeast: due.count === MAX_DUE })} due`]),
    ...(retrying.length === 0 ? [] : [`${countText(retrying.length, ACTIONS)} retrying`]),
  ];
  if (parts.length === 0 || oldestAt === undefined) return "";
  return `${parts.join(", ")}, the oldest for ${durationText(now - oldestAt)}`;
}
