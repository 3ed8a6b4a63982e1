import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { laterBy } from "../../../shared/host/clock.ts";
import { axisOf } from "../../../shared/model/thread/axis.ts";
import type { Span, ThreadDelivery } from "../../../shared/model/thread/span.ts";
import { MAX_SPANS, type Thread, threadOf } from "../../../shared/model/thread/thread.ts";
import { durationText } from "../../../shared/model/thread/words.ts";
import type { TimelineEvent } from "../../../shared/model/timeline.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { at, EDIT, type RunStory, report, story, task, told } from "../../support/thread-story.ts";

const NOW = at(3_600);
const spanOf = ({ spans }: Thread, kind: Span["kind"], what: string) =>
  spans.find((span) => span.kind === kind && span.what.startsWith(what));
const secondsOf = (span: Span | undefined) =>
  span && [(span.start - at(0)) / 1_000, span.end === undefined ? "open" : (span.end - at(0)) / 1_000];

const RUN: RunStory = { route: "docs", pipeline: "ci/docs", created: 10, started: 20, finished: 80, cause: "push" };

/** A push whose route started the run. */
const push = (changes: Partial<ThreadDelivery> = {}): ThreadDelivery => ({
  ...told({
    name: "push",
    source: "code",
    seconds: 0,
    event: {
      type: "code.pushed",
      keyParts: ["1"],
      time: "2026-11-02T08:59:58Z",
      subject: "platform/docs",
      code: {
        project: "platform/docs",
        ref: "refs/heads/main",
        name: "main",
        change: "updated",
        commits: [],
        commitCount: 1,
      },
    },
    lines: [
      { kind: "scheduled", at: at(1), route: "docs", action: "tekton" },
      {
        kind: "attempt",
        at: at(9),
        route: "docs",
        action: "tekton",
        attempt: 1,
        outcome: "accepted",
        summary: "accepted",
        durationMs: 500,
      },
    ],
    routes: [{ route: "docs", target: "ci", state: "ran", since: at(9) }],
    runs: [{ route: "docs", acceptedAt: at(9), reportedAt: at(10.3) }],
  }),
  ...changes,
});

describe("the thread of a page edit", () => {
  const thread = threadOf(story(), NOW);

  it("has one root, and each step is below what it is part of or what caused it", () => {
    const above = (span: Span | undefined) => thread.spans.find(({ id }) => id === span?.parent);
    expect(thread.spans.filter(({ parent }) => parent === undefined).map(({ id }) => id)).toEqual([EDIT]);
    expect(above(spanOf(thread, "run", "ci/docs-build"))?.what).toBe("page-build → ci-cluster");
    expect(above(spanOf(thread, "job", "check-links"))?.kind).toBe("running");
    expect(above(spanOf(thread, "approval", "approval"))?.what).toBe("docs-deploy → prod-cluster on build.succeeded");
    expect(above(spanOf(thread, "run", "prod/docs-deploy"))?.route).toBe("docs-deploy");
  });

  it("marks the approval as the longest step, with the person and the proof", () => {
    const longest = thread.spans.filter(({ isLongest }) => isLongest);
    expect(longest).toHaveLength(1);
    expect(longest[0]).toMatchObject({ kind: "approval", by: "Olga Petrova", proof: "proved by oidc of people" });
    expect(longest[0]?.onPathMs).toBe(2_441_000);
  });

  it("counts attempts, failures, page versions and people", () => {
    expect(thread.totals).toMatchObject({
      deliveries: 13,
      attempts: 9,
      failedAttempts: 2,
      pageVersions: 5,
      omitted: 0,
    });
    expect(thread.totals.people).toEqual(["Ines Okafor", "Olga Petrova"]);
    expect(thread.totals.end).toBe(at(2_710.7));
  });

  it("a failed job that was run again has both runs, and the first says so", () => {
    const states = thread.spans.filter(({ what }) => what === "check-links").map(({ state, tone }) => [state, tone]);
    expect(states).toEqual([
      ["failed, run again", "attention"],
      ["succeeded", "good"],
    ]);
  });
});

