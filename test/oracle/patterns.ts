import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { matches } from "../../shared/routes/matches.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import { operatorRows } from "../unit/routes/operator-rows.ts";
import { anAddress, anAddressPattern, anEvent, aPattern } from "../unit/routes/random.ts";
import { refusedRows } from "../unit/routes/refused-rows.ts";
import { structureRows } from "../unit/routes/structure-rows.ts";

/**
 * Compares our matcher with Event Ruler, the library that EventBridge publishes: the table's rows and random pairs.
 * `npm run test:oracle -- [seed]`; Java 17 and Maven are needed, and Maven's repository the first time.
 */
interface Case {
  readonly name: string;
  readonly pattern: unknown;
  readonly event: unknown;
}

const here = fileURLToPath(new URL(".", import.meta.url));
const RANDOM_CASES = 2_000;
/** For one process; it is killed then. The cases take some 20 s. */
const LIMIT_MS = 180_000;
const SHOWN = 20;
/** Java takes `256.0.10.1` for the name of a machine, and would ask the network for its address. */
const NO_LOOKUPS = "-Djdk.net.hosts.file=/dev/null";

function main(seed: number): number {
  const classpath = run("java", ["--version"]) === undefined ? undefined : fetchRuler();
  if (classpath === undefined) {
    process.stdout.write("skipped: this lane needs Java 17, and Maven with its repository, for Event Ruler\n");
    return 0;
  }
  const cases = [...tableCases(), ...randomCases(seed)];
  const asked = cases.map(({ pattern, event }) => JSON.stringify({ pattern, event })).join("\n");
  const answers = run("java", [NO_LOOKUPS, "-cp", classpath, `${here}Oracle.java`], asked)
    ?.trim()
    .split("\n");
  if (answers?.length !== cases.length) {
    process.stdout.write(`failed: Event Ruler answered ${answers?.length ?? 0} of ${cases.length} cases\n`);
    return 1;
  }
  const judged = cases.map((one, index) => ({ ...one, ours: answerOf(one), theirs: answers[index] }));
  const slow = judged.filter(({ theirs }) => theirs === "slow");
  const differing = judged.filter(({ ours, theirs }) => theirs !== "slow" && ours !== theirs);
  for (const one of differing.slice(0, SHOWN)) process.stdout.write(`${JSON.stringify(one)}\n`);
  process.stdout.write(
    `seed ${seed}: ${cases.length} cases, ${differing.length} differ, ${slow.length} were too slow for Event Ruler\n`,
  );
  return differing.length === 0 ? 0 : 1;
}

function answerOf({ pattern, event }: Case): string {
  const compiled = compilePattern(pattern);
  return compiled.ok ? String(matches(compiled.pattern, event)) : "refused";
}

function tableCases(): readonly Case[] {
  const refused = refusedRows.filter((row) => row.ours === undefined);
  return [
    ...[...operatorRows, ...structureRows].flatMap(({ matches, misses, ...row }) =>
      [...matches, ...misses].map((event) => ({ ...row, event })),
    ),
    ...refused.map(({ name, pattern }) => ({ name, pattern, event: {} })),
  ];
}

function randomCases(seed: number): readonly Case[] {
  const settings = { numRuns: RANDOM_CASES, seed };
  const pairs = [
    ...fc.sample(fc.tuple(aPattern, anEvent), settings),
    ...fc.sample(fc.tuple(anAddressPattern, anAddress), settings),
  ];
  return pairs.map(([pattern, event]) => ({ name: "random", pattern, event }));
}

/** The class path of Event Ruler, fetched into Maven's own repository; nothing where there is no Maven or no network. */
function fetchRuler(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-oracle-"));
  const written = join(folder, "classpath");
  const done = run("mvn", [
    "-q",
    "-B",
    "-f",
    `${here}pom.xml`,
    "dependency:build-classpath",
    `-Dmdep.outputFile=${written}`,
  ]);
  const classpath = done === undefined ? undefined : readFileSync(written, "utf8").trim();
  rmSync(folder, { recursive: true });
  return classpath;
}

/** What a command writes, if it is there, ends in time and ends well. */
function run(command: string, args: readonly string[], input = ""): string | undefined {
  const { status, stdout } = spawnSync(command, args, {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 26,
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    stdio: ["pipe", "pipe", "inherit"],
  });
  return status === 0 ? stdout : undefined;
}

process.exitCode = main(Number(process.argv[2] ?? Date.now() % 1_000_000));
