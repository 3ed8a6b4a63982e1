import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBareTable } from "./bare-table.ts";
import { type Child, startChild } from "./child.ts";
import { median } from "./compare.ts";
import { FIRE_EVERY } from "./growth.ts";
import type { MeasureOptions } from "./measure.ts";
import { checkOutOldVersion } from "./old-version.ts";
import { progress } from "./progress.ts";
import { pushBody } from "./push-hook.ts";
import { NAMES, type System, type SystemName, systemsOf, whyNoWebhook } from "./systems.ts";
import { AT_MOST_LIMIT, comparisonTable, millis, type Pair, type Row, rowOf, type Table, whole } from "./table.ts";
import { type LoadResult, type Percentiles, TIMEOUT_MS, type WebhookLoad } from "./webhook-load.ts";

/**
 * The whole one-machine bridge, in a process of its own, under a load from another process. The other systems get the
 * same load in the same run, in turn.
 */
export async function standalone({ quick }: MeasureOptions): Promise<readonly Table[]> {
  const old = await checkOutOldVersion();
  const generator = await startChild("./load-generator.ts");
  try {
    const systems = systemsOf({ oldRoot: typeof old === "string" ? undefined : old.root });
    const extent = quick ? QUICK : FULL;
    const rounds = await roundsOf(systems, generator, extent);
    const leftOut = [
      ...(typeof old === "string" ? [`${NAMES.old} is left out: ${old}`] : []),
      ...[whyNoWebhook()].flatMap((why) => (why === undefined ? [] : [`${NAMES.webhook} is left out: ${why}`])),
    ];
    return [comparisonTable([...speedRows(rounds), ...leftOut.map(lineOf)]), systemTable(systems, rounds)];
  } finally {
    await generator.stop();
    if (typeof old !== "string") await old.remove();
  }
}

interface Extent {
  readonly rounds: number;
  /** Of each load. */
  readonly seconds: number;
}

const FULL: Extent = { rounds: 3, seconds: 5 };
const QUICK: Extent = { rounds: 1, seconds: 2 };

/** All systems in one round. */
interface Round {
  /** Bare inserts a second, without HTTP. */
  readonly inserts: number;
  readonly systems: ReadonlyMap<SystemName, Measured>;
}

/** One system in one round. */
interface Measured {
  readonly closed: LoadResult;
  readonly open: ReadonlyMap<number, LoadResult>;
  /** At a low rate, with pushes that all fire. */
  readonly crossing: LoadResult;
  readonly residentBytes: number;
}

async function roundsOf(systems: readonly System[], generator: Child, extent: Extent): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= extent.rounds; round++) {
    const measured = new Map<SystemName, Measured>();
    const inserts = await inFolder((folder) => insertsPerSecond(folder, extent.seconds));
    for (const system of systems) {
      progress(`one machine, round ${round} of ${extent.rounds}: ${system.name}`);
      measured.set(system.name, await inFolder((folder) => measure(system, folder, { generator, ...extent })));
    }
    rounds.push({ inserts, systems: measured });
  }
  return rounds;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(
  system: System,
  folder: string,
  { generator, seconds }: { readonly generator: Child; readonly seconds: number },
): Promise<Measured> {
  const running = await system.start(folder, generator.url);
  const run = (load: Pick<WebhookLoad, "pace"> & Partial<WebhookLoad>): Promise<LoadResult> =>
    generator.ask({ url: running.url, seconds, fireEvery: FIRE_EVERY, repeatEvery: REPEAT_EVERY, ...load });
  try {
    requireFires(system, await run({ pace: { connections: CONNECTIONS }, seconds: WARM_SECONDS }));
    const closed = await run({ pace: { connections: CONNECTIONS } });
    // Before the overload, whose work may still be going on afterwards.
    const crossing = await run({ pace: { perSecond: CROSSING_RATE }, fireEvery: 1 });
    const open = new Map<number, LoadResult>();
    for (const perSecond of RATES) open.set(perSecond, await run({ pace: { perSecond } }));
    return { closed, open, crossing, residentBytes: await running.residentBytes() };
  } finally {
    await running.stop();
  }
}

/** A hook that is ignored gets a 2xx too, and costs less. */
function requireFires({ name, fires }: System, { accepted, fired, failures }: LoadResult): void {
  if (accepted > 0 && (fired > 0 || !fires)) return;
  throw new Error(`${name} does not work: ${accepted} accepted, ${fired} fired, failed: ${JSON.stringify(failures)}`);
}

/** As many inserts at any time as the load has connections. */
async function insertsPerSecond(folder: string, seconds: number): Promise<number> {
  const table = openBareTable(folder);
  const body = pushBody();
  const started = performance.now();
  const end = started + seconds * 1_000;
  let inserts = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) {
      await table.insert(crypto.randomUUID(), body);
      inserts += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, writer));
  table.close();
  return (inserts * 1_000) / (performance.now() - started);
}

