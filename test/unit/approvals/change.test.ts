import { describe, expect, it } from "vitest";
import { aboutOf, changeIn, hasChanged, isOutdated } from "../../../shared/approvals/change.ts";
import type { Change } from "../../../shared/model/approval.ts";
import { busEventOf } from "../../../shared/model/bus-event.ts";
import type { BridgeEvent, ChangeEvent } from "../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { sampleDelivery, samplePageEvent } from "../../support/samples.ts";

function told(event: BridgeEvent, changes: Partial<RecordedDelivery> = {}) {
  const delivery: RecordedDelivery = { ...sampleDelivery(), ...changes, what: event.type, event };
  const busEvent = busEventOf(delivery);
  if (busEvent === undefined) throw new Error("it is an event");
  return { delivery, busEvent };
}

const [AT, LATER] = ["2026-11-02T08:59:59.000Z", "2026-11-02T09:00:00.000Z"] as const;

const push = (name: string): BridgeEvent => ({
  ...{ type: "code.pushed", keyParts: [name], time: "2026-11-02T08:59:59.000Z", subject: "platform/docs" },
  code: {
    ...{ project: "platform/docs", ref: `refs/heads/${name}`, name, change: "updated", commit: "c4a1e7d2" },
    ...{ commits: [], commitCount: 1 },
  },
});
const request = (type: ChangeEvent["type"], time: string = AT): BridgeEvent => ({
  ...{ type, keyParts: ["7"], time, subject: "platform/docs!7" },
  change: { project: "platform/docs", number: 7, commit: "c4a1e7d2" },
});

describe("a change", () => {
  it.each([
    ["a page's edit", samplePageEvent(7), { key: "page#98310#https://wiki.example.test", at: AT, mark: "7" }],
    [
      "a page's end",
      { ...samplePageEvent(7), type: "page.trashed" },
      { key: "page#98310#https://wiki.example.test#end" },
    ],
    ["a push", push("main"), { key: "code#/sources/wiki#platform/docs#refs/heads/main", at: AT, mark: "c4a1e7d2" }],
    ["a merge request's update", request("change.updated"), { key: "change#/sources/wiki#platform/docs#7" }],
    ["a merge request's merge", request("change.merged"), { key: "change#/sources/wiki#platform/docs#7#end" }],
    ["a merge request's close", request("change.closed"), { key: "change#/sources/wiki#platform/docs#7#end" }],
  ] as const)("is %s", (_, event, change) => {
    expect(changeIn(told(event).busEvent)).toMatchObject(change);
  });

  it.each([
    ["a label", { ...samplePageEvent(7), type: "page.labeled", label: "x" }],
    ["a comment", { ...samplePageEvent(7), type: "page.commented" }],
    ["a merge request's beginning", request("change.opened")],
  ] as const)("is not %s", (_, event) => {
    expect(changeIn(told(event).busEvent)).toBeUndefined();
  });

  it("is not what somebody has run again, which is about the page as it is when that is asked for", () => {
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const { busEvent, delivery } = told(samplePageEvent(7), { replay });
    expect(changeIn(busEvent)).toBeUndefined();
    expect(aboutOf(busEvent, delivery)).toEqual({
      key: "page#98310#https://wiki.example.test",
      at: "2026-11-02T09:00:00.001Z",
    });
  });
});

describe("what an approval is about has changed", () => {
  const about = { key: "k", at: AT, mark: "7" };
  it.each([
    ["later and another version", LATER, "8", true],
    ["later, and nobody says which version", LATER, undefined, true],
    ["later and the same version", LATER, "7", false],
    ["at the same time and another version", AT, "8", true],
    ["at the same time, and of two versions", AT, undefined, true],
    ["at the same time and the same version", AT, "7", false],
    ["earlier", "2026-11-02T08:00:00.000Z", "6", false],
  ])("%s: %s", (_, at, mark, expected) => {
    expect(hasChanged(about, { key: "k", at, ...(mark !== undefined && { mark }) })).toBe(expected);
  });

  it("where nobody ever says which version, by the time alone", () => {
    expect(hasChanged({ key: "k", at: AT }, { key: "k", at: AT })).toBe(false);
    expect(hasChanged({ key: "k", at: AT }, { key: "k", at: LATER })).toBe(true);
    expect(hasChanged({ key: "k", at: AT }, about)).toBe(false);
  });
});

describe("an approval is void", () => {
  /** Of an approval about the first event, once the others have been told. */
  const isVoid = (first: BridgeEvent, ...others: readonly BridgeEvent[]): Promise<boolean> => {
    const { busEvent, delivery } = told(first);
    const changes = new Map<string, Change>();
    for (const event of others) {
      const change = changeIn(told(event).busEvent);
      if (change) changes.set(change.key, change);
    }
    return isOutdated(aboutOf(busEvent, delivery), { latestChange: async (key) => changes.get(key) });
  };
  const later = (type: ChangeEvent["type"]) => request(type, LATER);
  const trashed = { ...samplePageEvent(7), type: "page.trashed", time: LATER } as const;
  it.each([
    ["for a merge request that was merged since", request("change.opened"), [later("change.merged")]],
    ["for one that was closed since", request("change.updated"), [later("change.closed")]],
    [
      "for one that was merged and then told of again",
      request("change.opened"),
      [later("change.merged"), later("change.updated")],
    ],
    ["for a page that was trashed since, in the same version", samplePageEvent(7), [trashed]],
    [
      "for a merge that is told of a second time, after a reopening",
      request("change.merged"),
      [later("change.merged")],
    ],
  ])("%s", async (_, first, others) => {
    expect(await isVoid(first, ...others)).toBe(true);
  });

  it.each([
    ["for a merge request that was merged before", request("change.opened", LATER), [request("change.merged")]],
    ["for what was merged, and then told of again", request("change.merged"), [later("change.updated")]],
    ["for what was merged, by its own event", request("change.merged"), [request("change.merged")]],
  ])("not %s", async (_, first, others) => {
    expect(await isVoid(first, ...others)).toBe(false);
  });
});
