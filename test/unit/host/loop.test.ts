import { describe, expect, it } from "vitest";
import type { LogFields } from "../../../shared/host/log.ts";
import { Loop } from "../../../shared/host/loop.ts";
import { silentLog } from "../../support/test-doubles.ts";

const NEVER = { everyMs: 1_000_000, log: silentLog };

/** Work that ends when the test calls the next of `ends`. */
function heldWork() {
  const ends: (() => void)[] = [];
  const work = () => new Promise<void>((resolve) => ends.push(resolve));
  return { ends, work };
}

describe("a loop", () => {
  it("a loop runs once more after the work under way, however often it was nudged meanwhile", async () => {
    const { ends, work } = heldWork();
    const loop = new Loop("test", NEVER, work);
    loop.nudge();
    for (let n = 0; n < 5; n++) loop.nudge();
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await new Promise(setImmediate);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await loop.stop();
    expect(ends).toHaveLength(2);
  });

  it("a loop goes on after a round that failed", async () => {
    let rounds = 0;
    const loop = new Loop("test", NEVER, async () => {
      rounds += 1;
      if (rounds === 1) throw new Error("once");
    });
    loop.nudge();
    await new Promise(setImmediate);
    loop.nudge();
    await new Promise(setImmediate);
    expect(rounds).toBe(2);
    await loop.stop();
  });

  it("a loop logs ever fewer of the failures in a row", async () => {
    const logged: unknown[] = [];
    const log = { ...silentLog, error: ({ failures }: LogFields) => void logged.push(failures) };
    let isDown = true;
    const loop = new Loop("test", { ...NEVER, log }, async () => {
      if (isDown) throw new Error("down");
    });
    const rounds = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round++) {
        loop.nudge();
        await new Promise(setImmediate);
      }
    };
    await rounds(10);
    expect(logged).toEqual([1, 2, 4, 8]);
    isDown = false;
    await rounds(1);
    isDown = true;
    await rounds(1);
    expect(logged).toEqual([1, 2, 4, 8, 1]);
    await loop.stop();
  });

  it("a loop stops after the work under way, and takes no nudge after that", async () => {
    const { ends, work } = heldWork();
    const loop = new Loop("test", NEVER, work);
    loop.nudge();
    const stopped = loop.stop();
    loop.nudge();
    ends[0]?.();
    await stopped;
    loop.nudge();
    expect(ends).toHaveLength(1);
  });
});
