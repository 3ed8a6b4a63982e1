import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { median } from "./compare.ts";

/** The machine on which the figures are measured, in one line. Its load is that before the first measure. */
export function machine(): string {
  const [cpu] = cpus();
  return [
    `${cpus().length} × ${cpu?.model ?? "unknown processor"}`,
    `${Math.round(totalmem() / 1e9)} GB of memory`,
    `${type()} ${release()}`,
    `Node ${process.version}`,
    `write and fsync of 4 kB ${syncMs().toFixed(2)} ms${isInMemory() ? " (the folder for the data is in memory)" : ""}`,
    `load average ${loadavg()[0]?.toFixed(2)} before`,
  ].join(", ");
}

/** The median time until 4 kB are on the disk of the folder for the data. */
function syncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  const file = openSync(join(folder, "synced"), "w");
  const durations = Array.from({ length: 100 }, () => {
    const started = performance.now();
    writeSync(file, Buffer.alloc(4_096, 1));
    fsyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return median(durations);
}

/** A file system in memory has nothing to sync, so figures for the disk would mean nothing. */
const isInMemory = (): boolean => statfsSync(tmpdir()).type === TMPFS;

/** https://man7.org/linux/man-pages/man2/statfs.2.html */
const TMPFS = 0x01021994;
