import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectingBridge } from "../support/expecting-bridge.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";

const PAGE = "98310";
const START = sampleDelivery().id;

describe("the row of a run whose reports stop", () => {
  let site: SandboxConfluence;
  let bridge: Awaited<ReturnType<typeof expectingBridge>>;
  beforeEach(async () => {
    site = await startSandboxConfluence({ product: "cloud" });
    bridge = await expectingBridge({ showsRuns: site });
  });
  afterEach(async () => {
    await bridge.close();
    await site.close();
  });

  const row = () => {
    const { body } = site.page(PAGE).latest;
    const [, state = ""] =
      /ac:name="title">(\w+)</.exec(body.slice(body.indexOf("<td>", body.indexOf("Build status")))) ?? [];
    const [, since] = /no report since <time datetime="2026-11-02" \/> (\d\d:\d\d)/.exec(body) ?? [];
    return since === undefined ? state : `${state}, no report since ${since}`;
  };
  const listed = async () => (await bridge.listedSince())[START]?.slice(11, 16);

  it("is marked with the time of the last report, loses the mark with the next report, and gets the end when that comes", async () => {
    const { fire, lose, deliveries, sandbox, arrived, clock } = bridge;
    const later = async (minutes: number): Promise<void> => {
      clock.advance((minutes - 1) * 60_000);
      await bridge.later(1);
    };
    lose(/successful/);
    await fire();
    await later(2);
    expect(row()).toBe("RUNNING");
    const reported = (await deliveries.timeline(START)).filter((line) => line.kind === "followed_by");
    const versions = site.page(PAGE).versions.length;
    await later(87);
    expect([row(), await listed()]).toEqual(["RUNNING", undefined]);
    await later(3);
    expect([row(), await listed()]).toEqual(["RUNNING, no report since 09:00", "09:00"]);
    await later(300);
    expect(site.page(PAGE).versions.length).toBe(versions + 1);

    const running = await deliveries.get(reported.at(-1)?.delivery ?? "");
    if (running === undefined) throw new Error("the last report is recorded");
    await fire({ ...running, id: "d-again", receivedAt: clock.now() });
    await later(1);
    expect([row(), await listed()]).toEqual(["RUNNING", undefined]);
    expect(site.page(PAGE).versions.length).toBe(versions + 2);
    await later(92);
    expect([row(), await listed()]).toEqual(["RUNNING, no report since 15:32", "15:32"]);

    lose(undefined);
    sandbox.resendAll();
    await arrived();
    await later(1);
    expect([row(), await listed()]).toEqual(["PASSED", undefined]);
    const ended = site.page(PAGE).versions.length;
    await later(200);
    expect([row(), site.page(PAGE).versions.length]).toEqual(["PASSED", ended]);
  });
});