describe("clocks and missing reports", () => {
  it.each([
    ["ahead by 3 minutes", 180],
    ["behind by an hour", -3_600],
  ])("a sender's clock that is %s moves its times, keeps its durations, and is named", (_, ahead) => {
    const run = { ...RUN, ahead };
    const thread = threadOf([push(), report(run, "queued"), report(run, "running"), report(run, "succeeded")], NOW);
    const shown = spanOf(thread, "run", "ci/docs");
    expect(shown?.summary).toMatch(/clock is \d+ s (ahead|behind)/);
    expect((shown?.end ?? 0) - (shown?.start ?? 0)).toBe(70_000);
    expect(shown?.start).toBeGreaterThanOrEqual(at(8.5));
    expect(shown?.end).toBeLessThanOrEqual(at(80.3));
  });

  it("a sender of whole seconds is not said to have a wrong clock", () => {
    const run = { ...RUN, ahead: 0.9 };
    const thread = threadOf([push(), report(run, "queued"), report(run, "succeeded")], NOW);
    expect(spanOf(thread, "run", "ci/docs")?.summary).toBeUndefined();
  });

  it("a sender of whole seconds has no run that began before its cause, also if another report has an exact second", () => {
    const early = { ...RUN, created: 8 };
    const exact = report({ ...RUN, pipeline: "ci/other", created: 30, cause: "none" }, "queued");
    const other = { ...exact, delivery: { ...exact.delivery, receivedAt: at(30) } };
    const thread = threadOf([push(), report(early, "queued"), report(early, "succeeded"), other], NOW);
    const attempt = spanOf(thread, "attempt", "tekton");
    expect(secondsOf(attempt)).toEqual([8.5, 9]);
    expect(secondsOf(spanOf(thread, "run", "ci/docs"))).toEqual([8.5, 80]);
    expect(secondsOf(spanOf(thread, "queued", "queued"))?.[0]).toBe(8.5);
  });

  it("a run without an end goes on until now, and so does the thread", () => {
    const thread = threadOf([push(), report(RUN, "queued"), report(RUN, "running")], NOW);
    expect(secondsOf(spanOf(thread, "run", "ci/docs"))).toEqual([10, "open"]);
    expect(secondsOf(spanOf(thread, "running", "running"))).toEqual([20, "open"]);
    expect(thread.totals.end).toBeUndefined();
    expect(thread.totals.durationMs).toBe(NOW - at(0));
  });

  it("the end of a run alone gives its parts by the times that it names", () => {
    const thread = threadOf([push(), report(RUN, "failed")], NOW);
    expect(secondsOf(spanOf(thread, "queued", "queued"))).toEqual([10, 20]);
    expect(secondsOf(spanOf(thread, "running", "running"))).toEqual([20, 80]);
    expect(spanOf(thread, "run", "ci/docs")).toMatchObject({ state: "failed", tone: "failed" });
  });

  it("a report without its cause is a root, and moves below it when the cause is known", () => {
    const alone = threadOf([report(RUN, "running")], NOW);
    expect(spanOf(alone, "run", "ci/docs")?.parent).toBeUndefined();
    const thread = threadOf([report(RUN, "running"), push()], NOW);
    expect(spanOf(thread, "run", "ci/docs")?.parent).toBe(`${push().delivery.id} docs`);
  });

  it("a run that fails and is retried by its system is one run with two stretches", () => {
    const [first, second] = [report(RUN, "failed"), report({ ...RUN, started: 100, finished: 160 }, "succeeded")];
    const inRound = ({ delivery, ...rest }: ThreadDelivery, round: string, name: string): ThreadDelivery => {
      const [event] = delivery.events ?? [];
      if (event === undefined || !("build" in event)) throw new Error("it reports no run");
      return { ...rest, delivery: { ...delivery, id: name, events: [{ ...event, build: { ...event.build, round } }] } };
    };
    const again = report({ ...RUN, started: 100 }, "running");
    const thread = threadOf(
      [push(), inRound(first, "1", "d-1"), inRound(again, "2", "d-2"), inRound(second, "2", "d-3")],
      NOW,
    );
    const runs = thread.spans.filter(({ kind }) => kind === "run");
    expect(runs.map(({ state }) => state)).toEqual(["succeeded, after a failure"]);
    expect(thread.spans.filter(({ kind }) => kind === "running").map(secondsOf)).toEqual([
      [20, 80],
      [100, 160],
    ]);
  });
});

