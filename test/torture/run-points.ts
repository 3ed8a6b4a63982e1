import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Programs } from "./build.ts";
import type { Figures } from "./crash-points.ts";

/** A folder in memory makes the copies fast. A kill of a process loses nothing there either. */
const FAST_FOLDER = "/dev/shm";

/** Runs the enumeration of crash points in a process of its own, which has the bundled product. */
export async function runPoints(programs: Programs, seed: number, points: number, realKills: number): Promise<Figures> {
  const folder = mkdtempSync(join(existsSync(FAST_FOLDER) ? FAST_FOLDER : tmpdir(), "drawbridge-torture-"));
  try {
    const args = [programs["crash-points"], folder, String(seed), String(points), String(realKills)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64_000_000 });
    // Printed by `crash-points.ts` from the same type.
    return JSON.parse(stdout) as Figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
