import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../shared/host/clock.ts";
import { gitlabHeaders } from "../support/http-bridge.ts";
import { startChild } from "./child.ts";
import { type Hook, load } from "./load.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import { pushBody } from "./push-hook.ts";
import { type Row, whole } from "./table.ts";

interface Sample {
  readonly deliveries: number;
  readonly bytes: number;
}

/**
 * Resident memory of the one-machine bridge while deliveries come in, every one with its own event and one in ten
 * firing a trigger. Once it is warm it must not grow; this is judged by the slope over the last three fifths.
 */
export const memory: Measure = async ({ quick }) => {
  const all = quick ? 5_000 : 100_000;
  const path = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  try {
    const { idle, samples } = await samplesOf(all, path);
    const onDisk = { bytes: await sizeOf(path), deliveries: all };
    return [...pointsOf(samples, { all, idle }), growthOf(samples, { all, idle, judged: !quick }), diskRow(onDisk)];
  } finally {
    await rm(path, { recursive: true });
  }
};

async function samplesOf(all: number, path: string) {
  const listener = await startListener();
  const bridge = await startChild("./standalone-server.ts", [path, listener.url]);
  const idle = (await bridge.usage()).residentBytes;
  const samples: Sample[] = [];
  const url = new URL("/webhooks/gitlab", bridge.url);
  while ((samples.at(-1)?.deliveries ?? 0) < all) {
    const deliveries = (samples.at(-1)?.deliveries ?? 0) + CHUNK;
    await load({ url, hook: freshPush, connections: 16, until: { requests: CHUNK } });
    const bytes = (await bridge.usage()).residentBytes;
    samples.push({ deliveries, bytes });
    progress(`memory of the one-machine bridge: ${deliveries} of ${all} deliveries, ${megabytes(bytes)}`);
  }
  await bridge.stop();
  listener.close();
  return { idle, samples };
}

/** Resident memory at each fifth of the way. */
function pointsOf(samples: readonly Sample[], { all, idle }: { readonly all: number; readonly idle: number }): Row[] {
  return samples
    .filter(({ deliveries }) => deliveries % (all / 5) === 0)
    .map(({ deliveries, bytes }) => ({
      what: `resident memory after ${whole(deliveries)} deliveries : idle`,
      ours: megabytes(bytes),
      baseline: megabytes(idle),
      ratio: bytes / idle,
    }));
}

function growthOf(
  samples: readonly Sample[],
  { all, idle, judged }: { readonly all: number; readonly idle: number; readonly judged: boolean },
): Row {
  const from = (all * 2) / 5;
  const growth = slopeOf(samples.filter(({ deliveries }) => deliveries >= from)) * (all - from);
  return {
    what: `its growth from ${whole(from)} deliveries on : idle`,
    ours: megabytes(growth),
    baseline: megabytes(idle),
    ratio: growth / idle,
    // A short run ends before the process is warm.
    ...(judged && { target: { sense: "at most", ratio: FLAT } as const }),
  };
}

function diskRow({ bytes, deliveries }: Sample): Row {
  const [each, body] = [bytes / deliveries, pushBody().length];
  return {
    what: "database files, bytes for each delivery : its body",
    ours: whole(each),
    baseline: whole(body),
    ratio: each / body,
  };
}

async function sizeOf(folder: string): Promise<number> {
  const files = await Promise.all((await readdir(folder)).map((file) => stat(join(folder, file))));
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Bytes for each delivery, by least squares: single samples depend on when the garbage was last collected. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(samples.map(({ deliveries }) => deliveries));
  const y = mean(samples.map(({ bytes }) => bytes));
  const together = mean(samples.map(({ deliveries, bytes }) => (deliveries - x) * (bytes - y)));
  return together / mean(samples.map(({ deliveries }) => (deliveries - x) ** 2));
}

function freshPush(): Hook {
  sent += 1;
  const body = pushBody({ branch: sent % 10 === 0 ? "main" : "work", after: randomBytes(20).toString("hex") });
  return { headers: gitlabHeaders(body, systemClock.now(), randomUUID()), body };
}
let sent = 0;

/** Answers as an EventListener does, and starts nothing. */
async function startListener(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response
        .writeHead(202, { "content-type": "application/json" })
        .end(JSON.stringify({ eventListener: "drawbridge", namespace: "ci", eventID: randomUUID() }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(0)} MB`;

/** Deliveries between two samples. */
const CHUNK = 500;
/** Growth that counts as flat, relative to the idle process. */
const FLAT = 0.1;
