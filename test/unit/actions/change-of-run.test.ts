import { describe, expect, it } from "vitest";
import { changeOfRun, runKeyOf } from "../../../shared/actions/change-of-run.ts";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import { fixturesOf } from "../../support/provider-fixtures.ts";
import { causeOf } from "../../support/report-bench.ts";
import { buildOf } from "../../support/sandbox-confluence-action.ts";

const build = (changes: object): BusEvent =>
  causeOf("gitlab", { type: "build.succeeded", build: { ...buildOf(), ...changes } });
const change = { id: "41", targetProject: "platform/docs" };
const url = "https://gitlab.example.com/platform/docs/-/pipelines/1";
const alone = (busEvent: BusEvent) => changeOfRun({ busEvent, origin: busEvent });

describe("the change request of a run", () => {
  it("the recorded pipeline of a merge request names it, with the path of its target project", () => {
    const expected = fixturesOf("gitlab").find(({ name }) => name === "pipeline-of-fork")?.expected;
    if (expected?.outcome !== "event") throw new Error("there is no such fixture");
    const { keyParts: _, ...event } = expected.events[0];
    expect(alone(causeOf("gitlab", { ...event }))).toMatchObject({
      system: "https://gitlab.example.com",
      project: "platform/docs",
      id: "41",
    });
  });

  it("the change request that caused a run counts before the one that the run reports", () => {
    const origin = causeOf("gitlab", {
      type: "change.opened",
      change: { ...change, number: 41, project: "platform/docs", url: url.replace("pipelines", "merge_requests") },
    });
    const busEvent = build({ change: { id: "7", targetProject: "x/y" }, url });
    expect(changeOfRun({ busEvent, origin })).toMatchObject({ id: "41", system: "https://gitlab.example.com" });
    expect(alone(busEvent)).toMatchObject({ id: "7", project: "x/y", provider: "gitlab" });
  });

  it.each([
    ["without a change request", { url }],
    ["without a number", { url, change: { targetProject: "platform/docs" } }],
    ["without a target project", { url, change: { id: "41" } }],
    ["without an address", { change, url: undefined }],
    ["with an address that is none", { change, url: "pipelines/1" }],
  ])("a run %s is for none that is known", (_, changes) => {
    expect(alone(build(changes))).toBeUndefined();
  });

  it("each end of a run has a key of its own, which two reports of this end share", () => {
    const time = "2026-11-02T09:00:00.000Z";
    const first = buildOf({ round: "1" });
    expect(runKeyOf({ build: first, time })).toBe(runKeyOf({ build: { ...first, reason: "x" }, time }));
    expect(runKeyOf({ build: first, time })).not.toBe(runKeyOf({ build: { ...first, round: "2" }, time }));
  });
});