describe("routes, replays and claims", () => {
  it("several routes of one delivery are beside each other, and the longest path leads through the last to end", () => {
    const line = { kind: "attempt", action: "webhook", attempt: 1, outcome: "done", summary: "sent" } as const;
    const thread = threadOf(
      [
        push({
          timeline: [
            { ...line, route: "fast", at: at(2), durationMs: 1_000 },
            { ...line, route: "slow", at: at(31), durationMs: 30_000 },
          ],
          outcome: {
            state: "ran",
            since: at(31),
            routes: ["fast", "slow"].map((route) => ({ route, state: "ran" as const, since: at(31) })),
          },
        }),
      ],
      NOW,
    );
    expect(thread.spans.filter(({ kind }) => kind === "route").map(({ what }) => what)).toEqual(["fast", "slow"]);
    expect(thread.spans.find(({ isLongest }) => isLongest)?.route).toBe("slow");
    expect(thread.spans.find(({ route, kind }) => route === "fast" && kind === "attempt")?.onPathMs).toBeUndefined();
  });

  it("a replay is below the delivery that it replays, and its copy of a report is no report", () => {
    const { delivery, ...rest } = report(RUN, "running");
    const replay = { of: push().delivery.id, routes: ["docs"], isRollback: false };
    const copy = { ...rest, delivery: { ...delivery, id: "d-copy", replay, receivedAt: at(500) } };
    const thread = threadOf([push(), copy], NOW);
    expect(thread.spans.find(({ id }) => id === "d-copy")?.parent).toBe(push().delivery.id);
    expect(spanOf(thread, "run", "ci/docs")).toBeUndefined();
  });

  it("claims that form a circle are cut, and every step is shown once", () => {
    const one = push({ cause: { delivery: "d-other", proof: "claimed" } });
    const other = push({ cause: { delivery: one.delivery.id, proof: "claimed" } });
    const thread = threadOf([one, { ...other, delivery: { ...other.delivery, id: "d-other" } }], NOW);
    expect(thread.spans.filter(({ kind }) => kind === "delivery")).toHaveLength(2);
    expect(thread.spans.filter(({ parent }) => parent === undefined)).toHaveLength(1);
    expect(thread.spans[0]?.proof).toContain("claimed only");
  });

  it("a page write that was put off and superseded is not what anybody waited for", () => {
    const late = (changes: Partial<Extract<TimelineEvent, { kind: "attempt" }>>): Partial<ThreadDelivery> => ({
      timeline: [
        { kind: "scheduled", at: at(20.5), route: "status", action: "confluence" },
        {
          kind: "waiting",
          at: at(20.6),
          route: "status",
          action: "confluence",
          summary: "it goes into the next version",
        },
        {
          ...{ kind: "attempt", at: at(79), route: "status", action: "confluence", attempt: 1, outcome: "done" },
          ...{ summary: "a newer state has replaced this one", durationMs: 5, ...changes },
        },
      ],
    });
    const threadWith = (changes: Partial<Extract<TimelineEvent, { kind: "attempt" }>>) => {
      const running = { ...report(RUN, "running"), ...late(changes) };
      const waiting = { ...running, outcome: { state: "ran", since: at(79), routes: [] } as const };
      return threadOf([push(), report(RUN, "queued"), waiting, report(RUN, "succeeded")], NOW);
    };
    const superseded = threadWith({ endedAs: "superseded" });
    expect(superseded.spans.find(({ isLongest }) => isLongest)?.kind).toBe("running");
    expect(spanOf(superseded, "wait", "wait")?.onPathMs).toBeUndefined();
    expect(spanOf(superseded, "attempt", "confluence")).toMatchObject({ what: "confluence", state: "superseded" });
    expect(spanOf(threadWith({}), "wait", "wait")?.onPathMs).toBeGreaterThan(50_000);
  });

  it("an approval that nobody answered goes on, and one that expired has ended", () => {
    const line = { kind: "approval", route: "docs", approval: "p-1", at: at(2) } as const;
    const waiting = {
      state: "waiting" as const,
      since: at(2),
      routes: [{ route: "docs", state: "waiting" as const, since: at(2) }],
    };
    const open = threadOf([push({ timeline: [{ ...line, state: "requested" }], outcome: waiting })], NOW);
    expect(spanOf(open, "approval", "approval")).toMatchObject({ state: "waiting", tone: "attention" });
    expect(spanOf(open, "approval", "approval")?.end).toBeUndefined();
    const lines = [
      { ...line, state: "requested" },
      { ...line, state: "expired", at: at(60) },
    ] as const;
    const expired = threadOf([push({ timeline: lines })], NOW);
    expect(secondsOf(spanOf(expired, "approval", "approval"))).toEqual([2, 60]);
  });
});

