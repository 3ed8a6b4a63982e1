import type { Clock } from "../../host/clock.ts";
import { kindOf } from "../../host/fault.ts";
import type { Log } from "../../host/log.ts";
import { repairQueue } from "../item-check.ts";
import type { SqliteTable } from "./table.ts";

interface StrandedDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Puts work that no queue lists back into its queue. Reads only an index that is normally empty. */
export async function requeueStranded(table: SqliteTable, { clock, log }: StrandedDeps): Promise<void> {
  for (const key of table.stranded()) {
    try {
      const item = await table.get(key);
      if (item !== undefined) await repairQueue(table, { ...item, ...key }, clock.now());
      log.warn({ item: key.pk }, "work that was in no queue is due now");
    } catch (error) {
      log.error({ item: key.pk, error: kindOf(error) }, "work that is in no queue could not be put into one");
    }
  }
}
