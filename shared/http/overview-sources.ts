import type { RefusalCounts } from "../delivery/refusal-counts.ts";
import { type Clock, type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { countText, DELIVERIES, REQUESTS } from "../host/count-text.ts";
import { durationText } from "../host/duration.ts";
import { OWN_SOURCES } from "../model/bus-event.ts";
import type { Level } from "../model/level.ts";
import type { SlotCounts } from "../store/counters.ts";
import type { CredentialUse } from "../store/credential-usage.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { SLOT_MS } from "../store/postings.ts";
import type { RefusalCount, RefusalStore } from "../store/refusals.ts";

export interface SourcesDeps {
  readonly sourceNames: readonly string[];
  readonly deliveries: Pick<DeliveryStore, "counts">;
  readonly refusals: Pick<RefusalStore, "list">;
  readonly refusalCounts: Pick<RefusalCounts, "flush" | "goodAt">;
  readonly clock: Clock;
}

/**
 * `refused`: every request is refused. `partly_refused`: some are refused, or the newest is. `quiet`: it sends nothing,
 * and a week ago it did. `silent`: nothing for a day. `never_seen`: no request is on record.
 */
export const SOURCE_STATES = ["refused", "partly_refused", "quiet", "never_seen", "silent", "working"] as const;
type SourceState = (typeof SOURCE_STATES)[number];

/** The refused requests of one reason. */
interface ShownReason {
  readonly reason: string;
  readonly count: number;
  readonly since: string;
  readonly lastAt: string;
}

/** A source, with its times in ISO 8601. */
export interface ShownSource {
  readonly source: string;
  readonly state: SourceState;
  readonly level: Level;
  /** One sentence for people. */
  readonly why: string;
  /** When a request was last proved, at the latest; undefined if none is on record. After a restart exact to the hour. */
  readonly lastGoodAt?: string;
  /** Deliveries recorded in the last hour, and in the same hour a week ago. */
  readonly lastHour: number;
  readonly weekAgo: number;
  /** The requests of the last day that nobody proved, by reason, the newest first. */
  readonly refusals: readonly ShownReason[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Counts of refused requests that one answer looks at, the newest first. */
const MAX_COUNTS = 2_000;
/** Refused requests count as long as this after the last one. A source that is refused for longer is refused altogether. */
const RECENT_MS = 600_000;
/** With fewer refused requests, a source that was never proved is not broken: a stranger can send one. */
const FLOOR = 3;
/** With fewer deliveries in an hour of last week, silence says nothing. */
const USUAL = 5;

/** Each source and how it is, the worst first. Costs the same however many deliveries there are. */
export async function sourcesOf(deps: SourcesDeps, uses: readonly CredentialUse[]): Promise<readonly ShownSource[]> {
  const now = deps.clock.now();
  const weekAgo = laterBy(now, -7 * DAY_MS);
  await deps.refusalCounts.flush();
  const [refusals, lastHour, before] = await Promise.all([
    deps.refusals.list({ from: laterBy(now, -DAY_MS), to: now, limit: MAX_COUNTS }),
    receivedIn(deps.deliveries.counts(laterBy(now, -HOUR_MS), now)),
    receivedIn(deps.deliveries.counts(laterBy(weekAgo, -HOUR_MS), weekAgo)),
  ]);
  // A process that started lately knows from the uses of credentials only to the hour when a source was last proved.
  const lastDay =
    refusals.length === 0 ? lastHour : await receivedIn(deps.deliveries.counts(laterBy(now, -DAY_MS), now));
  return deps.sourceNames.flatMap((source) => {
    const evidence = {
      refusals: refusals.filter((one) => one.source === source),
      uses: uses.filter((one) => one.kind === "source" && one.name === source),
      lastHour: lastHour.get(source)?.count ?? 0,
      receivedAt: lastDay.get(source)?.lastAt,
      weekAgo: before.get(source)?.count ?? 0,
    };
    return shownSource(source, evidence, { deps, now }) ?? [];
  });
}

interface Received {
  readonly count: number;
  /** When the newest of them was received, at the earliest. */
  readonly lastAt: EpochMillis;
}

/** The deliveries of each source whose sender was proved. */
async function receivedIn(days: AsyncIterable<readonly SlotCounts[]>): Promise<ReadonlyMap<string, Received>> {
  const sums = new Map<string, Received>();
  for await (const slots of days) {
    for (const { slot, source, counts } of slots) {
      const count = counts.event + counts.ignored + counts.unusable;
      if (count > 0) sums.set(source, { count: (sums.get(source)?.count ?? 0) + count, lastAt: slot });
    }
  }
  return sums;
}

interface Evidence {
  readonly refusals: readonly RefusalCount[];
  readonly uses: readonly CredentialUse[];
  readonly receivedAt: EpochMillis | undefined;
  readonly lastHour: number;
  readonly weekAgo: number;
}

/** Undefined for a source of the bridge itself of which nothing is on record. */
function shownSource(
  source: string,
  evidence: Evidence,
  { deps, now }: { readonly deps: SourcesDeps; readonly now: EpochMillis },
): ShownSource | undefined {
  const { refusals, uses, receivedAt, lastHour, weekAgo } = evidence;
  const times = [
    deps.refusalCounts.goodAt(source),
    receivedAt,
    ...uses.map(({ lastUsedAt }) => lastUsedAt),
    ...refusals.map(({ goodAt }) => goodAt),
  ].filter((at) => at !== undefined);
  const isOwn = OWN_SOURCES.includes(source);
  if (isOwn && times.length === 0 && refusals.length === 0) return undefined;
  const goodAt = times.length === 0 ? undefined : epochMillis(Math.max(...times));
  const facts: Facts = { goodAt, refusals, lastHour, weekAgo, isOwn, now };
  const state = stateOf(facts);
  return {
    source,
    state,
    level: levelOf(state, source),
    why: whyOf(state, facts),
    ...(goodAt !== undefined && { lastGoodAt: toIso(goodAt) }),
    lastHour,
    weekAgo,
    refusals: reasonsOf(refusals),
  };
}

interface Facts extends Pick<Evidence, "refusals" | "lastHour" | "weekAgo"> {
  readonly goodAt: EpochMillis | undefined;
  readonly isOwn: boolean;
  readonly now: EpochMillis;
}

function stateOf({ goodAt, refusals, lastHour, weekAgo, isOwn, now }: Facts): SourceState {
  const refusedAt = newestOf(refusals);
  // Anybody can send a request without a credential, so it says little about the source.
  const failed = refusals.filter(({ reason }) => reason !== "credential_missing");
  const failedAt = newestOf(failed);
  const isRefused = goodAt === undefined ? countOf(failed) >= FLOOR : failedAt > goodAt + RECENT_MS;
  if (isRefused) return "refused";
  // No good request came after it.
  if (failedAt > (goodAt ?? 0)) return "partly_refused";
  if (refusedAt > now - (refusedAt > (goodAt ?? 0) ? HOUR_MS : RECENT_MS)) return "partly_refused";
  if (goodAt === undefined) return "never_seen";
  // The bridge's own sources are used when somebody needs them.
  if (isOwn) return "working";
  if (lastHour === 0 && weekAgo >= USUAL) return "quiet";
  return goodAt > now - DAY_MS ? "working" : "silent";
}

const countOf = (refusals: readonly RefusalCount[]): number => refusals.reduce((sum, { count }) => sum + count, 0);

/** When the last of the refused requests arrived; 0 if there is none. */
const newestOf = (refusals: readonly RefusalCount[]): number => Math.max(0, ...refusals.map(({ lastAt }) => lastAt));

const LEVELS_OF = {
  refused: "failing",
  partly_refused: "attention",
  quiet: "attention",
  never_seen: "unknown",
  silent: "unknown",
  working: "well",
} as const satisfies Record<SourceState, Level>;

/** Anybody may call the bridge's own interface with a token that has ended: that says nothing about the bridge. */
const levelOf = (state: SourceState, source: string): Level => (source === "api" ? "well" : LEVELS_OF[state]);

function whyOf(state: SourceState, { goodAt, refusals, lastHour, weekAgo, isOwn, now }: Facts): string {
  const last = goodAt === undefined ? "no good request is on record" : `last good ${ago(now, goodAt)}`;
  const [newest] = refusals;
  switch (state) {
    case "refused":
      return `${refusedText(refusals)}, the last ${ago(now, newest?.lastAt ?? now)}; ${last}`;
    case "partly_refused":
      // Not every good call of the bridge's own interface is on record.
      return isOwn && goodAt === undefined ? refusedText(refusals) : `${refusedText(refusals)}; ${last}`;
    case "quiet":
      return `nothing in the last hour, and ${countText(weekAgo, DELIVERIES)} in the same hour a week ago; ${last}`;
    case "never_seen":
      return "no request is on record";
    case "silent":
      return `nothing for a day; ${last}`;
    case "working":
      return `${countText(lastHour, DELIVERIES)} in the last hour; ${last}`;
  }
}

/** A slot of the counts says when it began, so its newest request may be younger. */
function ago(now: EpochMillis, at: EpochMillis): string {
  const ms = now - at;
  return ms < SLOT_MS ? "within 5 min" : `${durationText(ms)} ago`;
}

/** `3 requests refused: 2 signature_mismatch, 1 token_expired`. */
function refusedText(refusals: readonly RefusalCount[]): string {
  const reasons = reasonsOf(refusals).map(({ reason, count }) => `${count} ${reason}`);
  return `${countText(countOf(refusals), REQUESTS)} refused: ${reasons.join(", ")}`;
}

/** The newest first, as the counts are. */
function reasonsOf(refusals: readonly RefusalCount[]): readonly ShownReason[] {
  const reasons = [...new Set(refusals.map(({ reason }) => reason))];
  return reasons.map((reason) => {
    const own = refusals.filter((one) => one.reason === reason);
    return {
      reason,
      count: countOf(own),
      since: toIso(epochMillis(Math.min(...own.map(({ window }) => window)))),
      lastAt: toIso(epochMillis(Math.max(...own.map(({ lastAt }) => lastAt)))),
    };
  });
}