describe("large threads", () => {
  const many = Array.from({ length: 3_000 }, (_, index) =>
    task(RUN, `task-${index}`, { from: 20 + index / 100, to: 21 + index / 100 }),
  );

  it("thousands of steps are bounded, and the answer says how many are left out", () => {
    const failed = task(RUN, "broken", { from: 70, to: 79, state: "failed" });
    const thread = threadOf([push(), report(RUN, "queued"), report(RUN, "succeeded"), ...many, failed], NOW);
    expect(thread.spans).toHaveLength(MAX_SPANS);
    expect(thread.totals.steps - thread.totals.omitted).toBe(MAX_SPANS);
    expect(spanOf(thread, "job", "broken")?.tone).toBe("failed");
    const shown = new Set(thread.spans.map(({ id }) => id));
    expect(thread.spans.filter(({ parent }) => parent !== undefined && !shown.has(parent))).toEqual([]);
  });
});

describe("any facts", () => {
  const runs = fc.record({
    created: fc.double({ min: -100, max: 500, noNaN: true }),
    queued: fc.double({ min: 0, max: 100, noNaN: true }),
    took: fc.double({ min: 0, max: 500, noNaN: true }),
    ahead: fc.double({ min: -4_000, max: 4_000, noNaN: true }),
    states: fc.subarray(["queued", "running", "waiting", "failed", "succeeded"] as const),
    tasks: fc.array(
      fc.tuple(fc.double({ min: 0, max: 300, noNaN: true }), fc.double({ min: 0, max: 90, noNaN: true })),
      { maxLength: 5 },
    ),
  });
  const facts = fc.array(runs, { maxLength: 3 }).map((all) => [
    push(),
    ...all.flatMap(({ created, queued, took, ahead, states, tasks }, index) => {
      const started = created + queued;
      const run = {
        route: "docs",
        pipeline: `ci/run-${index}`,
        created,
        started,
        finished: started + took,
        cause: "push",
        ahead,
      };
      return [
        ...states.map((state) => report(run, state)),
        ...tasks.map(([from, length], number) => task(run, `task-${number}`, { from, to: from + length })),
      ];
    }),
    ...story(),
  ]);

  it("in any order and repeated, they give the same steps with the same ids", () => {
    fc.assert(
      fc.property(facts, fc.nat(), (all, turn) => {
        const other = [...all.slice(turn % all.length), ...all, ...all.slice(0, turn % all.length)];
        expect(threadOf(other, NOW)).toEqual(threadOf(all, NOW));
      }),
      propertyCases("threads in any order", { weight: 10 }),
    );
  });

  it("every step ends after it began, comes after the one above it, and the path takes as long as the whole", () => {
    fc.assert(
      fc.property(facts, (all) => {
        const { spans, totals } = threadOf(all, NOW);
        const places = new Map(spans.map(({ id }, place) => [id, place]));
        expect(places.size).toBe(spans.length);
        for (const [place, { start, end, parent }] of spans.entries()) {
          expect(end === undefined || end >= start).toBe(true);
          if (parent !== undefined) expect(places.get(parent)).toBeLessThan(place);
        }
        const onPath = totals.path.reduce((sum, { ms }) => sum + ms, 0);
        // Time between two roots belongs to none.
        expect(onPath).toBeLessThanOrEqual(totals.durationMs + 1);
      }),
      propertyCases("threads", { weight: 10 }),
    );
  });

  it("the places on the axis follow the times, and fill it", () => {
    fc.assert(
      fc.property(facts, fc.boolean(), (all, isToScale) => {
        const { spans, totals } = threadOf(all, NOW);
        const axis = axisOf(
          spans,
          { from: totals.start, to: laterBy(totals.start, totals.durationMs), now: NOW },
          isToScale,
        );
        const times = spans
          .flatMap(({ start, end }) => [start, ...(end === undefined ? [] : [end])])
          .toSorted((a, b) => a - b);
        const places = times.map(axis.placeOf);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
        expect(axis.placeOf(totals.start + totals.durationMs)).toBeCloseTo(1);
      }),
      propertyCases("axes", { weight: 10 }),
    );
  });
});

describe("durations in words", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1 s"],
    [8_250, "8.2 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [2_441_000, "40 min 41 s"],
    [3_600_000, "1 h"],
    [90_061_000, "1 d 1 h"],
  ])("%i ms are %s", (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
