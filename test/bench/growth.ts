import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { receive } from "../../shared/delivery/receive.ts";
import { SWEEP_SIZE } from "../../shared/delivery/relay.ts";
import { schedule } from "../../shared/delivery/schedule.ts";
import { type Clock, type EpochMillis, epochMillis, laterBy, systemClock } from "../../shared/host/clock.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { ListQuery } from "../../shared/store/delivery-list.ts";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { noProvedRuns, secretsOf, silentLog } from "../support/test-doubles.ts";
import { type Child, startChild } from "./child.ts";
import { median } from "./compare.ts";
import { gitlabSource, signedRequest } from "./gitlab-source.ts";
import type { MeasureOptions } from "./measure.ts";
import { progress } from "./progress.ts";
import { pushBody } from "./push-hook.ts";
import { startStandalone } from "./systems.ts";
import { AT_MOST_LIMIT, comparisonTable, millis, type Row, rowOf, type Table, whole } from "./table.ts";
import type { LoadResult, WebhookLoad } from "./webhook-load.ts";

/** The one-machine bridge with that many deliveries in its store. */
interface Grown {
  readonly deliveries: number;
  /** Size of the database file, divided by the deliveries. */
  readonly bytesEach: number;
  /** After a start and {@link WARM_SECONDS} of load. */
  readonly residentBytes: number;
  /** Time of the newest page of a list. */
  readonly firstPageMs: number;
  /** Time of a list whose filter matches nothing: it reads as many deliveries as one request may. */
  readonly noMatchMs: number;
  /** Time to read a full step of the outbox. */
  readonly outboxMs: number;
}

interface Extent {
  /** Ascending. */
  readonly sizes: readonly number[];
  readonly repeats: { readonly queries: number; readonly starts: number };
}

const FULL: Extent = { sizes: [10_000, 100_000, 1_000_000], repeats: { queries: 50, starts: 3 } };
const QUICK: Extent = { sizes: [10_000, 50_000], repeats: { queries: 10, starts: 1 } };

/** Whether memory, disk and queries of the one-machine bridge grow with its store. */
export async function growth({ quick }: MeasureOptions): Promise<readonly Table[]> {
  const generator = await startChild("./load-generator.ts");
  try {
    const grown = await grownIn(quick ? QUICK : FULL, generator);
    return [comparisonTable(growthRows(grown)), growthTable(grown)];
  } finally {
    await generator.stop();
  }
}

/**
 * Fills one store through its own methods, with what the bridge writes for each delivery, and measures at each size. The
 * deliveries are five seconds apart, so each size has as many of them in a day.
 */
