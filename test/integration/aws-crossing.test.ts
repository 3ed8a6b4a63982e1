import { afterEach, describe, expect, it } from "vitest";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
afterEach(() => bridge.stop());

describe("a page edit that is sent to the functions", () => {
  it("the edit fires one run, and its result is written to the page", async () => {
    bridge = await awsBridge();
    const { listener, page } = bridge;
    const receipt = (await (await bridge.edit()).json()) as { readonly delivery: string };
    expect(await (await bridge.edit()).json()).toEqual({ delivery: receipt.delivery, status: "duplicate" });
    await until("the page to show PASSED", pageAfterTurn(bridge), (body) => body.includes("PASSED"));
    expect(listener.requests).toHaveLength(1);
    expect(listener.rejections).toEqual([]);
    expect(page().message).toMatch(/PASSED \[d-[a-z2-7]{26}\]$/);
    // The function that shows the run fires none, but still traces the run back to its origin.
    const timeline = await storesOf(bridge.account).deliveries.timeline(receipt.delivery);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "followed_by" }));
    const used = (await storesOf(bridge.account).credentialUses.list()).map(
      ({ name, credential }) => `${name} ${credential}`,
    );
    expect(used).toEqual(["cluster current", "wiki current", "pages env:PAGES"]);
  });
});
