import { afterEach, describe, expect, it } from "vitest";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const EDIT = {
  timestamp: 1_793_600_000_000,
  event: "page_updated",
  userKey: "robin.example",
  page: { id: Number(PAGE) },
};
const KEY = { originKey: { current: "env:ORIGIN" }, namespaces: ["ci"] };

const logged: object[] = [];
const warn = (fields: object, message: string) => void logged.push({ ...fields, message });
const log = { info: () => undefined, warn, error: warn };

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
afterEach(() => bridge.stop());

async function edited(listener: object): Promise<void> {
  bridge = await standaloneBridge({
    changes: { targets: { listener } },
    environment: { ORIGIN: "an invented key for the proofs of runs" },
    log,
  });
  await bridge.pageEdit(EDIT);
  await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
  await bridge.listener.settled();
}

const page = () => bridge.confluence.page(PAGE).latest;
const runs = () => [...bridge.listener.runs.values()];

/** Whoever reaches the listener repeats the bridge's request for another event. */
async function anonymousPost(key: string): Promise<void> {
  const [{ text } = { text: "{}" }] = bridge.listener.requests;
  const { delivery, ...body } = JSON.parse(text);
  await fetch(bridge.listener.url, {
    method: "POST",
    headers: { "content-type": "application/json", "drawbridge-route": "page-build" },
    body: JSON.stringify({ ...body, delivery: { ...delivery, key } }),
  });
}

describe("who started a run", () => {
  it("a run that the bridge asked for is shown with the person who caused it, as verified", async () => {
    await edited(KEY);
    expect(runs()[0]?.annotations["drawbridge.dev/proof"]).toMatch(/^[\w-]{43}$/);
    expect(page().body).toContain("“robin.example”<br /><small>named by wiki (verified)</small>");
  });

  it("a forged run is never shown as verified", async () => {
    await edited(KEY);
    await anonymousPost(`e-${"z".repeat(26)}`);
    await until("a row of the forged run", page, ({ body }) => body.includes("wiki (claimed by cluster)"));
    expect(runs()).toHaveLength(2);
    expect(runs()[1]?.annotations).toEqual(runs()[0]?.annotations);
    expect(page().body).not.toContain("verified");
    expect(page().body).not.toContain("robin.example");
  });

  it("no second run has the name that a proof is for", async () => {
    await edited(KEY);
    const { delivery } = JSON.parse(bridge.listener.requests[0]?.text ?? "{}");
    await anonymousPost(delivery.key);
    expect(bridge.listener.rejections).toEqual([expect.stringContaining("already exists")]);
    expect(page().body).toContain("(verified)");
  });

  it("a run that takes the name and the proof of a deleted one is never shown as verified", async () => {
    await edited(KEY);
    const [first] = runs();
    const { delivery } = JSON.parse(bridge.listener.requests[0]?.text ?? "{}");
    bridge.listener.deleteRuns();
    await anonymousPost(delivery.key);
    await until("a row of the second run", page, ({ body }) => body.includes("wiki (claimed by cluster)"));
    await bridge.listener.settled();
    expect(runs()).toMatchObject([{ name: first?.name, annotations: first?.annotations }]);
    expect(page().body).not.toContain("verified");
    expect(logged).toContainEqual({
      source: "cluster",
      run: `ci/${first?.name}`,
      first: first?.uid,
      uid: runs()[0]?.uid,
      message: "a run presents the proof of an earlier run of its name",
    });
  });

  it("without a key every run only claims its origin, and the row says who claims it", async () => {
    await edited({});
    expect(runs()[0]?.annotations["drawbridge.dev/proof"]).toBe("");
    expect(page().body).toContain("“robin.example”<br /><small>named by wiki (claimed by cluster)</small>");
    expect(page().body).not.toContain("verified");
  });
});
