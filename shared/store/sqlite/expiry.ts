import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, type EpochMillis, epochSeconds, laterBy, toIso } from "../../host/clock.ts";
import type { Log } from "../../host/log.ts";
import { approvalIdOf } from "../../model/idempotency-keys.ts";
import { expiryOf, type StoreOptions } from "../fields.ts";
import type { Item } from "../table.ts";
import { FIRST_POSITION, type SqliteTable, type WorkPosition } from "./table.ts";

export interface CleaningDeps {
  readonly table: SqliteTable;
  readonly retention: StoreOptions;
  readonly log: Log;
}

/**
 * Deletes what has expired, and keeps what waiting work needs, for however long it waits. Each step is one commit, after
 * which the event loop does other work. An interrupted run loses nothing: the next one continues.
 */
export async function clean(deps: CleaningDeps): Promise<void> {
  await keepWaitingWork(deps);
  await keepImpossiblyOld(deps);
  if (await isHeld(deps)) return;
  await deleteExpired(deps.table, deps.retention.clock);
}

/** Deletes the items that expired {@link GRACE_MS} ago and are no work that waits. Returns their number. */
export async function deleteExpired(table: SqliteTable, clock: Clock): Promise<number> {
  let deleted = 0;
  for (;;) {
    const step = await table.deleteExpired(laterBy(clock.now(), -GRACE_MS), STEP_ITEMS);
    deleted += step;
    if (step < STEP_ITEMS) return deleted;
    await nextTurn();
  }
}

/**
 * Half of the steps took less than 4 ms and 9 of 10 less than 11 ms, commit included, on a file of 1,000,000 deliveries
 * that was not in memory; with 100 items, half of them took more than 13 ms. `npm run bench -- expiry` measures a smaller
 * file.
 */
export const STEP_ITEMS = 25;

const DAY_MS = 86_400_000;

/**
 * A clock that is ahead by less deletes nothing that has not expired, such as the id of a used token. DynamoDB also deletes
 * an item days after its expiry, so no reader relies on the deletion.
 */
const GRACE_MS = 2 * DAY_MS;

/**
 * Renews the expired items that waiting work needs: a due action needs itself, its delivery and its approval; an event that
 * is not relayed, its delivery. Work whose due time changes meanwhile may be missed, and is found within {@link GRACE_MS}.
 */
async function keepWaitingWork({ table, retention }: CleaningDeps): Promise<void> {
  let after: WorkPosition | undefined = FIRST_POSITION;
  while (after !== undefined) {
    const work = table.waitingWork(after);
    const now = retention.clock.now();
    const needed = new Set(work.flatMap(({ id, item }) => [id, ...neededBy(item ?? {})]));
    await table.renew([...needed], now, epochSeconds(expiryOf(now, retention)));
    after = work.at(-1)?.position;
    await nextTurn();
  }
}

/** What an action needs besides itself. Nothing for a delivery. */
function neededBy({ delivery, route, eventKey }: Item): readonly string[] {
  if (typeof delivery !== "string" || typeof route !== "string" || typeof eventKey !== "string") return [];
  return [delivery, approvalIdOf(route, eventKey)];
}

/** No clock was right before this time: 2026-01-01, in seconds. The bridge is younger. */
const EARLIEST = epochSeconds(1_767_225_600);

/** Renews the items of a machine that started with its clock years behind: they are not as old as they look. */
async function keepImpossiblyOld({ table, retention }: CleaningDeps): Promise<void> {
  const until = epochSeconds(expiryOf(retention.clock.now(), retention));
  if (until < EARLIEST) return;
  while ((await table.renewBefore(EARLIEST, until, STEP_ITEMS)) === STEP_ITEMS) await nextTurn();
}

/** How far the time of two cleanings may lie apart: they run at the start and once an hour. */
const MAX_GAP_MS = DAY_MS;
/**
 * Time for somebody to read the log and set the clock. It begins again after each jump, so it is shorter than a working
 * week: a machine that is off at weekends would never delete anything otherwise.
 */
const HOLD_MS = 4 * DAY_MS;

/** The item that has the time of the last cleaning. */
const CLEANING = { pk: "cleaning", sk: "head" };

/**
 * Whether nothing may be deleted now. If the time has jumped since the last cleaning, either the bridge was down or the
 * clock was or is wrong, and nothing on this machine says which. Four days of a steady clock decide it.
 */
async function isHeld({ table, retention, log }: CleaningDeps): Promise<boolean> {
  const now = retention.clock.now();
  const last = await table.get(CLEANING);
  const { at, heldUntil } = last ?? {};
  const isSteady = typeof at === "number" && typeof heldUntil === "number" && Math.abs(now - at) <= MAX_GAP_MS;
  const until = isSteady ? heldUntil : laterBy(now, HOLD_MS);
  await table.put({ ...CLEANING, at: now, heldUntil: until });
  if (typeof at === "number" && !isSteady) warnOfJump(at, now, log);
  return now < until;
}

function warnOfJump(last: number, now: EpochMillis, log: Log): void {
  const days = Math.round((now - last) / DAY_MS);
  const fields = { lastAt: toIso(laterBy(now, last - now)), now: toIso(now), days };
  log.warn(fields, "the time has jumped since the last cleaning; nothing is deleted for 4 days");
}
