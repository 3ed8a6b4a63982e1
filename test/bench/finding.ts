import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { type EpochMillis, laterBy, systemClock, toIso } from "../../shared/host/clock.ts";
import type { ListedDeliveries } from "../../shared/http/deliveries.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import { trustEntry } from "../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { type ListedDelivery, type Term, termOf, termText } from "../../shared/model/lookup-terms.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { sampleDelivery } from "../support/samples.ts";
import { bindingDeps, silentLog } from "../support/test-doubles.ts";
import type { MeasureOptions } from "./measure.ts";
import { progress } from "./progress.ts";
import { type Table, whole } from "./table.ts";

/**
 * How long each call takes that finds deliveries, on one machine with a million deliveries of the last week, beside an empty
 * store and one that has only what the calls find. An empty store has nothing to read and to show, so the second one says
 * whether a call takes longer because of what it does not find.
 */
export async function finding({ quick }: MeasureOptions): Promise<readonly Table[]> {
  const total = quick ? 30_000 : 1_000_000;
  const identity = await startIdentityProvider({ clients: [PERSON] });
  const now = systemClock.now();
  const stores: OpenStore[] = [];
  try {
    for (const name of STORES) stores.push(await openStore(identity, name));
    const [empty, answers, full] = stores;
    if (empty === undefined || answers === undefined || full === undefined) throw new Error("all three are open");
    const asked = Array.from({ length: VALUES }, (_, at) => (at * 7_919 * 10) % total);
    const answered = answersTo(asked, total);
    const isAnswer = (n: number): boolean => answered.has(n);
    await fill(answers, { total, now, isWanted: isAnswer, isAnswer });
    await fill(full, { total, now, isWanted: () => true, isAnswer });
    const rows: (readonly string[])[] = [];
    for (const call of CALLS) {
      progress(call.what);
      rows.push(await rowOf(call, { empty, answers, full, asked, now, runs: RUNS[quick ? "quick" : "whole"] }));
    }
    return [{ title: TITLE, headings: headingsFor(total), rows }];
  } finally {
    for (const { close } of stores) await close();
    await identity.close();
  }
}

const TITLE = "One call of the interface, in ms of the processor for both ends: p50 / p95";
const headingsFor = (total: number): readonly string[] => [
  "call",
  "found",
  "empty store",
  "only what is found",
  `${whole(total)} deliveries`,
  "p95 : only what is found",
  "at most 1.5",
  "p95 : empty store",
  "at most 1.5",
];
const STORES = ["empty", "answers", "full"] as const;
const PERSON = { id: "on-call", secret: "on-call-secret-for-tests" };
const AUDIENCE = "https://bridge.example.test";
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** Time between two deliveries: a million in a week. A quick run has those of the last hours. */
const APART_MS = WEEK_MS / 1_000_000;
/** The last ones are relayed one by one, as on a machine that is not busy, and those before 25 at a time. */
const ONE_BY_ONE_MS = 600_000;
const GROUP = 25;
const RUNS = { whole: 100, quick: 20 };
/** Values of each kind that are asked for. */
const VALUES = 20;
const LIMIT = 50;
const TARGET = 1.5;

