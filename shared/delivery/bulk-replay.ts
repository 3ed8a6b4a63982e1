import { laterBy } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Policy } from "../identity/policy.ts";
import type { BulkClaim, BulkCounts, BulkProgress, BulkReplayStore, PlannedReplay } from "../store/bulk-replays.ts";
import type { PromotionDeps } from "./promotion.ts";
import { replayPromotion } from "./replay-promotion.ts";
import { keyOfSeen, type ReplayRouteDeps, replayableOf, replaySeen, whyNeverReplayed } from "./replay-route.ts";

export interface BulkReplayDeps extends ReplayRouteDeps, Pick<PromotionDeps, "runs" | "runReporters"> {
  readonly deliveries: ReplayRouteDeps["deliveries"] & PromotionDeps["deliveries"];
  readonly bulkReplays: () => Promise<Pick<BulkReplayStore, "due" | "claim" | "plan" | "advance">>;
  readonly policy: Pick<Policy, "rejectRoute">;
  readonly log: Log;
}

/** Orders that one round works on. */
const ORDERS = 5;
/** A step takes a few seconds at most. */
const LEASE_MS = 60_000;

/**
 * Works on the orders that are due: one step of each. Returns how many were due. A step that ends early is done again when
 * its lease ends, and runs nothing twice: see {@link replaySeen}. Throws `store_unavailable` at the end if the store failed.
 */
export async function advanceBulkReplays(deps: BulkReplayDeps): Promise<number> {
  const due = await (await deps.bulkReplays()).due(deps.clock.now(), ORDERS);
  const results = await Promise.allSettled(due.map((id) => advanceBulkReplay(id, deps)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return due.length;
}

/** Runs one step of an order, if nobody works on it. */
export async function advanceBulkReplay(id: string, deps: BulkReplayDeps): Promise<void> {
  const { clock, log } = deps;
  const bulkReplays = await deps.bulkReplays();
  const now = clock.now();
  const claim = await bulkReplays.claim(id, now, laterBy(now, LEASE_MS));
  if (claim === undefined) return;
  const progress = await step(claim, deps).catch((error: unknown) => {
    if (!(error instanceof Fault && error.code === "record_unreadable")) throw error;
    log.error({ replay: id, error: kindOf(error) }, "the plan of a bulk replay cannot be read");
    return {
      handled: claim.total,
      counts: { ...claim.counts, refused: claim.counts.refused + claim.total - claim.handled },
    };
  });
  // If it was stopped meanwhile, it stays so. If it has another owner, that one does the step again.
  await bulkReplays.advance(claim, progress, clock.now());
}

/** The replays between two writes of the progress. An order that is stopped stops after them. */
async function step(claim: BulkClaim, deps: BulkReplayDeps): Promise<BulkProgress> {
  const plan = await (await deps.bulkReplays()).plan(claim.id);
  let counts = claim.counts;
  for (const planned of plan.slice(claim.handled, claim.handled + claim.rate)) {
    const ended = await runPlanned(planned, claim, deps).catch((error: unknown): "refused" => {
      // One delivery that cannot be read must not keep the others from running.
      if (!(error instanceof Fault && error.code === "record_unreadable")) throw error;
      return logRefused(planned, claim, deps.log, error.code);
    });
    counts = { ...counts, [ended]: counts[ended] + 1 };
  }
  return { handled: Math.min(claim.handled + claim.rate, claim.total), counts };
}

/** The order only counts it. The log has which one, and why. */
function logRefused({ delivery, route }: PlannedReplay, { id }: BulkClaim, log: Log, why: string): "refused" {
  log.warn({ replay: id, delivery, route, reason: why }, "a bulk replay cannot run a delivery again");
  return "refused";
}

/** The roles of whoever ordered it are those of the order; what they allow is decided anew. */
async function runPlanned(planned: PlannedReplay, claim: BulkClaim, deps: BulkReplayDeps): Promise<keyof BulkCounts> {
  const { delivery, route, state, since } = planned;
  const { by, reason, requestId, isForced } = claim;
  const refused = (why: string): "refused" => logRefused(planned, claim, deps.log, why);
  const of = await deps.deliveries.get(delivery);
  if (of === undefined) return refused("delivery_unknown");
  if (whyNeverReplayed(of) !== undefined) return refused("replay_impossible");
  const replayable = await replayableOf(of, deps);
  const forbidden = deps.policy.rejectRoute(by, "replay", route, replayable.about);
  if (forbidden !== undefined) return refused(forbidden.reason);
  const seen = { state, since };
  const who = { by, reason, requestId };
  const promoted = await replayPromotion({ ...who, of, route, key: keyOfSeen(delivery, route, seen) }, deps);
  const replayed = promoted ?? (await replaySeen({ ...who, isForced, replayable, route, seen }, deps));
  if (!replayed.ok) {
    const { reason: why } = replayed.rejection;
    return why === "replay_outdated" ? "outdated" : refused(why);
  }
  if (replayed.value.status === "accepted") return "accepted";
  // A step that ended early and is done again finds its own records.
  const record = await deps.deliveries.get(replayed.value.delivery);
  return record?.requestId === requestId ? "accepted" : "duplicate";
}
