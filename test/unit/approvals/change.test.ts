import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aboutOf, changeIn, hasChanged, isOutdated } from "../../../shared/approvals/change.ts";
import type { Change } from "../../../shared/model/approval.ts";
import type { BridgeEvent, ChangeEvent } from "../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { withChange } from "../../../shared/store/approvals.ts";
import { busEventOf, sampleDelivery, samplePageEvent } from "../../support/samples.ts";

function recorded(event: BridgeEvent, changes: Partial<RecordedDelivery> = {}) {
  const delivery: RecordedDelivery = { ...sampleDelivery(), ...changes, what: event.type, events: [event] };
  const busEvent = busEventOf(delivery);
  if (busEvent === undefined) throw new Error("it is an event");
  return { delivery, busEvent };
}

const [AT, LATER] = ["2026-11-02T08:59:59.000Z", "2026-11-02T09:00:00.000Z"] as const;

const push = (name: string): BridgeEvent => ({
  type: "code.pushed",
  keyParts: [name],
  time: "2026-11-02T08:59:59.000Z",
  subject: "platform/docs",
  code: {
    project: "platform/docs",
    ref: `refs/heads/${name}`,
    name,
    change: "updated",
    commit: "c4a1e7d2",
    commits: [],
    commitCount: 1,
  },
});
const request = (type: ChangeEvent["type"], time: string = AT): BridgeEvent => ({
  type,
  keyParts: ["7"],
  time,
  subject: "platform/docs!7",
  change: { project: "platform/docs", id: "7", number: 7, commit: "c4a1e7d2" },
});

describe("a change to what an approval is about", () => {
  it.each([
    ["a page's edit", samplePageEvent(7), { key: "page#98310#https://wiki.example.test", at: AT, mark: "7" }],
    [
      "the end of a page",
      { ...samplePageEvent(7), type: "page.trashed" },
      { key: "page#98310#https://wiki.example.test#end" },
    ],
    ["a version that Confluence made itself", { ...samplePageEvent(8), type: "page.rewritten" }, { mark: "8" }],
    ["the conversion of a live doc to a page", { ...samplePageEvent(8), type: "page.published" }, { mark: "8" }],
    ["a blog post's edit", { ...samplePageEvent(8), type: "blogpost.updated" }, { mark: "8" }],
    [
      "the end of a blog post",
      { ...samplePageEvent(8), type: "blogpost.deleted" },
      { key: "page#98310#https://wiki.example.test#end" },
    ],
    ["a push", push("main"), { key: "code#/sources/wiki#platform/docs#refs/heads/main", at: AT, mark: "c4a1e7d2" }],
    ["the update of a merge request", request("change.updated"), { key: "change#/sources/wiki#platform/docs#7" }],
    ["the merge of a merge request", request("change.merged"), { key: "change#/sources/wiki#platform/docs#7#end" }],
    ["the close of a merge request", request("change.closed"), { key: "change#/sources/wiki#platform/docs#7#end" }],
  ] as const)("%s is a change", (_, event, change) => {
    expect(changeIn(recorded(event).busEvent)).toMatchObject(change);
  });

  it.each([
    ["a label", { ...samplePageEvent(7), type: "page.labeled", label: "x" }],
    ["a move", { ...samplePageEvent(7), type: "page.moved" }],
    ["a comment", { ...samplePageEvent(7), type: "page.commented" }],
    ["the opening of a merge request", request("change.opened")],
  ] as const)("%s is a change only if it names a version or a commit", (_, event) => {
    const { busEvent } = recorded(event);
    const { mark, ...unnamed } = changeIn(busEvent) ?? { mark: undefined };
    expect(mark).toMatch(/^(7|c4a1e7d2)$/);
    const detail = { ...busEvent.detail };
    if ("page" in detail) Object.assign(detail, { page: { ...detail.page, version: undefined } });
    if ("change" in detail) Object.assign(detail, { change: { ...detail.change, commit: undefined } });
    expect(unnamed).toMatchObject({ at: AT });
    expect(changeIn({ ...busEvent, detail })).toBeUndefined();
  });

  it("a replay is not a change, and it is about the page at the time of the replay", () => {
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const { busEvent, delivery } = recorded(samplePageEvent(7), { replay });
    expect(changeIn(busEvent)).toBeUndefined();
    const about = { key: "page#98310#https://wiki.example.test", at: "2026-11-02T09:00:00.001Z" };
    expect(aboutOf(busEvent, delivery)).toEqual({ about });
  });
});