function speedRows(rounds: readonly Round[]): readonly Row[] {
  const both = (name: SystemName, of: (measured: Measured) => number): Pair[] =>
    rounds.flatMap(({ systems }) => {
      const [ours, other] = [systems.get("ours"), systems.get(name)];
      return ours && other ? [[of(ours), of(other)] as const] : [];
    });
  const at200 = both("ours", ({ open }) => open.get(200)?.latency.p99 ?? Number.NaN);
  return [
    ...rowOf(`accepted, closed loop : ${NAMES.old}`, both("old", acceptedRate), perSecond, {
      sense: "at least",
      ratio: 8,
    }),
    ...rowOf(
      "accepted, closed loop : bare SQLite inserts, no HTTP",
      rounds.flatMap(({ inserts, systems }) => {
        const ours = systems.get("ours");
        return ours ? [[acceptedRate(ours), inserts] as const] : [];
      }),
      perSecond,
      { sense: "at least", ratio: 0.5 },
    ),
    ...rowOf(`accepted, closed loop : ${NAMES.bare}`, both("bare", acceptedRate), perSecond),
    ...rowOf(`accepted, closed loop : ${NAMES.powertools}`, both("powertools", acceptedRate), perSecond, {
      sense: "at least",
      ratio: 1,
    }),
    ...rowOf(
      "p99 at 200/s, open loop : limit",
      at200.map(([ours]) => [ours, 25] as const),
      millis,
      AT_MOST_LIMIT,
    ),
    ...rowOf(
      `webhook to listener, p99 at ${CROSSING_RATE}/s : ${NAMES.old}`,
      both("old", ({ crossing }) => crossing.crossing.p99),
      millis,
      { sense: "at most", ratio: 0.5 },
    ),
  ];
}

const lineOf = (what: string): Row => ({ what, ours: "", baseline: "" });

function systemTable(systems: readonly System[], rounds: readonly Round[]): Table {
  return {
    title: `Systems: ${CONNECTIONS} connections in a closed loop, then requests at a fixed rate. Times are p50 / p99 in ms`,
    headings: [
      "system",
      "on the disk at 2xx",
      "accepted/s",
      "fired/s",
      "closed loop",
      ...RATES.map((rate) => `at ${whole(rate)}/s`),
      `to the listener, at ${CROSSING_RATE}/s`,
      "not fired",
      "MB",
    ],
    rows: systems.map(({ name, keeps, fires }) => {
      const all = rounds.flatMap(({ systems }) => systems.get(name) ?? []);
      const loads = all.flatMap(({ closed, open, crossing }) => [closed, crossing, ...open.values()]);
      return [
        NAMES[name],
        keeps,
        whole(median(all.map(acceptedRate))),
        fires ? whole(median(all.map(firedRate))) : "",
        latencies(all.map(({ closed }) => closed)),
        ...RATES.map((rate) => latencies(all.flatMap(({ open }) => open.get(rate) ?? []))),
        fires ? percentiles(all.map(({ crossing }) => crossing.crossing)) : "",
        fires ? whole(loads.reduce((sum, { notFired }) => sum + notFired, 0)) : "",
        (median(all.map(({ residentBytes }) => residentBytes)) / 1_000_000).toFixed(0),
      ];
    }),
  };
}

/** p50 and p99, and the share of requests that got no 2xx. */
function latencies(loads: readonly LoadResult[]): string {
  const sum = (of: (load: LoadResult) => number): number => loads.reduce((all, load) => all + of(load), 0);
  const failed = sum(({ failures }) => Object.values(failures).reduce((all, count) => all + count, 0));
  const share = failed / (failed + sum(({ accepted, repeated }) => accepted + repeated));
  const times = percentiles(loads.map(({ latency }) => latency));
  return failed === 0 ? times : `${times}, ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % failed`;
}

const percentiles = (all: readonly Percentiles[]): string =>
  `${shortMs(median(all.map(({ p50 }) => p50)))} / ${shortMs(median(all.map(({ p99 }) => p99)))}`;

const shortMs = (ms: number): string => (ms >= TIMEOUT_MS ? `> ${whole(TIMEOUT_MS)}` : ms.toFixed(ms < 10 ? 1 : 0));

const acceptedRate = ({ closed }: Measured): number => closed.accepted / closed.seconds;
const firedRate = ({ closed }: Measured): number => closed.fired / closed.seconds;
const perSecond = (rate: number): string => `${whole(rate)}/s`;

const CONNECTIONS = 16;
/** Requests a second, in an open loop. */
const RATES = [50, 200, 1_000];
/** A rate that every system follows. */
const CROSSING_RATE = 10;
/** One request in five repeats an earlier delivery. */
const REPEAT_EVERY = 5;
const WARM_SECONDS = 2;
