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

/**
 * Half of the steps took less than 4 ms and 9 of 10 less than 11 ms, commit included, on a file of 1,000,000 deliveries
 * that was not in memory; with 100 items, half of them took more than 13 ms. `npm run bench -- expiry` measures a smaller
 * file.
 */
export const STEP_ITEMS = 25;

/**
 * A clock that is ahead by less deletes nothing that has not expired, such as the id of a used token. DynamoDB also deletes
 * an item days after its expiry, so no reader relies on the deletion.
 */
const GRACE_MS = 2 * 86_400_000;
