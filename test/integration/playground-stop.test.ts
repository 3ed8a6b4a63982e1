import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startPlayground } from "../../functions/playground.ts";
import { PLAYGROUND_SESSION } from "../../shared/cli/session.ts";

const before = process.cwd();
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-stop-"));
  process.chdir(home);
});
afterEach(async () => {
  process.chdir(before);
  await rm(home, { recursive: true, force: true });
});

it("a playground whose trace has failed stops once, although a signal stops it too", async () => {
  const print = (line: string): void => {
    if (line.includes("A page edit is sent")) throw new Error("the terminal is gone");
  };
  const playground = await startPlayground({ port: 0, program: "drawbridge", print });
  await expect(playground.demonstrate()).rejects.toThrow("the terminal is gone");
  const stops = [playground.stop(), playground.stop()];
  expect(new Set(stops).size).toBe(1);
  await Promise.all(stops);
  expect(existsSync(PLAYGROUND_SESSION)).toBe(false);
});