async function grownIn({ sizes, repeats }: Extent, generator: Child): Promise<readonly Grown[]> {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  try {
    const all = sizes.at(-1) ?? 0;
    const begin = epochMillis(systemClock.now() - all * APART_MS);
    const grown: Grown[] = [];
    for (const [at, size] of sizes.entries()) {
      const from = sizes[at - 1] ?? 0;
      const queries = await fillAndQuery(folder, { begin, from, to: size, times: repeats.queries });
      const { size: bytes } = await stat(join(folder, DATABASE_FILE));
      const residents: number[] = [];
      for (let start = 0; start < repeats.starts; start++) residents.push(await residentBytes(folder, generator));
      grown.push({ deliveries: size, bytesEach: bytes / size, residentBytes: median(residents), ...queries });
    }
    return grown;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function growthRows(grown: readonly Grown[]): readonly Row[] {
  const [least, most] = [grown[0], grown.at(-1)];
  if (least === undefined || most === undefined) return [];
  const sizes = `${whole(most.deliveries)} : ${whole(least.deliveries)} deliveries`;
  const grows = (what: string, of: (one: Grown) => number, shown: (value: number) => string, ratio: number) =>
    rowOf(`${what}, ${sizes}`, [[of(most), of(least)]], shown, { sense: "at most", ratio });
  return [
    ...rowOf(
      `database file, each of ${whole(most.deliveries)} deliveries : limit`,
      [[most.bytesEach, 2_500]],
      (bytes) => `${whole(bytes)} B`,
      AT_MOST_LIMIT,
    ),
    ...grows("resident memory", ({ residentBytes }) => residentBytes, megabytes, 1.1),
    ...grows("newest page of the list", ({ firstPageMs }) => firstPageMs, millis, AS_FAST),
    ...grows("list whose filter matches nothing", ({ noMatchMs }) => noMatchMs, millis, AS_FAST),
    ...grows("a step of the outbox", ({ outboxMs }) => outboxMs, millis, AS_FAST),
  ];
}

function growthTable(grown: readonly Grown[]): Table {
  return {
    title: "Growth: the store of the bridge with deliveries that came five seconds apart",
    headings: ["deliveries", "bytes each", "MB", "newest page, ms", "filter matches nothing, ms", "outbox, ms"],
    rows: grown.map(({ deliveries, bytesEach, residentBytes, firstPageMs, noMatchMs, outboxMs }) => [
      whole(deliveries),
      whole(bytesEach),
      (residentBytes / 1_000_000).toFixed(0),
      firstPageMs.toFixed(1),
      noMatchMs.toFixed(1),
      outboxMs.toFixed(2),
    ]),
  };
}

interface Span {
  readonly begin: EpochMillis;
  readonly from: number;
  readonly to: number;
  readonly times: number;
}

/** The queries run while the last deliveries are still in the outbox. */
async function fillAndQuery(folder: string, { begin, from, to, times }: Span) {
  const { table, close } = openTable(folder, silentLog);
  const writer = writerTo((clock) =>
    openAllStores(table, { retentionDays: RETENTION_DAYS, markUnrelayed: true, singleProcess: true, clock }),
  );
  let newest = begin;
  let batch: readonly RecordedDelivery[] = [];
  for (let first = from; first < to; first += BATCH) {
    await writer.relayed(batch);
    newest = laterBy(begin, (first + BATCH) * APART_MS);
    batch = await writer.recorded(Array.from({ length: BATCH }, (_, n) => laterBy(begin, (first + n) * APART_MS)));
    progress(`store of ${to} deliveries: ${first + BATCH} written`);
  }
  const queries = await queryTimes(writer.stores, { newest, times });
  await writer.relayed(batch);
  close();
  return queries;
}

/** Writes what the bridge writes for a push, at any time. Each {@link FIRE_EVERY}th push fires. */
function writerTo(open: (clock: Clock) => AllStores) {
  let now = systemClock.now();
  const clock: Clock = { ...systemClock, now: () => now };
  const stores = open(clock);
  const source = gitlabSource(clock);
  const { deliveries, actions, origins } = stores;

  const recorded = async (times: readonly EpochMillis[]): Promise<readonly RecordedDelivery[]> => {
    const received: RecordedDelivery[] = [];
    const deps = {
      deliveries: { record: async () => "recorded" as const },
      rejectOverRate: async () => undefined,
      runReporters: [],
      origins: noProvedRuns,
      secrets: secretsOf({}),
      recorded: (delivery: RecordedDelivery) => void received.push(delivery),
      log: silentLog,
    };
    // One after the other, because each has its own time.
    for (const time of times) {
      now = time;
      const body = pushBody({ after: randomBytes(20).toString("hex") });
      const receipt = await receive(signedRequest(body, randomUUID(), time), source, deps);
      if (!receipt.ok || receipt.value.status !== "accepted") throw new Error("a delivery was not accepted");
    }
    await Promise.all(received.map((delivery) => deliveries.record(delivery)));
    return received;
  };

  const relayed = async (batch: readonly RecordedDelivery[]): Promise<void> => {
    await Promise.all(batch.map(({ id, receivedAt }) => deliveries.markRelayed(id, receivedAt)));
    await Promise.all(batch.filter((_, n) => n % FIRE_EVERY === 0).map(fired));
  };

  const fired = async (delivery: RecordedDelivery): Promise<void> => {
    const [busEvent] = busEventsOf(delivery);
    if (busEvent === undefined) throw new Error("a push has an event");
    const { receivedAt: at, id } = delivery;
    const { id: action } = await schedule(ROUTE, busEvent.detail, { actions, deliveries, clock });
    const claim = await actions.claim(action, now, laterBy(now, 60_000));
    if (claim === undefined) throw new Error("the action is not due");
    const eventID = randomUUID();
    await origins.remember("cluster", eventID, id);
    await deliveries.addToTimeline(id, {
      at,
      kind: "attempt",
      route: ROUTE.name,
      action: ROUTE.action,
      attempt: claim.attempt,
      outcome: "done",
      summary: "accepted by the listener",
      facts: { eventID },
      durationMs: 12,
    });
    await actions.complete(claim);
  };

  return { stores, recorded, relayed };
}

async function queryTimes(
  { deliveries }: AllStores,
  { newest, times }: { readonly newest: EpochMillis; readonly times: number },
) {
  const query: Omit<ListQuery, "matches"> = {
    before: { receivedAt: newest, id: "" },
    notBefore: epochMillis(newest - WEEK_MS),
    limit: 50,
    scanLimit: 2_000,
  };
  const outbox = await deliveries.unrelayed(systemClock.now(), SWEEP_SIZE);
  if (outbox.length < SWEEP_SIZE) throw new Error("the outbox is not full");
  return {
    firstPageMs: await medianMs(times, () => deliveries.list({ ...query, matches: () => true })),
    noMatchMs: await medianMs(times, () => deliveries.list({ ...query, matches: () => false })),
    outboxMs: await medianMs(times, () => deliveries.unrelayed(systemClock.now(), SWEEP_SIZE)),
  };
}

/** The first half of the calls warms up and does not count. */
async function medianMs(times: number, query: () => Promise<unknown>): Promise<number> {
  const durations: number[] = [];
  for (let n = 0; n < 2 * times; n++) {
    const started = performance.now();
    await query();
    durations.push(performance.now() - started);
  }
  return median(durations.slice(times));
}

async function residentBytes(folder: string, generator: Child): Promise<number> {
  const bridge = await startStandalone(folder, generator.url);
  const load: WebhookLoad = {
    url: bridge.url,
    pace: { perSecond: 100 },
    seconds: WARM_SECONDS,
    fireEvery: FIRE_EVERY,
    repeatEvery: 5,
  };
  const { failures } = await generator.ask<LoadResult>(load);
  if (Object.keys(failures).length > 0) throw new Error(`deliveries failed: ${JSON.stringify(failures)}`);
  const bytes = await bridge.residentBytes();
  await bridge.stop();
  return bytes;
}

/** As in the configuration of `standalone-server.ts`. */
const ROUTE = { name: "build", action: "tekton", target: "listener" };
export const FIRE_EVERY = 10;
const RETENTION_DAYS = 90;
const APART_MS = 5_000;
/** Deliveries of one group commit. */
const BATCH = 500;
const WARM_SECONDS = 10;
const WEEK_MS = 7 * 86_400_000;

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(0)} MB`;
/** A query that takes as long at any size varies by that much between two runs. */
const AS_FAST = 1.25;
