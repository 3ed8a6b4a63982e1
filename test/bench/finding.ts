import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EpochMillis, laterBy, systemClock } from "../../shared/host/clock.ts";
import { type ListedDelivery, type Term, termOf, termText } from "../../shared/model/lookup-terms.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import type { Row } from "./table.ts";

/**
 * How long the list and each look-up take on one machine with a million deliveries of the last week, beside a store with
 * every hundredth of them, in which a look-up by page, person, branch or pipeline finds the same.
 */
export const finding: Measure = async ({ quick }) => {
  const total = quick ? 20_000 : 1_000_000;
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  const opened = [openTable(join(folder, "full"), silentLog), openTable(join(folder, "few"), silentLog)];
  const [full, few] = opened.map(({ table }) => new DeliveryStore(table, { retentionDays: 30, markUnrelayed: true }));
  try {
    if (full === undefined || few === undefined) throw new Error("both are open");
    const now = systemClock.now();
    const apartMs = WEEK_MS / total;
    await fill(full, total, { now, apartMs, every: 1 });
    await fill(few, total, { now, apartMs, every: EVERY });
    const rows: Row[] = [];
    for (const [what, termsOf] of SEARCHES) {
      const search = (store: DeliveryStore, n: number) =>
        store.list({
          before: { receivedAt: now, id: "~" },
          notBefore: laterBy(now, -WEEK_MS),
          limit: 50,
          scanLimit: Number.POSITIVE_INFINITY,
          terms: termsOf(n),
          matches: () => true,
        });
      // The two are measured in turn, so that both have the same share of a busy machine.
      const times = { full: [] as number[], few: [] as number[] };
      for (let run = 0; run < RUNS; run++) {
        const n = (run * 7_919 * EVERY) % total;
        times.full.push(await timeOf(() => search(full, n)));
        times.few.push(await timeOf(() => search(few, n)));
      }
      rows.push(...[0.5, 0.95].map((share) => rowOf(what, share, times)));
    }
    return rows;
  } finally {
    for (const { close } of opened) close();
    await rm(folder, { recursive: true });
  }
};

const WEEK_MS = 7 * 86_400_000;
const EVERY = 100;
const RUNS = 200;
const GROUP = 1_000;

/** What the n-th delivery has. Ten deliveries share a commit and a run, and many a person, a branch and a pipeline. */
const termsAt = (n: number): readonly Term[] => [
  termOf("commit", commitOf(Math.floor(n / 10))),
  termOf("run", `run-${Math.floor(n / 10)}`),
  termOf("page", String(n % 5_000)),
  termOf("person", `person-${n % 500}`),
  termOf("branch", `branch-${n % 200}`),
  termOf("pipeline", `pipeline-${n % 100}`),
];

/** Different in its first seven digits. */
const commitOf = (n: number): string => ((n * 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(5);

const kindAt = (kind: Term["kind"]) => (n: number) => termsAt(n).filter((term) => term.kind === kind);

const SEARCHES: readonly (readonly [string, (n: number) => readonly Term[]])[] = [
  ["the newest fifty", () => []],
  ...(["commit", "run", "page", "person", "branch", "pipeline"] as const).map(
    (kind) => [`by ${kind}`, kindAt(kind)] as const,
  ),
  ["by a commit that is not there", (n) => [termOf("commit", `fffffff${n}`)]],
];

async function fill(
  store: DeliveryStore,
  total: number,
  { now, apartMs, every }: { readonly now: EpochMillis; readonly apartMs: number; readonly every: number },
): Promise<void> {
  const sample = sampleDelivery();
  for (let from = 0; from < total; from += GROUP) {
    const group = Array.from({ length: Math.min(GROUP, total - from) / every }, (_, at): ListedDelivery => {
      const n = from + at * every;
      const { source, principal, outcome, what, subject } = sample;
      const receivedAt = laterBy(now, -1 - Math.floor(n * apartMs));
      const id = `d-${n.toString(36).padStart(26, "a")}`;
      const head = { id, source, principal, outcome, what, receivedAt, ...(subject !== undefined && { subject }) };
      return { ...head, terms: termsAt(n).map(termText) };
    });
    await store.addToList(group);
    if (from % 50_000 === 0) progress(`${from} of ${total} deliveries`);
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function rowOf(what: string, share: number, times: { readonly full: number[]; readonly few: number[] }): Row {
  const at = (all: number[]): number => all.sort((a, b) => a - b)[Math.floor(all.length * share)] ?? 0;
  const [ours, baseline] = [at(times.full), at(times.few)];
  return {
    what: `${what}, p${share * 100}: a million deliveries : ten thousand`,
    ours: `${ours.toFixed(2)} ms`,
    baseline: `${baseline.toFixed(2)} ms`,
    ratio: ours / baseline,
    target: { sense: "at most", ratio: 1.5 },
  };
}