describe("an approval's subject", () => {
  const about = { key: "k", at: AT, mark: "7" };
  it.each([
    ["later and of another version", LATER, "8", true],
    ["later and of an unknown version", LATER, undefined, true],
    ["later and of the same version", LATER, "7", false],
    ["at the same time and of another version", AT, "8", true],
    ["at the same time and of an unknown version", AT, undefined, true],
    ["at the same time and of the same version", AT, "7", false],
    ["earlier", "2026-11-02T08:00:00.000Z", "6", false],
  ])("a change that is %s outdates the approval: $3", (_, at, mark, expected) => {
    expect(hasChanged(about, { key: "k", at, ...(mark !== undefined && { mark }) })).toBe(expected);
  });

  it("a change is compared by its time alone if the approval knows no version", () => {
    expect(hasChanged({ key: "k", at: AT }, { key: "k", at: AT })).toBe(false);
    expect(hasChanged({ key: "k", at: AT }, { key: "k", at: LATER })).toBe(true);
    expect(hasChanged({ key: "k", at: AT }, about)).toBe(false);
  });
});

describe("the newest change of a thing", () => {
  const marks = fc.array(fc.constantFrom("a", "b", "c", undefined), { minLength: 1, maxLength: 6 });
  const histories = marks.chain((all) => {
    const changes = all.map((mark, n): Change => {
      const at = `2026-11-02T09:00:0${n}.000Z`;
      return { key: "k", at, ...(mark !== undefined && { mark }) };
    });
    const repeated = fc.subarray(changes).map((again) => [...changes, ...again]);
    const order = repeated.chain((sent) => fc.shuffledSubarray(sent, { minLength: sent.length }));
    return fc.record({ changes: fc.constant(changes), order });
  });
  const merged = (changes: readonly Change[]) => {
    const [first, ...others] = changes;
    if (first === undefined) throw new Error("there is a change");
    return others.reduce(withChange, withChange(undefined, first));
  };
  /** Whether another mark, or an unknown one, came after this change. */
  const wasReplaced = (about: Change, changes: readonly Change[]) =>
    changes.some(({ at, mark }) => at > about.at && (mark === undefined || mark !== about.mark));

  it("every approval of a replaced version is outdated, in whatever order the changes are reported", () => {
    fc.assert(
      fc.property(histories, ({ changes, order }) => {
        for (const about of changes) {
          if (wasReplaced(about, changes)) expect(hasChanged(about, merged(order))).toBe(true);
        }
      }),
    );
  });

  it("only approvals of a replaced version are outdated if the changes are reported in their order", () => {
    fc.assert(
      fc.property(histories, ({ changes }) => {
        for (const about of changes) expect(hasChanged(about, merged(changes))).toBe(wasReplaced(about, changes));
      }),
    );
  });
});

describe("an outdated approval", () => {
  /** Whether an approval about the first event is void once the others are recorded. */
  const isVoid = (first: BridgeEvent, ...others: readonly BridgeEvent[]): Promise<boolean> => {
    const { busEvent, delivery } = recorded(first);
    const changes = new Map<string, Change>();
    for (const event of others) {
      const change = changeIn(recorded(event).busEvent);
      if (change) changes.set(change.key, change);
    }
    return isOutdated(aboutOf(busEvent, delivery), { latestChange: async (key) => changes.get(key) });
  };
  const later = (type: ChangeEvent["type"]) => request(type, LATER);
  const trashed = { ...samplePageEvent(7), type: "page.trashed", time: LATER } as const;
  it.each([
    ["a merge request that was merged since", request("change.opened"), [later("change.merged")]],
    ["a merge request that was closed since", request("change.updated"), [later("change.closed")]],
    [
      "a merge request that was merged and then updated",
      request("change.opened"),
      [later("change.merged"), later("change.updated")],
    ],
    ["a page that was trashed since, in the same version", samplePageEvent(7), [trashed]],
    [
      "a merge request that was merged a second time, after a reopening",
      request("change.merged"),
      [later("change.merged")],
    ],
  ])("an approval is void for %s", async (_, first, others) => {
    expect(await isVoid(first, ...others)).toBe(true);
  });

  it.each([
    ["a merge request that was merged before", request("change.opened", LATER), [request("change.merged")]],
    ["a merge that was followed by an update", request("change.merged"), [later("change.updated")]],
    ["a merge that is reported by its own event", request("change.merged"), [request("change.merged")]],
  ])("an approval is not void for %s", async (_, first, others) => {
    expect(await isVoid(first, ...others)).toBe(false);
  });
});
