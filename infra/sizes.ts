import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { actions } from "../shared/actions/registry.ts";
import { type BundleSize, measureBundle, measureOneFile } from "./bundle-size.ts";
import { entryOf, type FunctionName, fileEntry, PROJECT_ROOT } from "./bundling.ts";
import { compileConfig } from "./compile-config.ts";

/** Maximum size in KB of what a function loads at its start. */
const MAX_KB = 450;
/** The same for the console and the actions, which also have pages to render. No sender of webhooks waits for them. */
const MAX_RENDERING_KB = 540;
/**
 * Longest start of `receive`, relative to the floor: a sender waits for it. The aim is 1.2: runs gave 1.22 to 1.27. The
 * others have more time.
 */
const MAX_RECEIVE_INIT_RATIO = 1.3;
const MAX_INIT_RATIO = 1.5;
/**
 * The smallest possible function, in one file as CDK's `NodejsFunction` bundles it, with all that the clients contain. The
 * start budgets are relative to it. Split into files as the bridge's functions are, so that unused ones are never read, it
 * is a second, informative baseline.
 */
const FLOOR = fileEntry("infra/floor.ts");
/** Packages that no function in AWS needs, and packages that `receive` does not need. */
const NOT_IN_AWS = ["yaml", "dynalite", "@hono/node-server"];
const NOT_IN_RECEIVE = ["@aws-sdk/client-eventbridge", "@aws-sdk/client-sqs"];
/** Timed imports of each bundle. The bundles take turns, so that a slow moment of the machine affects all of them. */
const ROUNDS = 21;
/** Number of owners of code that are printed, largest first. */
const SHOWN = 12;

type Sizes = ReadonlyMap<string, BundleSize>;

/** Bundles every function as the stack does and prints size, content and start-up time. Returns 1 if one is over budget. */
async function report(folder: string): Promise<number> {
  const acts = actions.map(({ name }) => `act-${name}` as const);
  const names: readonly FunctionName[] = ["receive", "receive-partner", "console", "relay", "sweep", ...acts];
  const { value } = await compileConfig(join(PROJECT_ROOT, "infra/example/drawbridge.yaml"));
  const measured = names.map(
    async (name) => [name, await measureBundle(entryOf(name), join(folder, name), value)] as const,
  );
  const floors = [
    ["floor", await measureOneFile(FLOOR, join(folder, "floor"), value)] as const,
    ["split floor", await measureBundle(FLOOR, join(folder, "split-floor"), value)] as const,
  ];
  const sizes: Sizes = new Map([...floors, ...(await Promise.all(measured))]);
  const initMs = await timeImports(sizes);
  const ratio = (name: string, floor: string): number => medianRatio(initMs.get(name) ?? [], initMs.get(floor) ?? []);
  for (const [name, size] of sizes) print(name, size, ratio(name, "floor"), ratio(name, "split floor"));
  const problems = names.flatMap((name) => overBudget(name, sizes.get(name), ratio(name, "floor")));
  for (const problem of problems) process.stdout.write(`over budget: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

/** Processor time in milliseconds to import each bundle, measured in a new process each time: one for each round. */
async function timeImports(sizes: Sizes): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map([...sizes.keys()].map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { index }] of sizes) times.get(name)?.push(await timeImport(index));
  }
  return times;
}

/**
 * The median of the rounds' ratios: both bundles of a round were measured at nearly the same moment. A ratio of the shortest
 * times would depend on a single fast round of one of them.
 */
function medianRatio(times: readonly number[], floors: readonly number[]): number {
  const ratios = times.map((time, round) => time / (floors[round] ?? Number.NaN)).sort((a, b) => a - b);
  return ratios[Math.floor(ratios.length / 2)] ?? Number.NaN;
}

async function timeImport(file: string): Promise<number> {
  const script = `const start = process.cpuUsage();
    await import(${JSON.stringify(file)});
    const { user, system } = process.cpuUsage(start);
    console.log((user + system) / 1000);`;
  const args = ["--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: ENVIRONMENT });
  return Number(stdout.trim().split("\n").at(-1));
}

/** The environment that Lambda would set, with names of nothing that exists: importing a function makes no call. */
const ENVIRONMENT = {
  AWS_REGION: "eu-central-1",
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  STAGE: "stage",
  TABLE_NAME: "table",
  BUS_NAME: "bus",
  QUEUE_URL: "https://sqs.invalid/queue",
  DEAD_LETTER_QUEUE_URL: "https://sqs.invalid/dead-letters",
};

function overBudget(name: FunctionName, size: BundleSize | undefined, ratio: number): readonly string[] {
  if (size === undefined) return [`${name} was not measured`];
  const forbidden = name === "receive" ? [...NOT_IN_AWS, ...NOT_IN_RECEIVE] : NOT_IN_AWS;
  const problems = size.owners
    .filter(([owner]) => forbidden.includes(owner))
    .map(([owner]) => `${name} contains ${owner}`);
  const maxKb = name === "console" || name.startsWith("act-") ? MAX_RENDERING_KB : MAX_KB;
  if (size.bytes > maxKb * 1_000) problems.push(`${name} has ${kb(size.bytes)} KB; the limit is ${maxKb} KB`);
  const maxRatio = name === "receive" ? MAX_RECEIVE_INIT_RATIO : MAX_INIT_RATIO;
  if (!(ratio < maxRatio + 0.005))
    problems.push(`${name} starts in ${ratio.toFixed(2)} × the floor; the limit is ${maxRatio} ×`);
  return problems;
}

function print(name: string, size: BundleSize, ratio: number, splitRatio: number): void {
  const { bytes, gzipBytes, laterBytes, owners } = size;
  const line = `${kb(bytes)} KB (gzip ${kb(gzipBytes)} KB), ${kb(laterBytes)} KB only when needed`;
  const start = `starts in ${ratio.toFixed(2)} × the floor (${splitRatio.toFixed(2)} × the split one)`;
  process.stdout.write(`${name}: ${line}; ${start}\n`);
  for (const [owner, size] of owners.slice(0, SHOWN)) process.stdout.write(`  ${kb(size).padStart(6)} KB  ${owner}\n`);
}

const kb = (bytes: number): string => (bytes / 1_000).toFixed(1);

const folder = await mkdtemp(join(tmpdir(), "drawbridge-sizes-"));
try {
  process.exitCode = await report(folder);
} finally {
  await rm(folder, { recursive: true });
}
