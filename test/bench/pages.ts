import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { type Child, startChild } from "./child.ts";
import type { MeasureOptions } from "./measure.ts";
import { progress } from "./progress.ts";
import { type Table, whole } from "./table.ts";

/**
 * How long the pages of the console take, and how large they are, with the deliveries of a busy week. The bridge is a
 * process of its own and has one request at a time.
 */
export async function pages({ quick }: MeasureOptions): Promise<readonly Table[]> {
  const deliveries = quick ? 1_000 : 10_000;
  progress(`a bridge with ${deliveries} deliveries`);
  const bridge = await startChild("./pages-server.ts", [String(deliveries)]);
  try {
    const { cookie } = await bridge.ask<{ readonly cookie: string }>({});
    const visitor = { bridge, cookie };
    const list = await pageAt("/console/deliveries", visitor);
    const [delivery] = /d-[a-z2-7]{26}/.exec(list.toString("utf8")) ?? [];
    if (delivery === undefined) throw new Error("the list has no delivery");
    const paths = {
      home: "/console",
      "list, newest fifty": "/console/deliveries",
      "list, what needs a person": `/console/deliveries?state=${NEEDED}`,
      delivery: `/console/deliveries/${delivery}`,
      thread: `/console/threads?delivery=${delivery}`,
      approvals: "/console/approvals",
    };
    const rows: (readonly string[])[] = [];
    for (const [name, path] of Object.entries(paths))
      rows.push(await rowOf(name, path, { ...visitor, times: quick ? 20 : 200 }));
    return [{ title: `The console with ${whole(deliveries)} deliveries`, headings: HEADINGS, rows }];
  } finally {
    await bridge.stop();
  }
}

const HEADINGS = [
  "page",
  "kB",
  "kB with gzip",
  "at most 60",
  "ms to the last byte, p50 / p95",
  "ms of the bridge's processor, p50 / p95",
  "p95 at most 50",
];
const MAX_MS = 50;
const MAX_KB = 60;
const NEEDED = "given_up,accepted_without_run,cut,retrying,waiting,refused,unusable";
/** The first requests compile what they need. */
const WARM = 30;

interface Visitor {
  readonly bridge: Child;
  readonly cookie: string;
}

async function rowOf(
  name: string,
  path: string,
  { times, ...visitor }: Visitor & { readonly times: number },
): Promise<readonly string[]> {
  const [all, cpu]: [number[], number[]] = [[], []];
  let body: Buffer = Buffer.of();
  progress(`page: ${name}`);
  for (let n = 0; n < WARM + times; n++) {
    const { cpuMs } = await visitor.bridge.usage();
    const started = performance.now();
    body = await pageAt(path, visitor);
    if (n < WARM) continue;
    all.push(performance.now() - started);
    cpu.push((await visitor.bridge.usage()).cpuMs - cpuMs);
  }
  const packed = gzipSync(body).length / 1_000;
  return [
    name,
    (body.length / 1_000).toFixed(1),
    packed.toFixed(1),
    packed <= MAX_KB ? "yes" : "NO",
    ...[all, cpu].map((one) => [0.5, 0.95].map((share) => shareOf(one, share).toFixed(1)).join(" / ")),
    shareOf(cpu, 0.95) <= MAX_MS ? "yes" : "NO",
  ];
}

/** The bytes of the page as they come. Throws if it is not shown. */
const pageAt = (path: string, { bridge, cookie }: Visitor): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const asked = request(new URL(path, bridge.url), { headers: { cookie, accept: "text/html" } }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts));
        else reject(new Error(`${path} answered ${response.statusCode}`));
      });
    });
    asked.on("error", reject);
    asked.end();
  });

const shareOf = (all: readonly number[], share: number): number =>
  all.toSorted((one, other) => one - other)[Math.floor(all.length * share)] ?? 0;
