import type { ApprovalState } from "./approval.ts";
import { DELIVERY_STATES, type DeliveryState } from "./delivery-state.ts";
import type { EventType } from "./event.ts";
import type { Level } from "./level.ts";
import { type ShownTargetState, TARGET_STATES } from "./target-state.ts";

/**
 * What people see at a glance. A symbol says the tone wherever it stands: in lists, charts, threads, the overview and the
 * command line. The colour only repeats it.
 */
export const TONES = {
  failed: { symbol: "✕", colour: "bad", words: "failed", means: "It ended badly, or does not work" },
  attention: { symbol: "!", colour: "warn", words: "needs attention", means: "A person has to look at it, or act" },
  open: { symbol: "…", colour: "busy", words: "under way", means: "It goes on by itself" },
  good: { symbol: "✓", colour: "good", words: "done", means: "It ended as it should, or works" },
  quiet: { symbol: "–", colour: "quiet", words: "nothing to do", means: "It concerns nobody" },
} as const;
export type Tone = keyof typeof TONES;
/** The token of a tone's colour. The explanations of the API use it as the tone's name. */
export type ToneColour = (typeof TONES)[Tone]["colour"];

/** How people see a state. */
export interface StateWords {
  readonly symbol: string;
  readonly words: string;
  readonly tone: Tone;
}

const look = (tone: Tone, words: string, symbol: string = TONES[tone].symbol): StateWords => ({ symbol, words, tone });

const DELIVERY_WORDS = {
  given_up: look("failed", "given up"),
  accepted_without_run: look("failed", "accepted, no run"),
  cut: look("failed", "chain cut"),
  retrying: look("attention", "retrying"),
  waiting: look("attention", "waiting"),
  pending: look("open", "pending"),
  expecting_run: look("open", "run expected"),
  ran: look("good", "ran"),
  not_fired: look("quiet", "not fired"),
  superseded: look("quiet", "superseded"),
  repeat: look("quiet", "repeat"),
  no_route: look("quiet", "no route"),
  refused: look("failed", "refused"),
  unusable: look("attention", "unusable"),
  ignored: look("quiet", "ignored"),
} as const satisfies Record<DeliveryState, StateWords>;

/** Nothing on record says whether it works. That concerns somebody, so it has a symbol of its own. */
const UNKNOWN_SYMBOL = "?";

/** How well a part of the bridge is. */
export const LEVEL_WORDS: Readonly<Record<Level, StateWords>> = {
  failing: look("failed", "failing"),
  attention: look("attention", TONES.attention.words),
  unknown: look("quiet", "unknown", UNKNOWN_SYMBOL),
  well: look("good", "well"),
};

/** An approval, by the lines of its timeline: `partly_granted`, `would_grant` and `not_asked` are no states of it. */
export const APPROVAL_WORDS: Readonly<
  Record<ApprovalState | "partly_granted" | "would_grant" | "not_asked", StateWords>
> = {
  requested: look("attention", "waiting"),
  partly_granted: look("attention", "waiting for more people"),
  would_grant: look("attention", "a rule in shadow mode would grant it"),
  not_asked: look("attention", "not asked in shadow mode"),
  granted: look("good", "granted"),
  fired: look("good", "granted and fired"),
  denied: look("failed", "denied"),
  expired: look("failed", "expired"),
  withdrawn: look("quiet", "withdrawn"),
  superseded: look("quiet", "superseded"),
  void: look("failed", "void"),
};

/** A target. Its tone is that of its level. */
const TARGET_WORDS: Readonly<Record<ShownTargetState, StateWords>> = {
  failing: look("failed", "failing"),
  paused: look("attention", "paused"),
  late: look("attention", "overdue"),
  stumbling: look("attention", "attempts fail"),
  rejecting: look("attention", "gave up"),
  never_used: look("quiet", "never used", UNKNOWN_SYMBOL),
  working: look("good", "working"),
};

/** An order to run many deliveries again. */
export const ORDER_WORDS: Readonly<Record<"running" | "done" | "stopped", StateWords>> = {
  running: look("open", "running"),
  stopped: look("attention", "stopped"),
  done: look("good", "done"),
};