interface OpenStore {
  readonly stores: AllStores;
  /** A token ends sooner than a store is filled. */
  readonly signIn: () => Promise<void>;
  readonly get: (path: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

async function openStore(identity: IdentityProvider, name: string): Promise<OpenStore> {
  const folder = await mkdtemp(join(tmpdir(), `drawbridge-bench-${name}-`));
  const { table, close } = openTable(folder, silentLog);
  const clock = systemClock;
  const stores = openAllStores(table, { retentionDays: 30, markUnrelayed: false, singleProcess: true, clock });
  const entry = { issuer: identity.issuer, audience: AUDIENCE };
  const claims = [{ path: "sub", equals: PERSON.id }];
  const issuers = { people: v.parse(trustEntry, { ...entry, claims, roles: ["on-call"] }) };
  const tokens = createTokenVerifier(issuers, bindingDeps(clock));
  const policy = policyOf(v.parse(v.record(v.string(), role), DEFAULT_ROLES));
  const bridge = await httpBridge({
    calls: { ...stores, tokens, trustEntries: Object.keys(issuers), policy },
    clock,
  });
  let authorization = "";
  return {
    stores,
    signIn: async () => {
      authorization = `Bearer ${await identity.token(PERSON, AUDIENCE)}`;
    },
    get: async (path) => {
      const response = await fetch(new URL(path, bridge.url), { headers: { authorization } });
      // The empty store has no delivery to explain.
      if (!response.ok && name !== "empty") throw new Error(`${path}: ${response.status}`);
      return response.json();
    },
    close: async () => {
      await bridge.close();
      close();
      await rm(folder, { recursive: true });
    },
  };
}

/** How many deliveries apart are two with the same value. Ten in a row share a commit and a run. */
const APART = { page: 5_000, person: 500, branch: 200, pipeline: 100 } as const;

const KINDS = Object.keys(APART) as (keyof typeof APART)[];

/** A page is known by digits. */
const valueAt = (kind: keyof typeof APART, n: number): string =>
  `${kind === "page" ? "" : `${kind}-`}${n % APART[kind]}`;

/** What the n-th delivery has; the newest is the first. */
const termsAt = (n: number): readonly Term[] => [
  termOf("commit", commitOf(Math.floor(n / 10))),
  termOf("run", `run-${Math.floor(n / 10)}`),
  ...KINDS.map((kind) => termOf(kind, valueAt(kind, n))),
  termOf("trace", traceOf(n)),
];

/** Different in its first seven digits. */
const commitOf = (n: number): string => ((n * 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(5);
const traceOf = (n: number): string => `${commitOf(n).slice(0, 16)}${n.toString(16).padStart(16, "0")}`;

/** The deliveries that the calls find. */
function answersTo(asked: readonly number[], total: number): ReadonlySet<number> {
  const found = new Set(Array.from({ length: LIMIT }, (_, n) => n));
  for (const n of asked) {
    for (let same = 0; same < 10; same++) found.add(n - (n % 10) + same);
    for (const apart of Object.values(APART))
      for (let at = 0, same = n % apart; at < LIMIT && same < total; at++, same += apart) found.add(same);
  }
  return found;
}

interface Call {
  readonly what: string;
  readonly path: (n: number, now: EpochMillis) => string;
}

const lookUp = (what: string, query: (n: number) => Record<string, string>): Call => ({
  what,
  path: (n) => `/v1/deliveries?${new URLSearchParams({ limit: String(LIMIT), ...query(n) })}`,
});

const CALLS: readonly Call[] = [
  lookUp("the newest fifty", () => ({})),
  lookUp("by commit", (n) => ({ commit: commitOf(Math.floor(n / 10)).slice(0, 12) })),
  lookUp("by run", (n) => ({ run: `run-${Math.floor(n / 10)}` })),
  ...KINDS.map((kind) => lookUp(`by ${kind}`, (n) => ({ [kind]: valueAt(kind, n) }))),
  lookUp("by a person's name, typed anywhere", (n) => ({ find: valueAt("person", n) })),
  lookUp("by a commit that is not there", (n) => ({ commit: `fffffff${n}` })),
  lookUp("by trace id", (n) => ({ trace: traceOf(n) })),
  { what: "explain a delivery", path: (n) => `/v1/deliveries/${idOf(n)}?explain=true` },
  {
    what: "counts of a day",
    path: (_, now) => `/v1/deliveries/counts?since=${toIso(laterBy(now, -DAY_MS))}&by=source`,
  },
  { what: "counts of a week", path: (_, now) => `/v1/deliveries/counts?since=${toIso(laterBy(now, -WEEK_MS))}` },
];

const idOf = (n: number): string =>
  `d-${n
    .toString(32)
    .replace(/[0189]/g, (digit) => "wxyz"["0189".indexOf(digit)] ?? "")
    .padStart(26, "w")}`;

async function fill(
  { stores: { deliveries } }: OpenStore,
  {
    total,
    now,
    isWanted,
    isAnswer,
  }: {
    readonly total: number;
    readonly now: EpochMillis;
    readonly isWanted: (n: number) => boolean;
    readonly isAnswer: (n: number) => boolean;
  },
): Promise<void> {
  const sample = sampleDelivery();
  let group: ListedDelivery[] = [];
  let heads: RecordedDelivery[] = [];
  for (let n = total - 1; n >= 0; n--) {
    if (isWanted(n)) {
      const receivedAt = laterBy(now, -1 - Math.floor(n * APART_MS));
      // Nothing reads the records of the others.
      if (isAnswer(n)) heads.push({ ...sampleDelivery(n, { receivedAt }), id: idOf(n) });
      const { source, principal, outcome, what, subject } = sample;
      const head = { id: idOf(n), source, principal, outcome, what, receivedAt, ...(subject && { subject }) };
      group.push({ ...head, terms: termsAt(n).map(termText) });
    }
    const isGroup = group.length > 0 && (n % GROUP === 0 || n * APART_MS < ONE_BY_ONE_MS);
    if (heads.length === HEADS_AT_ONCE || n === 0) {
      await Promise.all(heads.map((one) => deliveries.record(one)));
      heads = [];
    }
    if (!isGroup) continue;
    await deliveries.addToList(group);
    group = [];
    progress(`${total - n} of ${total} deliveries`);
  }
}

const HEADS_AT_ONCE = 1_000;

interface Measured {
  readonly empty: OpenStore;
  readonly answers: OpenStore;
  readonly full: OpenStore;
  readonly asked: readonly number[];
  readonly now: EpochMillis;
  readonly runs: number;
}

async function rowOf(
  { what, path }: Call,
  { empty, answers, full, asked, now, runs }: Measured,
): Promise<readonly string[]> {
  const times = { empty: [] as number[], answers: [] as number[], full: [] as number[] };
  let found = 0;
  for (const { signIn } of [empty, answers, full]) await signIn();
  for (const [at, n] of asked.entries()) {
    const [ours, other] = [await full.get(path(n, now)), await answers.get(path(n, now))];
    if (idsIn(ours).join() !== idsIn(other).join()) throw new Error(`${what}: the stores differ`);
    found += (idsIn(ours).length - found) / (at + 1);
  }
  // All are measured in turn, so that each has the same share of a busy machine.
  for (let run = 0; run < runs; run++) {
    const url = path(asked[run % asked.length] ?? 0, now);
    times.empty.push(await timeOf(() => empty.get(url)));
    times.answers.push(await timeOf(() => answers.get(url)));
    times.full.push(await timeOf(() => full.get(url)));
  }
  const [p95, toAnswers, toEmpty] = [times.full, times.answers, times.empty].map((all) => shareOf(all, 0.95));
  const ratios = [toAnswers, toEmpty].map((baseline = 0) => (p95 ?? 0) / baseline);
  return [
    what,
    found.toFixed(found % 1 === 0 ? 0 : 1),
    ...[times.empty, times.answers, times.full].map((all) =>
      [0.5, 0.95].map((share) => shown(shareOf(all, share))).join(" / "),
    ),
    ...ratios.flatMap((ratio) => [ratio.toFixed(2), ratio <= TARGET ? "yes" : "NO"]),
  ];
}

/** A list that is not of deliveries has none. */
const idsIn = (answer: unknown): readonly string[] =>
  (answer as Partial<ListedDeliveries>).deliveries?.map(({ id }) => id) ?? [];

/** Of the processor, for both ends of the call: other work on the machine makes it no longer. */
async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const shareOf = (all: readonly number[], share: number): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length * share)] ?? 0;

const shown = (ms: number): string => ms.toFixed(ms < 10 ? 1 : 0);
