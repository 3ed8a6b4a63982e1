import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { TraceParent } from "../../../shared/host/trace.ts";
import type { BuildState } from "../../../shared/model/event.ts";
import { exportRequest } from "../../../shared/model/otlp/otlp.ts";
import { spansOfThread } from "../../../shared/model/otlp/thread-spans.ts";
import type { ThreadDelivery } from "../../../shared/model/thread/span.ts";
import { attributeOf, type CollectedSpan, spansIn } from "../../support/otlp-collector.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { at, EDIT, type RunStory, report, story, told } from "../../support/thread-story.ts";

const NOW = at(7_200);
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const traced = (trace: string, flags = "01") => `00-${trace}-1111111111111111-${flags}` as TraceParent;

/** As a collector reads them. */
const collected = (deliveries: readonly ThreadDelivery[], now = NOW): readonly CollectedSpan[] =>
  spansIn(JSON.parse(JSON.stringify(exportRequest(spansOfThread(deliveries, now), { "service.name": "drawbridge" }))));

const withTrace = (deliveries: readonly ThreadDelivery[], flags?: string): readonly ThreadDelivery[] =>
  deliveries.map((one) =>
    one.delivery.id === EDIT
      ? { ...one, delivery: { ...one.delivery, traceparent: traced(TRACE, flags), callerSpan: CALLER } }
      : one,
  );

