import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface TracedFigures {
  /** Group commits that wrote. */
  readonly commits: number;
  /** Writes of items in these groups. */
  readonly writes: number;
  readonly faults: readonly string[];
}

/**
 * Runs a history under strace, and checks each group commit that wrote: exactly one `fsync` of the log, after the last
 * write to the log and before the commit returns. A commit that also copies the log into the database makes a second one
 * before the copy. Undefined if strace is not installed or not allowed.
 */
export function tracedRun(program: string, seed: number): TracedFigures | undefined {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-traced-"));
  try {
    const trace = join(folder, "trace");
    const strace = ["-f", "-y", "-s", "32", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace];
    const args = [...strace, process.execPath, program, join(folder, "data"), String(seed), "0", "prints"];
    const { status } = spawnSync("strace", args, { stdio: ["ignore", "ignore", "ignore"] });
    return status === 0 ? figuresOf(readFileSync(trace, "utf8")) : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figuresOf(trace: string): TracedFigures {
  const faults: string[] = [];
  let [commits, writes, written] = [0, 0, 0];
  let copies = false;
  let calls: ("write" | "sync")[] = [];
  for (const line of trace.split("\n")) {
    if (line.includes("drawbridge.db-wal>")) calls.push(/\bf(data)?sync\(/.test(line) ? "sync" : "write");
    else if (line.includes("drawbridge.db>")) copies = true;
    else if (line.includes('"before BEGIN')) [calls, written, copies] = [[], 0, false];
    else if (line.includes('"after INSERT') || line.includes('"after DELETE')) written += 1;
    else if (line.includes('"after COMMIT') && calls.length > 0) {
      commits += 1;
      writes += written;
      // The first commit of a log also synchronises the log's header, before its frames.
      const afterLastWrite = calls.slice(calls.lastIndexOf("write") + 1);
      if (afterLastWrite.length !== (copies ? 2 : 1))
        faults.push(`commit ${commits} made ${afterLastWrite.length} fsync calls`);
    }
  }
  if (commits === 0) faults.push("no commit was traced");
  return { commits, writes, faults };
}
