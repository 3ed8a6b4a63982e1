import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { readAnswer } from "../../../shared/cli/bridge-client.ts";
import { timelineLine } from "../../../shared/cli/events.ts";
import {
  decidedApproval,
  heldTarget,
  listedApprovals,
  listedCredentials,
  listedDeliveries,
  listedTargets,
  overview,
  replayed,
  shownDelivery,
} from "../../../shared/cli/responses.ts";
import type { Replayed } from "../../../shared/delivery/replay.ts";
import type { HeldTarget } from "../../../shared/http/targets.ts";
import { approvals, credentials, deliveries, delivery, overviewOf, targets } from "../console/visiting.ts";

const word = (): string => "word";
const held = (words: () => string): HeldTarget => {
  const { target, pause } = targets(words).targets[0] ?? {};
  return { target: target ?? "", ...(pause && { pause }) };
};
const replay: Replayed = { delivery: "d-2", replayOf: "d-1", status: "accepted" };

const OF_ROUTE = { at: "2026-11-02T09:00:00.000Z", route: "docs", action: "tekton" } as const;

describe("a response of the bridge on the command line", () => {
  it.each([
    ["a list of deliveries", listedDeliveries, deliveries(word)],
    ["a delivery with every kind of timeline event", shownDelivery, delivery(word)],
    ["a list of approvals", listedApprovals, approvals(word)],
    ["an approval", decidedApproval, approvals(word).approvals[0]],
    ["a replay", replayed, replay],
    ["a list of targets", listedTargets, targets(word)],
    ["a target that was paused", heldTarget, held(word)],
    ["the overview", overview, overviewOf(word)],
    ["a list of credentials", listedCredentials, credentials(word)],
  ])("the command line reads %s as the bridge sends it", (_, schema: v.GenericSchema, response) => {
    expect(response).toMatchObject(readAnswer(JSON.stringify(response), schema) as object);
  });

  it("the events of a delivery stay whole, so that `events show --json` has what a route's patterns match", () => {
    const response = delivery(word);
    expect(response.events.length).toBeGreaterThan(0);
    expect(readAnswer(JSON.stringify(response), shownDelivery).events).toEqual(
      JSON.parse(JSON.stringify(response.events)),
    );
  });

  it("the command line prints every kind of timeline event", () => {
    const { timeline } = readAnswer(JSON.stringify(delivery(word)), shownDelivery);
    expect(timeline.map(timelineLine).filter((line) => /undefined|\[object/.test(line) || line === "")).toEqual([]);
  });

  it.each([
    ["waits for quiet until 10:00", "tekton waits for quiet until 10:00"],
    ["the target is paused", "tekton waits: the target is paused"],
  ])("a line about what waits says it once: %s", (summary, text) => {
    expect(timelineLine({ ...OF_ROUTE, kind: "waiting", summary })).toBe(`route docs: ${text}`);
  });

  it.each([
    ["superseded", "superseded by d-2, which is newer", "tekton superseded by d-2, which is newer"],
    ["superseded", "page 7: a newer run has the row", "tekton superseded: page 7: a newer run has the row"],
    ["not_fired", "not fired: approval p-1 was denied", "tekton not fired: approval p-1 was denied"],
  ] as const)("a line about what ended as %s says it once: %s", (endedAs, summary, text) => {
    const attempt = { kind: "attempt", attempt: 1, outcome: "done", durationMs: 0 } as const;
    expect(timelineLine({ ...OF_ROUTE, ...attempt, endedAs, summary })).toBe(`route docs: ${text}`);
  });

  it.each(["", "<html>", "[]", "{}", '{"deliveries":[{}]}'])(
    "the command line rejects the response %j of another server",
    (text) => {
      expect(() => readAnswer(text, listedDeliveries)).toThrow(expect.objectContaining({ code: "bridge_refused" }));
    },
  );
});
