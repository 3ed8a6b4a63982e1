import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShownBuild } from "../../../shared/model/board.ts";
import { type BoardRun, type ReportedBuild, rowOf, withBuild } from "../../../shared/model/board-runs.ts";
import type { BuildState } from "../../../shared/model/event.ts";

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 2, 9, minute)).toISOString();

/** The report of a webhook about a run, with the time of the run's creation. */
function byWebhook(n: number, state: BuildState, minute: number, changes: Partial<ShownBuild> = {}): ReportedBuild {
  return reportedBuild({ id: String(n), state, createdAt: at(n), reportedAt: at(minute), ...changes });
}

/** The report of a job about itself. The time of receipt is the only time it has. */
function byCallback(n: number, state: BuildState, minute: number, changes: Partial<ShownBuild> = {}): ReportedBuild {
  const end = ["succeeded", "failed"].includes(state) && { finishedAt: at(minute) };
  return reportedBuild({ id: String(n), state, reportedAt: at(minute), ...end, ...changes });
}

const reportedBuild = (
  build: Pick<ShownBuild, "id" | "state" | "reportedAt"> & Partial<ShownBuild>,
): ReportedBuild => ({
  build: { system: "gitlab", pipeline: "docs", ...build },
  delivery: `d-${build.id}-${build.state}-${build.reportedAt}`,
});

const shownOf = (all: readonly ReportedBuild[]) => rowOf("docs", all.reduce<readonly BoardRun[]>(withBuild, []));

/** The run and state that the page shows after these reports in this order. */
function shown(...all: readonly ReportedBuild[]): string {
  const { build, ended } = shownOf(all) ?? {};
  return `${build?.id} ${build?.state}${ended ? `, last ${ended.state}` : ""}`;
}

/** Ids of a system whose ids do not count up. */
const named = (n: number) => ({ id: `run-${n}` });

