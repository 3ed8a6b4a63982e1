import { describe, expect, it } from "vitest";
import { type BusEntry, entryOf } from "../../../shared/bus/entry.ts";
import type { BuildEvent, BuildPart, BuildState } from "../../../shared/delivery/event.ts";
import { noteRun } from "../../../shared/delivery/rollback.ts";
import { type RouteRun, type RunPlace, withRun } from "../../../shared/store/runs.ts";
import { sampleDelivery } from "../../support/samples.ts";

const origin = entryOf(sampleDelivery()) as BusEntry;
const { eventKey, delivery } = origin.detail;

function ended(state: BuildState, changes: Partial<BuildPart> & { readonly subject?: string } = {}): BusEntry {
  const { subject = "ci/run-1", ...build } = changes;
  const event: BuildEvent = {
    type: `build.${state}`,
    ...{ keyParts: ["1"], time: "2026-11-02T09:03:00.000Z", subject },
    build: { system: "tekton", id: "1", pipeline: "ci/docs", state, ...build },
  };
  return entryOf({ ...sampleDelivery(2), what: event.type, event }) as BusEntry;
}

/** What is kept of a build, where these routes have fired on the delivery that started it. */
async function noted(entry: BusEntry, fired: number): Promise<readonly (RunPlace & RouteRun)[]> {
  const kept: (RunPlace & RouteRun)[] = [];
  const routes = [
    { name: "docs", runsReportedBy: "cluster" },
    { name: "build-docs", runsReportedBy: "cluster" },
    { name: "elsewhere", runsReportedBy: "other" },
  ];
  let asked = 0;
  await noteRun(
    { entry, origin, source: "cluster" },
    {
      routes,
      actions: { state: async () => (asked++ < fired ? "done" : undefined) },
      runs: { ended: async (place, run) => void kept.push({ ...place, ...run }) },
    },
  );
  return kept;
}

describe("the end of a run", () => {
  it.each([
    ["succeeded", true],
    ["failed", false],
    ["cancelled", false],
    ["timed_out", false],
  ] as const)("that %s is kept for the route that fired it", async (state, succeeded) => {
    expect(await noted(ended(state), 1)).toEqual([
      { route: "docs", delivery, succeeded, at: "2026-11-02T09:03:00.000Z" },
    ]);
  });

  it("is kept for the environment that the run tells as a result", async () => {
    const results = { environment: "production" };
    expect(await noted(ended("succeeded", { results }), 1)).toMatchObject([{ environment: "production" }]);
  });

  it("of two routes on one delivery is the one's that the run is named after, whatever the other's name ends in", async () => {
    expect(await noted(ended("failed", { subject: `ci/docs-${eventKey}` }), 2)).toMatchObject([{ route: "docs" }]);
    expect(await noted(ended("failed", { subject: `ci/build-docs-${eventKey}` }), 2)).toMatchObject([
      { route: "build-docs" },
    ]);
    expect(await noted(ended("failed"), 2)).toHaveLength(2);
  });

  it.each(["queued", "running", "waiting"] as const)("is not yet come while it is %s", async (state) => {
    expect(await noted(ended(state), 1)).toEqual([]);
  });
});

describe("the runs that are kept", () => {
  const run = (n: number, succeeded = true): RouteRun => ({ delivery: `d-${n}`, succeeded, at: `2026-11-02T09:0${n}` });

  it("forget a failure once another run is newer, and never what succeeded", () => {
    const runs = [run(1), run(2, false), run(3)].reduce<readonly RouteRun[]>(withRun, []);
    expect(runs).toEqual([run(3), run(1)]);
    expect(withRun(runs, run(2, false))).toEqual(runs);
  });

  it("take the later end of a delivery's run, and are the same for what they know", () => {
    const runs = withRun([], run(1, false));
    expect(withRun(runs, run(1, false))).toBe(runs);
    expect(withRun(runs, { ...run(2), delivery: "d-1" })).toEqual([{ ...run(2), delivery: "d-1" }]);
  });
});
