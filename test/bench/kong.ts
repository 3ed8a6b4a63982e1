import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../shared/host/clock.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { type Child, startChild } from "./child.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import { pushBody } from "./push-hook.ts";
import type { Row } from "./table.ts";

/** Requests at the gateway in a second, and records in one batch of its log. */
const PER_SECOND = 5_000;
const BATCH = 200;
const MEGABYTE = 1_000_000;

/**
 * What the log of a gateway with 5,000 requests a second does to the one-machine bridge: how long webhooks of another sender
 * take meanwhile, beside the same bridge without it, and how its memory grows. One request in ten is refused.
 */
export const kong: Measure = async ({ quick }) => {
  const seconds = quick ? 5 : 60;
  const path = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  const bridge = await startChild("./kong-server.ts", [path]);
  try {
    await hookTimes(bridge, 2);
    progress(`webhooks without the log of a gateway, ${seconds} s`);
    const idle = percentile(await hookTimes(bridge, seconds));
    const stop = new AbortController();
    const sending = sendLog(bridge, stop.signal);
    // The first seconds fill caches.
    await sleep(quick ? 1_000 : 10_000);
    const before = (await bridge.usage()).residentBytes;
    progress(`webhooks while ${PER_SECOND} records a second arrive, ${seconds} s`);
    const busy = percentile(await hookTimes(bridge, seconds));
    const after = (await bridge.usage()).residentBytes;
    stop.abort();
    const sent = await sending;
    return rowsOf({ idle, busy, before, after, perSecond: sent.records / sent.seconds });
  } finally {
    await bridge.stop();
    await rm(path, { recursive: true });
  }
};

interface Figures {
  /** In milliseconds. */
  readonly idle: number;
  readonly busy: number;
  /** Resident memory, in bytes. */
  readonly before: number;
  readonly after: number;
  readonly perSecond: number;
}

const rowsOf = ({ idle, busy, before, after, perSecond }: Figures): readonly Row[] => [
  {
    what: "p99 of a webhook while the log of a gateway arrives : without it",
    ours: `${busy.toFixed(1)} ms`,
    baseline: `${idle.toFixed(1)} ms`,
    ratio: busy / idle,
    target: { sense: "at most", ratio: 2 },
  },
  {
    what: "records a second that were answered : sent",
    ours: perSecond.toFixed(0),
    baseline: String(PER_SECOND),
    ratio: perSecond / PER_SECOND,
    target: { sense: "at least", ratio: 0.95 },
  },
  {
    what: "resident memory after it : before it",
    ours: `${(after / MEGABYTE).toFixed(0)} MB`,
    baseline: `${(before / MEGABYTE).toFixed(0)} MB`,
    ratio: after / before,
    target: { sense: "at most", ratio: 1.2 },
  },
];

/** One push every 20 ms, whether or not the earlier ones have ended. In milliseconds. */
async function hookTimes(bridge: Child, seconds: number): Promise<readonly number[]> {
  const asked: Promise<number>[] = [];
  for (let n = 0; n < seconds * 50; n++) {
    asked.push(timeOf(bridge));
    await sleep(20);
  }
  return Promise.all(asked);
}

async function timeOf({ url }: Child): Promise<number> {
  const body = pushBody({ after: randomBytes(20).toString("hex") });
  const headers = gitlabHeaders(body, systemClock.now(), randomUUID());
  const started = performance.now();
  const response = await fetch(new URL("/webhooks/gitlab", url), { method: "POST", headers, body });
  await response.arrayBuffer();
  if (response.status !== 202) throw new Error(`a webhook was answered ${response.status}`);
  return performance.now() - started;
}

const percentile = (times: readonly number[]): number =>
  times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.99)] ?? 0;

/** Sends batches at a steady pace, as one node of the gateway does: the next one when the last one is answered. */
async function sendLog(
  { url }: Child,
  until: AbortSignal,
): Promise<{ readonly records: number; readonly seconds: number }> {
  const headers = { "content-type": "application/json", "x-kong-token": CANARY };
  const started = performance.now();
  let batches = 0;
  while (!until.aborted) {
    const dueMs = started + (batches * BATCH * 1_000) / PER_SECOND;
    await sleep(Math.max(0, dueMs - performance.now()));
    const response = await fetch(new URL("/webhooks/edge", url), { method: "POST", headers, body: batch(batches) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`a batch was answered ${response.status}`);
    batches += 1;
  }
  return { records: batches * BATCH, seconds: (performance.now() - started) / 1_000 };
}

/** Each record with an id of its own. */
const batch = (n: number): string =>
  `[${Array.from({ length: BATCH }, (_, at) => {
    const [before = "", after = ""] = (at % 10 === 0 ? REFUSED : PASSED).split(ID, 2);
    return `${before}${(n * BATCH + at).toString(16).padStart(32, "0")}${after}`;
  }).join()}]`;

const ID = "the-id-of-the-request";
const textOf = (name: string): string => {
  const url = new URL(`../../shared/providers/kong/fixtures/${name}.body`, import.meta.url);
  const record = JSON.parse(readFileSync(url, "utf8"));
  return JSON.stringify({ ...record, request: { ...record.request, id: ID } });
};
const REFUSED = textOf("refused-unauthenticated");
const PASSED = textOf("passed");
