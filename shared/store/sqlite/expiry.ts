import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../host/clock.ts";
import type { SqliteTable } from "./table.ts";

/**
 * Deletes the items that have expired, in steps of {@link STEP_ITEMS} between which the event loop does other work.
 * Returns their number. An interrupted run loses nothing: the next one continues.
 */
export async function deleteExpired(table: SqliteTable, clock: Clock): Promise<number> {
  let deleted = 0;
  for (;;) {
    const step = await table.deleteExpired(clock.now(), STEP_ITEMS);
    deleted += step;
    if (step < STEP_ITEMS) return deleted;
    await nextTurn();
  }
}

/** A step takes a few milliseconds of the event loop. */
const STEP_ITEMS = 100;
