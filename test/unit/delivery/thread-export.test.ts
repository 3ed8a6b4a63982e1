import { afterEach, describe, expect, it, vi } from "vitest";
import { ThreadExport } from "../../../shared/delivery/thread-export.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { exportRequest, type OtlpSpan } from "../../../shared/model/otlp/otlp.ts";
import type { ExportAnswer } from "../../../shared/outbound/otlp.ts";
import { ExportCursor } from "../../../shared/store/export-cursor.ts";
import { openStores } from "../../../shared/store/open-stores.ts";
import { openMemoryTable } from "../../../shared/store/sqlite/open.ts";
import { spansIn } from "../../support/otlp-collector.ts";
import { testClock } from "../../support/test-doubles.ts";
import { at, EDIT, type RunStory, report, told } from "../../support/thread-story.ts";

const TAKEN: ExportAnswer = { result: "taken", rejected: 0 };
const DOWN: ExportAnswer = { result: "later", why: "target_unreachable" };
const RUN: RunStory = {
  route: "page-build",
  pipeline: "ci/docs",
  created: 1,
  started: 2,
  finished: 900,
  cause: "edit",
};

const edit = told({
  name: "edit",
  source: "wiki",
  seconds: 0,
  event: {
    type: "page.updated",
    keyParts: ["98310", "12"],
    time: "2026-11-02T09:00:00Z",
    subject: "98310",
    page: { site: "https://wiki.example.test", id: "98310" },
  },
}).delivery;

/** A store that outlives the processes over it, their clock, and a collector that remembers what it took. */
function machine() {
  const { table } = openMemoryTable();
  const clock = testClock();
  const answers: ExportAnswer[] = [];
  const taken: OtlpSpan[] = [];
  const lines: LogFields[] = [];
  let isConfigured = true;
  let isKilled = false;
  let asked: (() => void) | undefined;
  const line = (fields: LogFields, message: string) => void lines.push({ ...fields, message });
  const start = () => {
    isKilled = false;
    const options = { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock };
    const stores = openStores(table, { ...options, changed: (id) => exporter.changed(id) });
    const send = async (spans: readonly OtlpSpan[], signal: AbortSignal): Promise<ExportAnswer> => {
      spansIn(JSON.parse(JSON.stringify(exportRequest(spans, {}))));
      if (asked !== undefined) {
        asked();
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve(DOWN)));
      }
      const answer = answers.shift() ?? TAKEN;
      if (answer.result === "taken") taken.push(...spans);
      if (isKilled) throw new Error("killed");
      return answer;
    };
    const exporter = new ThreadExport({
      exporting: () => (isConfigured ? { ...stores, runReporters: [], clock, send } : undefined),
      cursor: new ExportCursor(table),
      clock,
      random: () => 0,
      log: { info: line, warn: line, error: line },
    });
    const record = async (delivery = edit): Promise<void> => {
      await stores.deliveries.record({ ...delivery, receivedAt: clock.now() });
      await stores.deliveries.addToList([{ ...delivery, receivedAt: clock.now() }]);
      await stores.deliveries.markRelayed(delivery.id, clock.now());
    };
    /** Rounds every two seconds, as the loop makes them. */
    const rounds = async (seconds: number): Promise<void> => {
      for (let passed = 0; passed < seconds; passed += 2) {
        clock.advance(2_000);
        await exporter.round();
      }
    };
    return { exporter, stores, record, rounds };
  };
  const names = () => taken.map(({ name }) => name);
  const configure = (next: boolean): void => {
    isConfigured = next;
  };
  const killAfterSend = (): void => {
    isKilled = true;
  };
  /** From now on the collector never answers. Resolves when it is asked. */
  const silence = (): Promise<void> =>
    new Promise((resolve) => {
      asked = resolve;
    });
  return { silence, killAfterSend, clock, answers, taken, lines, names, start, configure };
}

const attempted = (attempt: number, outcome: "retry" | "done", seconds: number) =>
  ({
    at: at(seconds),
    kind: "attempt",
    route: "page-build",
    action: "tekton",
    attempt,
    outcome,
    summary: "the listener answered 503",
    durationMs: 30,
  }) as const;

afterEach(() => vi.useRealTimers());

