import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { matches } from "../../shared/routes/matches.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import { patternRows, refusedRows } from "../unit/routes/pattern-table.ts";
import { anEvent, aPattern } from "../unit/routes/random.ts";

/**
 * Holds our matcher to Event Ruler, the library that EventBridge publishes: the table's rows and random pairs.
 * Run it with `npx tsx test/oracle/patterns.ts [seed]`; Java 17 and Maven are needed, and Maven's repository the first time.
 */
interface Case {
  readonly name: string;
  readonly pattern: unknown;
  readonly event: unknown;
}

const here = fileURLToPath(new URL(".", import.meta.url));
const RANDOM_CASES = 500;

function run(command: string, args: readonly string[], input = ""): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  if (status !== 0 && stderr) process.stderr.write(stderr);
  return status === 0 ? stdout : undefined;
}

function ours({ pattern, event }: Case): string {
  const compiled = compilePattern(pattern);
  return compiled.ok ? String(matches(compiled.pattern, event)) : "refused";
}

function cases(seed: number): readonly Case[] {
  const rows = patternRows.flatMap(({ name, pattern, matches, misses }) =>
    [...matches, ...misses].map((event) => ({ name, pattern, event })),
  );
  const refused = refusedRows.filter((row) => !row.ours).map(({ name, pattern }) => ({ name, pattern, event: {} }));
  const random = fc.sample(fc.tuple(aPattern, anEvent), { numRuns: RANDOM_CASES, seed });
  return [...rows, ...refused, ...random.map(([pattern, event]) => ({ name: `random, seed ${seed}`, pattern, event }))];
}

function main(): number {
  if (run("java", ["-version"]) === undefined || run("mvn", ["-version"]) === undefined) {
    process.stdout.write("skipped: Event Ruler is a Java library, and java (17) or mvn is not on this machine\n");
    return 0;
  }
  const classpath = fetchRuler();
  if (classpath === undefined) {
    process.stdout.write("skipped: Maven could not fetch Event Ruler\n");
    return 0;
  }
  const seed = Number(process.argv[2] ?? Date.now() % 1_000_000);
  const all = cases(seed);
  const asked = all.map(({ pattern, event }) => JSON.stringify({ pattern, event })).join("\n");
  const answers =
    run("java", ["-cp", classpath, `${here}Oracle.java`], asked)
      ?.trim()
      .split("\n") ?? [];
  const differing = all.filter((one, index) => answers[index] !== ours(one));
  for (const one of differing.slice(0, 20)) {
    const theirs = answers[all.indexOf(one)];
    process.stdout.write(`${one.name}: ours ${ours(one)}, theirs ${theirs}: ${JSON.stringify(one)}\n`);
  }
  process.stdout.write(`${all.length} cases, ${differing.length} differ (seed ${seed})\n`);
  return differing.length === 0 && answers.length === all.length ? 0 : 1;
}

/** The class path of Event Ruler, fetched into Maven's own repository. */
function fetchRuler(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-oracle-"));
  const written = join(folder, "classpath");
  const done = run("mvn", ["-q", "-f", `${here}pom.xml`, "dependency:build-classpath", `-Dmdep.outputFile=${written}`]);
  const classpath = done === undefined ? undefined : readFileSync(written, "utf8").trim();
  rmSync(folder, { recursive: true });
  return classpath;
}

process.exitCode = main();
