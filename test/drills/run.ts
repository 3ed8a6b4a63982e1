import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { alertRules } from "./alerts.ts";
import { type Drill, type Finding, runDrill } from "./drill.ts";
import { startDrillSite } from "./drill-site.ts";
import { DRILLS } from "./drills.ts";
import { reportOf } from "./report.ts";

/**
 * `npm run drill`: breaks one thing after the other on purpose, and prints what each side showed. Exits with 1 if a side
 * did not show what it should.
 *
 * - `--report <file>`: also writes the results as one Markdown page.
 */
const { values } = parseArgs({ options: { report: { type: "string" } } });

const folder = mkdtempSync(join(tmpdir(), "drawbridge-drill-"));
process.env["CLOCK_FILE"] = join(folder, "clock");
await import(new URL("../support/set-clock.mjs", import.meta.url).href);
const setClock = (aheadMs: number): void => {
  writeFileSync(join(folder, "clock"), String(aheadMs));
  process.emit("SIGUSR2");
};

const startedAt = new Date();
const site = await startDrillSite({ setClock });
const results: { readonly drill: Drill; readonly findings: readonly Finding[] }[] = [];
try {
  const rules = alertRules();
  // Nothing is broken yet: each source has had a good request, and the page shows a run.
  await site.reportAs("job");
  await site.edit();
  await site.settled();
  for (const drill of DRILLS) {
    process.stdout.write(`… ${drill.name}\n    broken    ${drill.broken}\n`);
    const findings = await runDrill(drill, { site, rules });
    results.push({ drill, findings });
    for (const { side, saw, wanted } of findings) {
      process.stdout.write(`  ${wanted === undefined ? "✓" : "✕"} ${side.padEnd(9)} ${saw}\n`);
      if (wanted !== undefined) process.stdout.write(`    wanted    ${wanted}\n`);
    }
  }
} finally {
  await site.stop();
  rmSync(folder, { recursive: true });
}
const failed = results.filter(({ findings }) => findings.some(({ wanted }) => wanted !== undefined));
process.stdout.write(`\n${results.length - failed.length} of ${results.length} drills passed\n`);
if (values.report !== undefined) {
  writeFileSync(values.report, reportOf(results, startedAt));
  process.stdout.write(`the results are in ${values.report}\n`);
}
process.exitCode = failed.length === 0 ? 0 : 1;