describe("the export of threads", () => {
  it("sends each step once, some time after its end, whatever happens to its thread later", async () => {
    const { taken, names, start } = machine();
    const { record, rounds, stores } = start();
    await record();
    await rounds(8);
    expect(names()).toEqual([]);
    await rounds(4);
    expect(names()).toEqual(["page.updated"]);
    await stores.deliveries.addToTimeline(EDIT, attempted(1, "retry", 20));
    await rounds(20);
    await stores.deliveries.addToTimeline(EDIT, attempted(2, "done", 40));
    await rounds(20);
    expect(names().filter((name) => name === "attempt page-build")).toHaveLength(2);
    expect(new Set(taken.map(({ spanId }) => spanId)).size).toBe(taken.length);
  });

  it("a run that ends late is sent when its end is reported, in the trace of what was sent before", async () => {
    const { taken, names, start, clock } = machine();
    const { record, rounds } = start();
    const run = { ...RUN, cause: "nobody" };
    await record(report(run, "running").delivery);
    await rounds(12);
    expect(names()).toContain("queued");
    expect(names()).not.toContain("RUN ci/docs");
    clock.advance(3_600_000);
    await record(report(run, "succeeded").delivery);
    await rounds(12);
    expect(names()).toContain("RUN ci/docs");
    expect(new Set(taken.map(({ traceId }) => traceId)).size).toBe(1);
    const runSpan = taken.find(({ name }) => name === "RUN ci/docs");
    expect(taken.find(({ name }) => name === "queued")?.parentSpanId).toBe(runSpan?.spanId);
  });

  it("while the collector is down it is asked ever more rarely, logs once, and gets everything when it is up", async () => {
    const { answers, names, lines, start } = machine();
    const { record, rounds, exporter } = start();
    answers.push(...Array.from({ length: 6 }, () => DOWN));
    await record();
    await rounds(600);
    expect(exporter.counts()).toEqual({ taken: 1, rejected: 0, failed: 6, dropped: 0, waiting: 0 });
    expect(names()).toEqual(["page.updated"]);
    expect(lines.map(({ message }) => message)).toEqual([
      "the collector did not take the spans of threads",
      "the collector takes spans again",
    ]);
  });

  it("waits as long as the collector asks, at most five minutes", async () => {
    const { answers, names, start } = machine();
    const { record, rounds } = start();
    answers.push({ result: "later", why: "status 429", afterSeconds: 86_400 });
    await record();
    await rounds(300);
    expect(names()).toEqual([]);
    await rounds(20);
    expect(names()).toEqual(["page.updated"]);
  });

  it("what the collector refuses is counted, and never sent again", async () => {
    const { answers, start, names } = machine();
    const { record, rounds, exporter, stores } = start();
    answers.push({ result: "refused", why: "status 400" });
    await record();
    await rounds(20);
    await stores.deliveries.addToTimeline(EDIT, attempted(1, "done", 20));
    await rounds(20);
    expect(names()).not.toContain("page.updated");
    expect(exporter.counts()).toMatchObject({ rejected: 1, failed: 0, waiting: 0 });
  });

  it("what was not sent before a kill is sent by the next process", async () => {
    const { names, start, clock } = machine();
    const first = start();
    await first.exporter.round();
    await first.record();
    clock.advance(60_000);
    await start().rounds(12);
    expect(names()).toEqual(["page.updated"]);
  });

  it("a kill between the collector's answer and its note sends the same span again", async () => {
    const { taken, start, killAfterSend } = machine();
    const first = start();
    await first.exporter.round();
    await first.record();
    killAfterSend();
    await expect(first.rounds(12)).rejects.toThrow("killed");
    await start().rounds(12);
    expect(taken).toHaveLength(2);
    expect(taken[1]).toEqual(taken[0]);
  });

  it("after a stop everything is sent, and the next start sends nothing again", async () => {
    const { names, taken, start, clock } = machine();
    const first = start();
    await first.exporter.round();
    await first.record();
    clock.advance(1_000);
    await first.exporter.finish();
    expect(names()).toEqual(["page.updated"]);
    clock.advance(30_000);
    await start().rounds(30);
    expect(taken).toHaveLength(1);
  });

  it("a stop while the collector is down ends, and the next start sends it", async () => {
    const { answers, names, start, clock } = machine();
    const first = start();
    await first.exporter.round();
    await first.record();
    answers.push(DOWN);
    await first.exporter.finish();
    expect(names()).toEqual([]);
    clock.advance(30_000);
    await start().rounds(20);
    expect(names()).toEqual(["page.updated"]);
  });

  it("a stop waits once, for two seconds, for a collector that does not answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { start, silence, clock } = machine();
    const { record, exporter, rounds } = start();
    await record();
    const asked = silence();
    const round = rounds(10);
    await asked;
    exporter.endRound();
    await vi.advanceTimersByTimeAsync(2_000);
    await round;
    clock.advance(60_000);
    // Would never end if the collector were asked again: no timer runs from here on.
    await exporter.finish();
    expect(exporter.counts()).toMatchObject({ failed: 1, waiting: 1 });
  });

  it("a stop waits no longer than two seconds for a collector that becomes silent in the last round", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { start, silence } = machine();
    const { record, exporter } = start();
    await exporter.round();
    await record();
    exporter.endRound();
    const asked = silence();
    const last = exporter.finish();
    await asked;
    await vi.advanceTimersByTimeAsync(2_000);
    await last;
    expect(exporter.counts()).toMatchObject({ failed: 1, waiting: 1 });
  });

  it("a change while the thread is sent is sent later", async () => {
    const { answers, names, start } = machine();
    const { record, rounds, stores } = start();
    await record();
    // The answer is read when the request is made.
    Object.defineProperty(answers, "shift", {
      value: () => {
        void stores.deliveries.addToTimeline(EDIT, attempted(1, "done", 20));
        Reflect.deleteProperty(answers, "shift");
        return TAKEN;
      },
    });
    await rounds(12);
    expect(names()).toEqual(["page.updated"]);
    await rounds(20);
    expect(names()).toContain("attempt page-build");
  });

  it("without a collector nothing waits, and a reload that adds one exports what comes from then on", async () => {
    const { names, start, configure } = machine();
    configure(false);
    const { record, rounds, exporter } = start();
    await record();
    await rounds(20);
    expect(exporter.counts().waiting).toBe(0);
    configure(true);
    await rounds(20);
    expect(names()).toEqual([]);
    await record(report({ ...RUN, cause: "nobody" }, "running").delivery);
    await rounds(20);
    expect(names()).toContain("queued");
    configure(false);
    await rounds(20);
    expect(exporter.counts().waiting).toBe(0);
  });

  it("holds at most 10,000 deliveries, and counts what it drops", async () => {
    const { start } = machine();
    const { exporter } = start();
    for (let n = 0; n < 10_005; n += 1) exporter.changed(`d-${n}`);
    expect(exporter.counts()).toMatchObject({ waiting: 10_000, dropped: 5 });
  });
});
