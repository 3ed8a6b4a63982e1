import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EpochMillis, laterBy, systemClock, toIso, toSeconds } from "../../shared/host/clock.ts";
import { STEP_ITEMS } from "../../shared/store/sqlite/expiry.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import type { SqliteTable } from "../../shared/store/sqlite/table.ts";
import { silentLog } from "../support/test-doubles.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import type { Row } from "./table.ts";

/**
 * How long one step of the deletion of expired items holds the event loop, commit included. The items have the size and
 * the indexes of a delivery that fired one action, and the pages that a step needs are spread over the file.
 */
export const expiry: Measure = async ({ quick }) => {
  const deliveries = quick ? 5_000 : 200_000;
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  const { table, close } = openTable(folder, silentLog);
  try {
    await fill(table, deliveries);
    const times: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      const started = performance.now();
      await table.deleteExpired(systemClock.now(), STEP_ITEMS);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    return [0.5, 0.9].map((share): Row => {
      const ms = times[Math.floor(times.length * share)] ?? 0;
      return {
        what: `a step of the deletion of expired items, ${share * 100} of 100 steps : bound`,
        ours: `${ms.toFixed(1)} ms`,
        baseline: `${BOUND_MS} ms`,
        ratio: ms / BOUND_MS,
        target: { sense: "at most", ratio: 1 },
      };
    });
  } finally {
    close();
    await rm(folder, { recursive: true });
  }
};

const STEPS = 200;
const BOUND_MS = 20;
const GROUP = 500;

async function fill(table: SqliteTable, deliveries: number): Promise<void> {
  const start = laterBy(systemClock.now(), -200 * 86_400_000);
  for (let from = 0; from < deliveries; from += GROUP) {
    await Promise.all(Array.from({ length: GROUP }, (_, n) => addDelivery(table, from + n, start)));
    if (from % 20_000 === 0) progress(`items of ${from} of ${deliveries} deliveries`);
  }
}

async function addDelivery(table: SqliteTable, n: number, start: EpochMillis): Promise<void> {
  const at = laterBy(start, n * 1_000);
  const id = `d-${digest(`delivery ${n}`)}`;
  const expiresAt = toSeconds(at);
  const principal = JSON.stringify({ issuer: "drawbridge:source", subject: "gitlab", method: "signature", roles: [] });
  const day = `${toIso(at).slice(0, 10)}#${n % 4}`;
  const shown = { source: "gitlab", principal, outcome: "event", what: "code.pushed", subject: "platform/docs" };
  const entry = JSON.stringify({ kind: "attempt", route: "docs", action: "tekton", attempt: 1, outcome: "done" });
  const action = { route: "docs", action: "tekton", target: "ci", eventKey: digest(`event ${n}`), delivery: id };
  await Promise.all([
    table.create({
      pk: id,
      sk: "head",
      day,
      seen: `${at}#${id}`,
      relayedAt: at,
      expiresAt,
      content: randomBytes(850),
      ...shown,
    }),
    table.create({ pk: id, sk: "t#attempt#docs#1", at, entry, expiresAt }),
    table.create({ pk: digest(`action ${n}`), sk: "head", ...action, state: "done", attempt: 1, expiresAt }),
  ]);
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 26);
