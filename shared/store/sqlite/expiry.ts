import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, laterBy } from "../../host/clock.ts";
import type { SqliteTable } from "./table.ts";

/**
 * Deletes the items that expired {@link GRACE_MS} ago, in steps of {@link STEP_ITEMS} between which the event loop does
 * other work. Returns their number. An interrupted run loses nothing: the next one continues.
 */
export async function deleteExpired(table: SqliteTable, clock: Clock): Promise<number> {
  let deleted = 0;
  for (;;) {
    const step = await table.deleteExpired(laterBy(clock.now(), -GRACE_MS), STEP_ITEMS);
    deleted += step;
    if (step < STEP_ITEMS) return deleted;
    await nextTurn();
  }
}

/** A step takes a few milliseconds of the event loop. */
const STEP_ITEMS = 100;

/**
 * A clock that is ahead by less deletes nothing that has not expired, such as the id of a used token. DynamoDB also deletes
 * an item days after its expiry, so no reader relies on the deletion.
 */
const GRACE_MS = 2 * 86_400_000;