const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(", ")}`);
  return found;
};

describe("a thread as spans", () => {
  const spans = collected(withTrace(story()));

  it("all its ended steps are one trace, that of the request of the first cause, each below its cause", () => {
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
    const roots = spans.filter(({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId));
    expect(roots.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([["page.updated", CALLER]]);
    const run = named(spans, "RUN ci/docs-build");
    expect(run.parentSpanId).toBe(named(spans, "route page-build").spanId);
    expect(named(spans, "RUN prod/docs-deploy").traceId).toBe(TRACE);
  });

  it("a delivery, an attempt and a run have the kinds and attributes of the conventions", () => {
    expect(named(spans, "page.updated").kind).toBe(2);
    expect(named(spans, "attempt page-build").kind).toBe(3);
    const run = named(spans, "RUN ci/docs-build");
    expect(run.kind).toBe(2);
    expect(run.startTimeUnixNano).toBe(`${at(21.2)}000000`);
    expect(run.endTimeUnixNano).toBe(`${at(214)}000000`);
    const values = Object.fromEntries(run.attributes.map(({ key }) => [key, attributeOf(run, key)]));
    expect(values).toMatchObject({
      "cicd.pipeline.name": "ci/docs-build",
      "cicd.pipeline.run.id": "uid-ci/docs-build",
      "cicd.pipeline.result": "success",
      "cicd.pipeline.run.url.full": "https://tekton.example.test/#/runs/ci/docs-build",
    });
    expect(run.status).toBeUndefined();
  });

  it("a failure has the status of an error, and what succeeded after it has none", () => {
    const attempts = spans.filter(({ name }) => name === "attempt page-build");
    expect(attempts.map(({ status }) => status)).toEqual([
      { code: 2, message: "target_unreachable: connection refused" },
      undefined,
    ]);
    const job = spans.find((span) => attributeOf(span, "cicd.pipeline.task.run.result") === "failure");
    expect(job?.status?.code).toBe(2);
    expect(job && attributeOf(job, "error.type")).toBe("failure");
  });

  it("a person is named as the thread names them, and the person's credential is nowhere", () => {
    const approval = named(spans, "approval");
    expect(attributeOf(approval, "drawbridge.by")).toBe("Olga Petrova");
    expect(JSON.stringify(spans)).not.toContain('"k1"');
  });

  it("the same facts in any order, repeated, and read later give the same spans", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...withTrace(story())], { minLength: story().length }), (shuffled) => {
        const sorted = (list: readonly CollectedSpan[]) =>
          list.toSorted((a, b) => Number(a.spanId > b.spanId) - Number(a.spanId < b.spanId));
        expect(sorted(collected([...shuffled, ...shuffled], at(90_000)))).toEqual(sorted(spans));
      }),
      propertyCases("spans of a thread", { weight: 10 }),
    );
  });

  it("a step without an end has no span until it has one, and the other spans stay the same", () => {
    const run: RunStory = {
      route: "page-build",
      pipeline: "ci/late",
      created: 1,
      started: 2,
      finished: 9,
      cause: "none",
    };
    const states: readonly BuildState[] = ["queued", "running", "succeeded"];
    const reports = states.map((state) => report(run, state));
    const open = collected(reports.slice(0, 2));
    expect(open.map(({ name }) => name).toSorted()).toEqual(["build.queued", "build.running", "queued"]);
    const ended = collected(reports);
    expect(ended).toEqual(expect.arrayContaining([...open]));
    expect(named(ended, "RUN ci/late").spanId).toBe(named(open, "queued").parentSpanId);
  });

  it("a cause whose sender does not record its trace has no spans, nor has what followed", () => {
    expect(collected(withTrace(story(), "00"))).toEqual([]);
  });

  it("a delivery of another trace than its thread links to the span of its sender, and names its own trace", () => {
    const other = "ab".repeat(16);
    const own = { traceparent: traced(other), callerSpan: "2222222222222222" };
    const run: RunStory = { route: "page-build", pipeline: "ci/x", created: 1, started: 2, finished: 9, cause: "edit" };
    const reported = report(run, "running", { changes: own });
    const span = named(collected([...withTrace(story()), reported]), "build.running");
    const linked = collected([...withTrace(story()), reported]).filter(({ links }) => links !== undefined);
    expect(linked.map(({ links }) => links)).toEqual([[{ traceId: other, spanId: "2222222222222222" }]]);
    expect(span.traceId).toBe(TRACE);
    expect(linked.map((one) => attributeOf(one, "drawbridge.request.trace"))).toEqual([other]);
  });

  it("what is no event has no span", () => {
    const [edit] = story();
    const ignored = edit && { ...edit, delivery: { ...edit.delivery, outcome: "ignored" as const } };
    expect(collected(ignored ? [ignored] : [])).toEqual([]);
  });

  it("whatever texts and times outside systems send, a collector can read the spans, and no address has a credential", () => {
    const anyText = fc.string({ unit: "binary", maxLength: 1_500 });
    // Half of a surrogate pair is a text in JSON, and none in UTF-8.
    const broken = anyText.map((text) => `${text.slice(0, 700)}\ud83d https://robot:hunter2hunter2@git.example.test/x`);
    fc.assert(
      fc.property(
        anyText,
        broken,
        fc.oneof(fc.constantFrom(0, -1, Number.NaN), fc.integer({ min: -100_000, max: 4e12 })),
        (title, reason, time) => {
          const received = epochMillis(Math.abs(time));
          const run: RunStory = {
            route: "r",
            pipeline: `ci/${title}`,
            created: -9e5,
            started: 2,
            finished: 9,
            cause: "edit",
          };
          const failed = report(run, "failed");
          const [event] = failed.delivery.events ?? [];
          const changed = event && "build" in event ? [{ ...event, build: { ...event.build, reason } }] : [];
          const told1 = told({
            name: "odd",
            source: "wiki",
            seconds: 0,
            event: {
              type: "page.updated",
              keyParts: ["1"],
              time: "2026-11-02T09:00:00Z",
              subject: title,
              page: { site: reason, id: title, title, url: reason },
            },
            changes: { receivedAt: received, relayedAt: epochMillis(received - 5_000) },
          });
          const events = changed as unknown as NonNullable<ThreadDelivery["delivery"]["events"]>;
          const spans = collected([told1, { ...failed, delivery: { ...failed.delivery, events } }]);
          expect(spans.length).toBeGreaterThan(0);
          expect(JSON.stringify(spans)).not.toContain("hunter2");
        },
      ),
      propertyCases("texts and times in spans", { weight: 5 }),
    );
  });
});
