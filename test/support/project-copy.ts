import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { until } from "./until.ts";

/** What a checkout does not have, and what a process of this one may be writing. */
const LEFT_OUT = [".git", ".drawbridge", "cdk.out", "coverage", "dist", "node_modules"];

/** Where the rehearsal installs its emulator. */
export const EMULATOR = "node_modules/.cache/rehearsal";

/** A program that is bundled first, on a machine that may be busy. */
const START_MS = 120_000;

interface Ran {
  readonly code: number | null;
  /** What it printed, on both outputs. */
  readonly text: string;
}

/** A copy of the project that a test may change. It has the packages of the original by links, and a cache of its own. */
export async function copyProject() {
  const root = await mkdtemp(join(tmpdir(), "drawbridge-project-"));
  for (const name of await readdir(PROJECT_ROOT)) {
    if (!LEFT_OUT.includes(name)) await cp(join(PROJECT_ROOT, name), join(root, name), { recursive: true });
  }
  const packages = join(PROJECT_ROOT, "node_modules");
  await mkdir(join(root, "node_modules"));
  for (const name of await readdir(packages)) {
    if (name !== ".cache") await symlink(join(packages, name), join(root, "node_modules", name));
  }
  await mkdir(join(root, dirname(EMULATOR)));
  await symlink(join(PROJECT_ROOT, EMULATOR), join(root, EMULATOR));
  const running: { readonly child: ChildProcess; readonly ended: Promise<unknown> }[] = [];

  /** Starts a script of a document, in a process group of its own. */
  function start(script: string, environment: Readonly<Record<string, string>> = {}) {
    const { PATH = "" } = process.env;
    const child = spawn("bash", ["-e", "-c", script], {
      cwd: root,
      env: { PATH, HOME: root, NO_COLOR: "1", npm_config_update_notifier: "false", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let text = "";
    for (const output of [child.stdout, child.stderr]) {
      output.on("data", (more) => {
        text += String(more);
      });
    }
    const ended = new Promise<Ran>((resolve) => child.once("close", (code) => resolve({ code, text })));
    running.push({ child, ended });
    return {
      ended,
      /** The first match in what the script has printed, once there is one. */
      printed: (what: RegExp): Promise<string> =>
        until(
          `${what} in the output`,
          () => {
            if (child.exitCode !== null) throw new Error(`the script ended with ${child.exitCode}: ${text}`);
            return what.exec(text)?.[1] ?? "";
          },
          (found) => found !== "",
          { limitMs: START_MS },
        ),
    };
  }

  return {
    start,
    /** Runs a script of a document to its end. */
    run: (script: string, environment?: Readonly<Record<string, string>>): Promise<Ran> =>
      start(script, environment).ended,
    async remove(): Promise<void> {
      for (const { child, ended } of running) {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
        await ended;
      }
      await rm(root, { recursive: true, force: true });
    },
  };
}
