import { afterEach, describe, expect, it } from "vitest";
import { readThread } from "../../../shared/delivery/read-thread.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { deliveryIdOf } from "../../../shared/model/idempotency-keys.ts";
import { bridgeParts } from "../../support/bridge-parts.ts";
import { testClock } from "../../support/test-doubles.ts";
import { report } from "../../support/thread-story.ts";

const RUN = { route: "docs", pipeline: "ci/docs", created: 1, started: 2, finished: 3, cause: "push" };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A thread of one run with this many reports. `aheadMs`: how far the clock was ahead when they came. */
async function threadOfReports(count: number, aheadMs = 0) {
  const clock = testClock();
  const parts = await bridgeParts([], { clock });
  closing.push(parts.stop);
  const reports = Array.from({ length: count }, (_, number) => {
    const { delivery } = report(RUN, "running");
    return {
      ...delivery,
      id: deliveryIdOf("story", [String(number)]),
      receivedAt: laterBy(clock.now(), aheadMs - number),
    };
  });
  await parts.deliveries.addToList(reports);
  for (const one of reports) await parts.deliveries.record(one);
  const deps = { ...parts, runReporters: [] };
  const thread = await readThread([reports[0]?.id ?? ""], deps, () => true);
  return { found: thread.deliveries.length, isCut: thread.isCut };
}

describe("the reports of one run", () => {
  it("all are read, and one with more than are read says so", async () => {
    expect(await threadOfReports(40)).toEqual({ found: 40, isCut: false });
    expect(await threadOfReports(130)).toEqual({ found: 100, isCut: true });
  });

  it("those are read that came while the clock was ahead", async () => {
    expect(await threadOfReports(3, 3_600_000)).toEqual({ found: 3, isCut: false });
  });
});
