import { describe, expect, it } from "vitest";
import { aboutOf, changeIn, hasChanged } from "../../../shared/approvals/change.ts";
import { entryOf } from "../../../shared/bus/entry.ts";
import type { BridgeEvent } from "../../../shared/delivery/event.ts";
import type { RecordedDelivery } from "../../../shared/store/deliveries.ts";
import { sampleDelivery, samplePageEvent } from "../../support/samples.ts";

function told(event: BridgeEvent, changes: Partial<RecordedDelivery> = {}) {
  const delivery: RecordedDelivery = { ...sampleDelivery(), ...changes, what: event.type, event };
  const entry = entryOf(delivery);
  if (entry === undefined) throw new Error("it is an event");
  return { delivery, entry };
}

const push = (name: string): BridgeEvent => ({
  ...{ type: "code.pushed", keyParts: [name], time: "2026-11-02T08:59:59.000Z", subject: "platform/docs" },
  code: {
    ...{ project: "platform/docs", ref: `refs/heads/${name}`, name, change: "updated", commit: "c4a1e7d2" },
    ...{ commits: [], commitCount: 1 },
  },
});
const request = (type: "change.updated" | "change.opened"): BridgeEvent => ({
  ...{ type, keyParts: ["7"], time: "2026-11-02T08:59:59.000Z", subject: "platform/docs!7" },
  change: { project: "platform/docs", number: 7, commit: "c4a1e7d2" },
});
const AT = "2026-11-02T08:59:59.000Z";

describe("a change", () => {
  it.each([
    ["a page's edit", samplePageEvent(7), { key: "page#98310#https://wiki.example.test", at: AT, mark: "7" }],
    ["a page's end", { ...samplePageEvent(7), type: "page.trashed" }, { mark: "7" }],
    ["a push", push("main"), { key: "code#/sources/wiki#platform/docs#refs/heads/main", at: AT, mark: "c4a1e7d2" }],
    ["a merge request's update", request("change.updated"), { key: "change#/sources/wiki#platform/docs#7" }],
  ] as const)("is %s", (_, event, change) => {
    expect(changeIn(told(event).entry)).toMatchObject(change);
  });

  it.each([
    ["a label", { ...samplePageEvent(7), type: "page.labeled", label: "x" }],
    ["a comment", { ...samplePageEvent(7), type: "page.commented" }],
    ["a merge request's beginning", request("change.opened")],
  ] as const)("is not %s", (_, event) => {
    expect(changeIn(told(event).entry)).toBeUndefined();
  });

  it("is not what somebody has run again, which is about the page as it is when that is asked for", () => {
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const { entry, delivery } = told(samplePageEvent(7), { replay });
    expect(changeIn(entry)).toBeUndefined();
    expect(aboutOf(entry, delivery)).toEqual({
      key: "page#98310#https://wiki.example.test",
      at: "2026-11-02T09:00:00.001Z",
    });
  });
});

describe("what an approval is about has changed", () => {
  const about = { key: "k", at: AT, mark: "7" };
  it.each([
    ["later and another version", "2026-11-02T09:00:00.000Z", "8", true],
    ["later, and nobody says which version", "2026-11-02T09:00:00.000Z", undefined, true],
    ["later and the same version", "2026-11-02T09:00:00.000Z", "7", false],
    ["at the same time", AT, "8", false],
    ["earlier", "2026-11-02T08:00:00.000Z", "6", false],
  ])("%s: %s", (_, at, mark, expected) => {
    expect(hasChanged(about, { key: "k", at, ...(mark !== undefined && { mark }) })).toBe(expected);
  });

  it("if it is about something, and a change of that is known", () => {
    expect(hasChanged(undefined, about)).toBe(false);
    expect(hasChanged(about, undefined)).toBe(false);
  });
});