describe("the run that a row shows", () => {
  it.each<[string, string, readonly ReportedBuild[]]>([
    [
      "the run of a webhook, after an earlier run's callback",
      "513 running, last succeeded",
      [byCallback(512, "succeeded", 60), byWebhook(513, "running", 120, { createdAt: at(119) })],
    ],
    [
      "the end that the webhook reports, after an earlier run's callback",
      "513 failed",
      [byCallback(512, "succeeded", 60), byWebhook(513, "failed", 125, { createdAt: at(119), finishedAt: at(125) })],
    ],
    [
      "a later run's first callback, after an earlier run's last",
      "run-2 running, last succeeded",
      [byCallback(1, "succeeded", 60, named(1)), byCallback(2, "running", 61, named(2))],
    ],
    [
      "the later run, even if a callback of the earlier run arrives late",
      "513 running, last succeeded",
      [byWebhook(513, "running", 10, { createdAt: at(9) }), byCallback(512, "succeeded", 20)],
    ],
    [
      "the later run, even if the end of the earlier run is reported after it",
      "run-2 running, last failed",
      [
        byCallback(1, "running", 1, named(1)),
        byCallback(2, "running", 2, named(2)),
        byCallback(1, "failed", 3, named(1)),
      ],
    ],
    [
      "the later run, even if an earlier state of the other run arrives late",
      "run-2 running, last failed",
      [
        byCallback(2, "running", 2, named(2)),
        byCallback(1, "failed", 3, named(1)),
        byCallback(1, "running", 1, named(1)),
      ],
    ],
    [
      "one build for each number, whatever id a token reports",
      "example/docs#7 succeeded",
      [
        byCallback(7, "succeeded", 2, { id: "example/docs#7", number: 7 }),
        byCallback(7, "running", 3, { id: "0190-a", number: 7 }),
      ],
    ],
    [
      "the later of two runs that only claim the same number",
      "pod-2 running, last succeeded",
      [
        byWebhook(1, "succeeded", 2, { id: "pod-1", number: 7, finishedAt: at(2) }),
        byWebhook(3, "running", 4, { id: "pod-2", number: 7 }),
      ],
    ],
    [
      "the later run, once a late state reports that the other run began earlier",
      "run-2 running",
      [
        byWebhook(1, "running", 30, { ...named(1), createdAt: at(30) }),
        byWebhook(2, "running", 21, { ...named(2), createdAt: at(20) }),
        byWebhook(1, "queued", 10, { ...named(1), createdAt: at(10) }),
      ],
    ],
    [
      "the first run of a pipeline that was created again under its old name",
      "0190-b running, last succeeded",
      [
        byWebhook(1, "succeeded", 3, { id: "0190-a", number: 900, finishedAt: at(3) }),
        byWebhook(4, "running", 5, { id: "0190-b", number: 1 }),
      ],
    ],
    [
      "the waiting state, even if an earlier running state arrives late",
      "1 waiting",
      [byWebhook(1, "waiting", 5), byWebhook(1, "running", 3)],
    ],
    [
      "the running state, once the run has waited",
      "1 running",
      [byWebhook(1, "waiting", 5), byWebhook(1, "running", 6)],
    ],
    [
      "the running state of a retried run, and how it ended before",
      "1 running, last failed",
      [
        byWebhook(1, "failed", 5, { round: "1", finishedAt: at(5) }),
        byWebhook(1, "running", 6, { round: "2" }),
        byWebhook(1, "running", 9, { round: "1" }),
      ],
    ],
    [
      "the last end of a retried run, even if the end before it arrives late",
      "1 running, last cancelled",
      [
        byWebhook(1, "running", 9, { round: "3" }),
        byWebhook(1, "cancelled", 7, { round: "2", finishedAt: at(7) }),
        byWebhook(1, "failed", 5, { round: "1", finishedAt: at(5) }),
      ],
    ],
    [
      "a skipped run, and the result of the run before it",
      "2 skipped, last failed",
      [byWebhook(2, "skipped", 9, { finishedAt: at(9) }), byWebhook(1, "failed", 5, { finishedAt: at(5) })],
    ],
    [
      "a run under way, and the result before the skipped run before it",
      "3 running, last failed",
      [
        byWebhook(1, "failed", 5, { finishedAt: at(5) }),
        byWebhook(2, "skipped", 9, { finishedAt: at(9) }),
        byWebhook(3, "running", 10),
      ],
    ],
    [
      "a retried run that was then skipped, and its result",
      "1 skipped, last failed",
      [
        byWebhook(1, "skipped", 9, { round: "2", finishedAt: at(9) }),
        byWebhook(1, "failed", 5, { round: "1", finishedAt: at(5) }),
      ],
    ],
    [
      "the newest of several skipped runs, and nothing else if no run has a result",
      "2 skipped",
      [byWebhook(1, "skipped", 5, { finishedAt: at(5) }), byWebhook(2, "skipped", 9, { finishedAt: at(9) })],
    ],
  ])("a row shows %s", (_, expected, all) => {
    expect(shown(...all)).toBe(expected);
  });

  const life = (report: typeof byWebhook, n: number): readonly ReportedBuild[] => [
    report(n, "queued", n * 10),
    report(n, "running", n * 10 + 1),
    report(n, "succeeded", n * 10 + 2, { finishedAt: at(n * 10 + 2) }),
  ];
  const unordered: typeof byWebhook = (n, state, minute, changes) =>
    byCallback(n, state, minute, { ...changes, ...named(n) });

  it.each<[string, readonly ReportedBuild[]]>([
    ["webhooks", [1, 2, 3].flatMap((n) => life(byWebhook, n))],
    ["callbacks whose ids count up", [1, 2, 3].flatMap((n) => life(byCallback, n))],
    ["callbacks with nothing but their times", [1, 2, 3].flatMap((n) => life(unordered, n))],
    ["both, of each run", [1, 2, 3].flatMap((n) => [...life(byWebhook, n), ...life(byCallback, n)])],
    [
      "webhooks of some runs and callbacks of others",
      [...life(byWebhook, 1), ...life(byCallback, 2), ...life(byWebhook, 3)],
    ],
  ])("a row shows the last run in its last state for every order of arrival of %s", (_, all) => {
    // The end of the last run is still to come: the page shows that it runs, and how the one before ended.
    const events = all.filter(({ build }) => build.state !== "succeeded" || !/3$/.test(build.id));
    fc.assert(
      fc.property(fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }), (arrivals) => {
        expect(shown(...arrivals)).toMatch(/^(run-)?3 running, last succeeded$/);
      }),
    );
  });

  it("what is known of the last report is the same for any order of arrival, and is that of the furthest state", () => {
    const states = ["queued", "running", "waiting", "succeeded"] as const;
    const report = fc
      .record({ state: fc.nat(3), n: fc.nat(1), turn: fc.nat(3), delivery: fc.nat(2) })
      .map(({ state, n, turn, delivery }) => ({
        ...byWebhook(n, states[state] ?? "queued", 10 + state, {
          ...(turn > 0 && state < 3 && { lastReport: { at: at(turn), isOverdue: turn % 2 === 1, turn } }),
        }),
        delivery: `d-${delivery}`,
      }));
    const reports = fc
      .array(report, { maxLength: 8 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })));
    fc.assert(
      fc.property(reports, ([all, mixed]) => {
        expect(shownOf(mixed)).toEqual(shownOf(all));
        const build = shownOf(all)?.build;
        const turns = all.flatMap((one) =>
          one.build.id === build?.id && one.build.state === build.state ? (one.build.lastReport?.turn ?? 0) : [],
        );
        expect(build?.lastReport?.turn ?? 0).toBe(Math.max(0, ...turns));
      }),
    );
  });

  it("the last result is kept for any number of skipped runs after it", () => {
    const skipped = [2, 3, 4, 5, 6].map((n) => byWebhook(n, "skipped", n, { finishedAt: at(n) }));
    expect(shown(byWebhook(1, "failed", 1, { finishedAt: at(1) }), ...skipped)).toBe("6 skipped, last failed");
  });

  it("the shown run is kept with few other runs, and with the end of the newest run that ended", () => {
    const ends = [byWebhook(1, "failed", 1, { finishedAt: at(1) })];
    const going = [2, 3, 4, 5, 6].map((n) => byWebhook(n, "running", n));
    const kept = [...ends, ...going].reduce<readonly BoardRun[]>(withBuild, []);
    expect(kept.map(({ build }) => build.id)).toEqual(["6", "5", "4", "1"]);
    expect(withBuild(kept, byWebhook(6, "running", 6))).toBe(kept);
  });
});
