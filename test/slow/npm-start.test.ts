import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let home: string;
let npm: ChildProcess | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-npm-"));
  await writeFile(join(home, "drawbridge.yaml"), "sources: {}\n");
});
afterEach(async () => {
  // The whole process group, so that nothing of a failed test stays.
  if (npm?.pid !== undefined) endGroup(npm.pid);
  await rm(home, { recursive: true, force: true });
});

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    expect(error).toMatchObject({ code: "ESRCH" });
  }
}

/** Starts a bridge through npm, and resolves when it is up. `ended` resolves when no process has its output open. */
async function startWith(...args: readonly string[]) {
  const options = ["--config", join(home, "drawbridge.yaml"), "--data", join(home, "data"), "--port", "0"];
  npm = spawn("npm", [...args, ...options], { cwd: ROOT, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const child = npm;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (text) => {
      output += String(text);
      const [, found] = /"url":"([^"]+)"/.exec(output) ?? [];
      if (found !== undefined) resolve(found);
    });
    void ended.then(() => reject(new Error(output)));
  });
  return { url, ended, stop: () => child.kill("SIGTERM") };
}

describe("a bridge that npm started", () => {
  it.each([
    ["npm start", ["start", "--"]],
    ["npm run drawbridge -- start", ["run", "drawbridge", "--", "start"]],
  ])(
    "a bridge started with %s ends on SIGTERM, and the next one can use its port and data",
    async (_, args) => {
      for (let time = 0; time < 2; time++) {
        const { url, ended, stop } = await startWith(...args);
        expect((await fetch(new URL("/healthz", url))).status).toBe(200);
        stop();
        await ended;
        await expect(fetch(new URL("/healthz", url))).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
      }
    },
    60_000,
  );
});
