import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../shared/host/clock.ts";
import { gitlabHeaders } from "../support/http-bridge.ts";
import { type Child, startChild } from "./child.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import type { Row } from "./table.ts";

/** Pages of the largest size that Confluence stores, of what is slowest to read. */
const PAGES = { "short elements": "<b></b>", paragraphs: "<p>a &amp; b</p>", tables: "<td><p>a</p></td>" };
const PAGE_BYTES = 5_000_000;
/** The largest body that the bridge accepts by default. */
const BODY_BYTES = 1_000_000;
const LIMIT_MS = 100;

/**
 * How long `/healthz` takes while other requests keep the one-machine bridge busy: the largest page is written again and
 * again, or the largest bodies arrive one after the other. The baseline is the same bridge without work, in the same run.
 */
export const fairness: Measure = async ({ quick }) => {
  const seconds = quick ? 3 : 20;
  const rows: Row[] = [];
  for (const [name, markup] of Object.entries(PAGES)) {
    const work = `a page of 5 MB of ${name} is written again and again`;
    rows.push(...(await measured({ work, markup, seconds, busy: writePage })));
  }
  rows.push(...(await measured({ work: "bodies of 1 MB arrive", markup: "<p>a</p>", seconds, busy: sendLarge })));
  return rows;
};

interface Fairness {
  readonly work: string;
  readonly markup: string;
  readonly seconds: number;
  readonly busy: (bridge: Child, until: AbortSignal) => Promise<void>;
}

async function measured({ work, markup, seconds, busy }: Fairness): Promise<readonly Row[]> {
  const path = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  const site = await startChild("./page-site.ts", [markup, String(PAGE_BYTES)]);
  const bridge = await startChild("./fairness-server.ts", [path, site.url.origin]);
  try {
    await healthTimes(bridge, 1);
    progress(`health checks of an idle bridge, ${seconds} s`);
    const idle = await healthTimes(bridge, seconds);
    progress(`health checks while ${work}, ${seconds} s`);
    const stop = new AbortController();
    const working = busy(bridge, stop.signal);
    const times = await healthTimes(bridge, seconds);
    stop.abort();
    await working;
    const { writes } = await site.ask<{ readonly writes: number }>({});
    const what = `p99 of /healthz while ${work}${busy === writePage ? `, ${writes} times` : ""}`;
    const p99 = percentile(times);
    return [
      {
        what: `${what} : idle`,
        ours: `${p99.toFixed(1)} ms`,
        baseline: `${percentile(idle).toFixed(1)} ms`,
        ratio: p99 / percentile(idle),
      },
      {
        what: "  the same : limit",
        ours: `${p99.toFixed(1)} ms`,
        baseline: `${LIMIT_MS} ms`,
        ratio: p99 / LIMIT_MS,
        target: { sense: "at most", ratio: 1 },
      },
    ];
  } finally {
    await Promise.all([bridge.stop(), site.stop()]);
    await rm(path, { recursive: true });
  }
}

/** One request every 20 ms, whether or not the earlier ones have ended, as a load balancer asks. In milliseconds. */
async function healthTimes({ url }: Child, seconds: number): Promise<readonly number[]> {
  const asked: Promise<number>[] = [];
  for (let n = 0; n < seconds * 50; n++) {
    asked.push(timeOf(new URL("/healthz", url)));
    await sleep(20);
  }
  return Promise.all(asked);
}

async function timeOf(url: URL): Promise<number> {
  const started = performance.now();
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
  return performance.now() - started;
}

const percentile = (times: readonly number[]): number =>
  times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.99)] ?? 0;

/** Reports the results of ever new runs, so that there is always a state to show. */
async function writePage(bridge: Child, until: AbortSignal): Promise<void> {
  for (let run = 1; !until.aborted; run++) {
    await post(bridge, pipelineOf(run));
    await sleep(100);
  }
}

async function sendLarge(bridge: Child, until: AbortSignal): Promise<void> {
  const { length } = JSON.stringify(pipelineOf(0));
  for (let run = 1; !until.aborted; run++) {
    await post(bridge, {
      ...pipelineOf(run),
      runner: { tags: Array(Math.floor((BODY_BYTES - length - 100) / 4)).fill("a") },
    });
  }
}

async function post({ url }: Child, hook: object): Promise<void> {
  const body = JSON.stringify(hook);
  const headers = { ...gitlabHeaders(body, systemClock.now(), randomUUID()), "x-gitlab-event": "Pipeline Hook" };
  const response = await fetch(new URL("/webhooks/gitlab", url), { method: "POST", headers, body });
  const text = await response.text();
  if (!text.includes('"accepted"')) throw new Error(`a hook was not accepted: ${response.status} ${text}`);
}

const PIPELINE = JSON.parse(
  readFileSync(new URL("../../shared/providers/gitlab/fixtures/pipeline.body", import.meta.url), "utf8"),
);

/** The hook of a pipeline that has ended, as a run of its own. */
const pipelineOf = (id: number) => ({
  ...PIPELINE,
  object_attributes: { ...PIPELINE.object_attributes, id, iid: id, status: id % 2 === 0 ? "success" : "failed" },
});
