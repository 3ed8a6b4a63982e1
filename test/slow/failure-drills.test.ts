import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { DRILLS } from "../drills/drills.ts";
import { rowsOf } from "../support/documents.ts";

it("npm run drill: each drill passes, and is in the report", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-failure-drills-"));
  try {
    const file = join(folder, "drills.md");
    const args = ["run", "--silent", "drill", "--", "--report", file];
    // A drill that failed is in the output, which says more than the exit code.
    const { stdout } = await promisify(execFile)("npm", args).catch((failed: { readonly stdout: string }) => failed);
    expect(stdout.split("\n").filter((line) => line.startsWith("  ✕") || line.startsWith("    wanted"))).toEqual([]);
    expect(stdout).toContain(`${DRILLS.length} of ${DRILLS.length} drills passed`);
    const rows = rowsOf(await readFile(file, "utf8"));
    expect(rows.map(([name, ...cells]) => [name, cells.at(-1)])).toEqual(DRILLS.map(({ name }) => [name, "✓ passed"]));
  } finally {
    await rm(folder, { recursive: true });
  }
});