/** An attempt. One that failed and is tried again is no failure of its action yet. */
export const ATTEMPT_WORDS: Readonly<Record<"done" | "accepted" | "retry" | "give_up", StateWords>> = {
  done: look("good", "done"),
  accepted: look("open", "accepted"),
  retry: look("attention", "failed"),
  give_up: look("failed", "given up"),
};

/** A run of a target, as its reports say. */
export const RUN_WORDS: Readonly<Record<"running" | "succeeded" | "failed", StateWords>> = {
  failed: look("failed", "failed"),
  running: look("open", "running"),
  succeeded: look("good", "succeeded"),
};

/**
 * What an event reports, if that ended badly. It says nothing about its delivery: the bridge took the report in, and that is
 * the state of the delivery.
 */
const REPORT_WORDS: Readonly<Record<string, StateWords>> = {
  "build.failed": look("failed", "build failed"),
  "build.timed_out": look("failed", "build timed out"),
  "job.failed": look("failed", "job failed"),
  "job.timed_out": look("failed", "job timed out"),
  "deployment.failed": look("failed", "deployment failed"),
  "deployment.timed_out": look("failed", "deployment timed out"),
  "trigger.failed": look("failed", "trigger failed"),
  "trigger.refused": look("failed", "trigger refused"),
  "agent.lost": look("failed", "agent lost"),
  "gateway.refused": look("failed", "gateway refused"),
  "gateway.failed": look("failed", "gateway failed"),
  // In the audit: the bridge had a gateway refuse a request.
  upstream_refused: look("failed", "refusal at a gateway"),
  upstream_refused_in_shadow: look("attention", "passed a gateway in shadow mode"),
} satisfies Readonly<Partial<Record<EventType | "upstream_refused" | "upstream_refused_in_shadow", StateWords>>>;

/** Every state that a page or the command line shows, by what has it. `docs/design.md` lists them. */
export const STATE_TABLES: Readonly<Record<string, Readonly<Record<string, StateWords>>>> = {
  "delivery, route": DELIVERY_WORDS,
  "part of the bridge": LEVEL_WORDS,
  approval: APPROVAL_WORDS,
  target: TARGET_WORDS,
  "order of replays": ORDER_WORDS,
  attempt: ATTEMPT_WORDS,
  run: RUN_WORDS,
  "what an event reports": REPORT_WORDS,
};

/** The words for a state that a bridge answers. A newer bridge may have further states. */
export function wordsOf(state: string): StateWords {
  const known = DELIVERY_STATES.find((one) => one === state);
  return known === undefined ? look("quiet", state.replaceAll("_", " ")) : DELIVERY_WORDS[known];
}

/** The first bad end that a delivery reports. `what`: the types of its events, with `, ` between them. */
export function badEndOf(what: string): StateWords | undefined {
  for (const type of what.split(", ")) {
    const words = Object.hasOwn(REPORT_WORDS, type) ? REPORT_WORDS[type] : undefined;
    if (words !== undefined) return words;
  }
  return undefined;
}

/** The words for the state of a target. A newer bridge may have further states. */
export function targetWordsOf(state: string): StateWords {
  const known = TARGET_STATES.find((one) => one === state);
  return known === undefined ? look("quiet", state.replaceAll("_", " ")) : TARGET_WORDS[known];
}

/** The words for how an attempt ended. A newer bridge may have further outcomes. */
export const attemptWordsOf = (outcome: string): string =>
  new Map(Object.entries(ATTEMPT_WORDS)).get(outcome)?.words ?? outcome.replaceAll("_", " ");

/** One text for both: `✕ given up`. */
export const textOf = ({ symbol, words }: StateWords): string => `${symbol} ${words}`;
export const stateText = (state: string): string => textOf(wordsOf(state));

/** The symbol of the tone that has this colour. */
export const symbolOf = (colour: ToneColour): string => toneOf(colour).symbol;
export const toneOf = (colour: ToneColour): (typeof TONES)[Tone] =>
  Object.values(TONES).find((one) => one.colour === colour) ?? TONES.quiet;

/** What happened to a delivery that was replayed. `promotedTo`: the environment, if its run was promoted. */
export function replayWords({
  isRollback,
  promotedTo,
}: {
  readonly isRollback: boolean;
  readonly promotedTo?: string | undefined;
}): string {
  if (promotedTo !== undefined) return `promoted to ${promotedTo}`;
  return isRollback ? "rolled back to" : "run again";
}
