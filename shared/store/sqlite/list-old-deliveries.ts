import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { toSeconds } from "../../host/clock.ts";
import type { DeliverySummary } from "../../model/recorded-delivery.ts";
import { summaryIn } from "../deliveries.ts";
import { PAGE_DELIVERIES, pagesOf } from "../list-pages.ts";
import { FORMAT, INSERT_OR_REPLACE, itemOf, type Row, valuesOf } from "./rows.ts";

/**
 * Turns a file of format 1, whose deliveries are listed by an index, into one with list pages. It is one transaction: after
 * a crash the file is of format 1 again. Reads one day at a time. A million deliveries take about half a minute.
 */
export function listOldDeliveries(database: DatabaseSyncInstance): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const days = database
      .prepare("SELECT DISTINCT substr(day, 1, 10) AS day FROM items INDEXED BY byDay WHERE day IS NOT NULL")
      .all() as { readonly day: string }[];
    for (const { day } of days) listDay(database, day);
    database.exec(`DROP INDEX byDay; PRAGMA user_version = ${FORMAT}; COMMIT`);
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

type HeadRow = Row & { readonly expiresAt: number };

function listDay(database: DatabaseSyncInstance, day: string): void {
  const heads = database.prepare(
    `SELECT pk, sk, seen, expiresAt, fields FROM items INDEXED BY byDay WHERE day >= ? AND day < ? ORDER BY seen DESC`,
  );
  const insert = database.prepare(INSERT_OR_REPLACE);
  let group: DeliverySummary[] = [];
  let days = 0;
  const write = (): void => {
    for (const { page } of pagesOf(group, { retentionDays: days })) insert.run(...valuesOf(page));
    group = [];
    days = 0;
  };
  // The columns of the statement. "~" is after the shards of the day.
  for (const row of heads.iterate(`${day}#`, `${day}~`) as IterableIterator<HeadRow>) {
    const summary = readableSummaryOf(row);
    if (summary === undefined) continue;
    group.push(summary);
    days = Math.max(days, Math.ceil((row.expiresAt - toSeconds(summary.receivedAt)) / 86_400));
    if (group.length === PAGE_DELIVERIES) write();
  }
  write();
}

function readableSummaryOf(row: HeadRow): DeliverySummary | undefined {
  try {
    return summaryIn(itemOf(row));
  } catch {
    // `store check` reports a damaged item.
    return undefined;
  }
}
