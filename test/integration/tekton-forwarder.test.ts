import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SentEvent } from "../../shared/cluster/bridge-source.ts";
import { Counters } from "../../shared/cluster/counters.ts";
import { Forwarder } from "../../shared/cluster/forwarder.ts";
import { FORWARDER_COUNTERS, forwarderApp, USER } from "../../shared/cluster/forwarder-app.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Log } from "../../shared/host/log.ts";
import { type OpenQueue, openEventQueue, openMemoryQueue } from "../../shared/store/sqlite/event-queue.ts";
import { propertyCases } from "../support/property-cases.ts";
import { testClock } from "../support/test-doubles.ts";

const PASSWORD = "p/w@+ of this test";
const AWAY = new Fault("target_unreachable", "nobody listens there", { retryable: true });
const LIMITS = { bytes: 100_000, deadLetters: 3, freeBytes: 0 };

let open: OpenQueue;
/** Opens the queue anew, as a new process does. In memory it stays open. */
let reopen: () => void;
beforeEach(() => {
  open = openMemoryQueue(LIMITS);
  reopen = () => undefined;
});
afterEach(() => open.close());

type Answer = number | Error | Promise<number>;

/** An answer that comes when the test gives it. */
function unanswered() {
  let resolve: (status: number) => void = () => undefined;
  const promise = new Promise<number>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

/** A forwarder whose bridge answers as `answer` says. */
function forwarding(answer: (event: SentEvent) => Answer) {
  const clock = testClock();
  const counters = new Counters(FORWARDER_COUNTERS);
  const lines: string[] = [];
  const line: Log["info"] = (fields, message) => void lines.push(JSON.stringify({ ...fields, message }));
  const log: Log = { info: line, warn: line, error: line };
  const taken: SentEvent[] = [];
  let tries = 0;
  const send = async (event: SentEvent): Promise<number> => {
    tries += 1;
    const given = answer(event);
    if (given instanceof Error) throw given;
    const status = await given;
    if (status < 300) taken.push(event);
    return status;
  };
  const make = () =>
    new Forwarder({ queue: open.queue, send, finished: () => forwarder.start(), counters, clock, log });
  let forwarder = make();
  let app = forwarderApp({
    queue: open.queue,
    passwords: async () => [PASSWORD],
    queued: () => undefined,
    counters,
    clock,
    log,
  });
  const post = async (
    source: string,
    id: string,
    changes: { type?: string; body?: string; password?: string } = {},
  ) => {
    const { type = "dev.tekton.event.pipelinerun.running.v1", body = `{"id":"${id}"}`, password = PASSWORD } = changes;
    const authorization = `Basic ${Buffer.from(`${USER}:${password}`).toString("base64")}`;
    const headers = {
      authorization,
      "content-type": "application/json",
      "ce-type": type,
      "ce-id": id,
      "ce-source": source,
    };
    const request = new Request("http://forwarder.test/", { method: "POST", headers, body });
    return (await app.fetch(request, {})).status;
  };
  return {
    post,
    taken,
    lines,
    clock,
    tries: () => tries,
    start: () => forwarder.start(),
    ids: () => taken.map(({ headers }) => headers["ce-id"]),
    /** Time passes, with one round in each `step` seconds. */
    pass: async (seconds: number, step = 1) => {
      for (let passed = 0; passed < seconds; passed += step) {
        clock.advance(step * 1_000);
        forwarder.start();
        await forwarder.idle();
      }
    },
    /** The process ends as a power cut ends it, and starts again. */
    restart: () => {
      reopen();
      open.queue.revive();
      forwarder = make();
      app = forwarderApp({
        queue: open.queue,
        passwords: async () => [PASSWORD],
        queued: () => undefined,
        counters,
        clock,
        log,
      });
    },
    metric: (name: string) =>
      Number(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\d+)`, "m").exec(counters.text())?.[1]),
  };
}

describe("the forwarder", () => {
  it("an hour without the bridge loses nothing, asks it rarely, and keeps the order of each run", async () => {
    const home = await mkdtemp(join(tmpdir(), "drawbridge-forwarder-"));
    open.close();
    open = openEventQueue(home, LIMITS);
    reopen = () => {
      open.close();
      open = openEventQueue(home, LIMITS);
    };
    let isAway = true;
    const f = forwarding(() => (isAway ? AWAY : 202));
    const expected: string[] = [];
    for (let minute = 0; minute < 60; minute += 6) {
      for (const run of ["a", "b", "c"]) {
        expected.push(`${run}-${minute}`);
        expect(await f.post(`/apis///namespaces/ci//${run}`, `${run}-${minute}`)).toBe(202);
      }
      await f.pass(360, 10);
      if (minute === 30) f.restart();
    }
    expect(f.taken).toEqual([]);
    expect(f.tries()).toBeLessThan(300);
    isAway = false;
    await f.pass(120);
    expect(f.ids().toSorted()).toEqual(expected.toSorted());
    for (const run of ["a", "b", "c"]) {
      expect(f.ids().filter((id) => id?.startsWith(run))).toEqual(expected.filter((id) => id.startsWith(run)));
    }
    expect(f.metric("drawbridge_forwarder_queue_events")).toBe(0);
    expect(f.lines.join()).toContain("the bridge takes events again");
    await rm(home, { recursive: true, force: true });
  });

  it("whatever the bridge answers and whenever the process ends, each accepted event arrives, those of a run in order", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ post: fc.constantFrom("a", "b", "c") }) },
      { weight: 2, arbitrary: fc.record({ answer: fc.constantFrom(202, 401, 404, 429, 500, 503, "away", "lost") }) },
      { weight: 2, arbitrary: fc.record({ seconds: fc.constantFrom(1, 10, 60) }) },
      { weight: 1, arbitrary: fc.constant({ restart: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        open.close();
        open = openMemoryQueue(LIMITS);
        let answer: number | string = 202;
        const arrived: string[] = [];
        const f = forwarding(({ headers }) => {
          if (answer === 202 || answer === "lost") arrived.push(headers["ce-id"] ?? "");
          return typeof answer === "number" ? answer : AWAY;
        });
        const accepted: string[] = [];
        for (const [n, one] of steps.entries()) {
          if ("post" in one && (await f.post(one.post, `${one.post}-${n}`)) === 202) accepted.push(`${one.post}-${n}`);
          if ("answer" in one) answer = one.answer;
          if ("seconds" in one) await f.pass(one.seconds, 10);
          if ("restart" in one) f.restart();
        }
        answer = 202;
        for (let round = 0; round < 100 && open.queue.size().events > 0; round++) await f.pass(15, 15);
        const firsts = [...new Set(arrived)];
        for (const run of ["a", "b", "c"]) {
          const of = (ids: readonly string[]) => ids.filter((id) => id.startsWith(run));
          expect(of(firsts)).toEqual(of(accepted));
        }
      }),
      propertyCases("histories of the forwarder", { weight: 10 }),
    );
  });

  it.each([401, 403, 404, 429, 500, 503, 302])("an event waits while the bridge answers %i", async (status) => {
    let answer = status;
    const f = forwarding(() => answer);
    await f.post("run", "1");
    await f.pass(600, 60);
    expect(f.taken).toEqual([]);
    answer = 202;
    await f.pass(60, 20);
    expect(f.ids()).toEqual(["1"]);
  });

  it.each([400, 413, 415, 422])(
    "an event that the bridge answers with %i is a dead letter, and the next goes on",
    async (status) => {
      const f = forwarding(({ headers }) => (headers["ce-id"] === "bad" ? status : 202));
      await f.post("run", "bad");
      await f.post("run", "good");
      await f.pass(2);
      expect(f.ids()).toEqual(["good"]);
      expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(1);
      expect(f.lines.join()).toContain(`"reason":"answered_${status}"`);
    },
  );

  it("dead letters are sent once more after a start, and the oldest go if there are too many", async () => {
    let answer = 400;
    const f = forwarding(() => answer);
    for (const id of ["1", "2", "3", "4", "5"]) await f.post(`run-${id}`, id);
    await f.pass(2);
    expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(3);
    expect(f.metric('drawbridge_forwarder_events_total{outcome="removed"}')).toBe(2);
    answer = 202;
    f.restart();
    await f.pass(2);
    expect(f.ids()).toEqual(["3", "4", "5"]);
  });

  it("an event that fails alone delays no other run, and becomes a dead letter", async () => {
    const f = forwarding(({ headers }) => (headers["ce-source"] === "poisoned" ? 503 : 202));
    await f.post("poisoned", "bad");
    for (let n = 0; n < 30; n++) {
      await f.post("other", `${n}`);
      await f.pass(60, 10);
    }
    expect(f.ids()).toHaveLength(30);
    expect(f.lines.join()).toContain('"reason":"failed_alone"');
  });

  it.each([
    [4, 503, 60],
    [20, 403, 60],
  ])(
    "%i runs that are always answered with %i delay, once each was tried, no other run by more than 20 seconds, and become dead letters",
    async (runs, status, every) => {
      open.close();
      open = openMemoryQueue({ ...LIMITS, bytes: 1_000_000, deadLetters: 100 });
      const sentAfter: number[] = [];
      const f = forwarding(({ headers }) => {
        if (headers["ce-source"]?.startsWith("poisoned")) return status;
        sentAfter.push(f.clock.now() - Number(headers["ce-id"]));
        return 202;
      });
      for (let n = 0; n < runs; n++) await f.post(`poisoned-${n}`, `${n}`);
      const events = 120;
      for (let n = 0; n < events; n++) {
        await f.post(`run-${n}`, `${f.clock.now()}`);
        await f.pass(every, 4);
      }
      expect(sentAfter).toHaveLength(events);
      expect(Math.max(...sentAfter.slice(runs))).toBeLessThanOrEqual(20_000);
      expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(runs);
    },
  );

  it("a slow answer delays no event but the later ones of its own run", async () => {
    const slow = unanswered();
    const f = forwarding(({ headers }) => (headers["ce-id"] === "slow" ? slow.promise : 202));
    for (const id of ["slow", "next"]) await f.post("slow run", id);
    const others = Array.from({ length: 30 }, (_, n) => `${n}`);
    for (const id of others.slice(0, 20)) await f.post(`run-${id}`, id);
    f.start();
    await vi.waitFor(() => expect(f.ids()).toEqual(others.slice(0, 20)));
    for (const id of others.slice(20)) await f.post("one run", id);
    f.start();
    await vi.waitFor(() => expect(f.ids()).toEqual(others));
    slow.resolve(202);
    await f.pass(1);
    expect(f.ids()).toEqual([...others, "slow", "next"]);
  });

  it("at most eight events are sent at the same time, and one after a failure", async () => {
    const answers: ReturnType<typeof unanswered>[] = [];
    const f = forwarding(() => {
      const answer = unanswered();
      answers.push(answer);
      return answer.promise;
    });
    for (let n = 0; n < 12; n++) await f.post(`run-${n}`, `${n}`);
    f.start();
    f.start();
    expect(answers).toHaveLength(8);
    answers[0]?.resolve(503);
    await vi.waitFor(() => expect(f.metric('drawbridge_forwarder_failures_total{answer="503"}')).toBe(1));
    f.clock.advance(1_000);
    f.start();
    f.start();
    expect(answers).toHaveLength(9);
    for (const { resolve } of answers.slice(1)) resolve(202);
    await vi.waitFor(() => expect(answers).toHaveLength(13));
    for (const { resolve } of answers) resolve(202);
    await f.pass(1);
    expect(f.ids()).toHaveLength(12);
  });

  it.each(['{"ce-id":', "null", "[]", '"text"', '{"ce-id":1}'])(
    "an event whose stored headers are %s is a dead letter, and the others go on",
    async (stored) => {
      const home = await mkdtemp(join(tmpdir(), "drawbridge-forwarder-"));
      open.close();
      open = openEventQueue(home, LIMITS);
      const f = forwarding(() => 202);
      for (const id of ["bad", "next"]) await f.post("run", id);
      await f.post("other", "2");
      const database = new DatabaseSync(join(home, "events.db"));
      database.prepare("UPDATE events SET headers = ? WHERE id = 1").run(stored);
      database.close();
      await f.pass(1);
      expect(f.ids().toSorted()).toEqual(["2", "next"]);
      expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(1);
      expect(f.metric('drawbridge_forwarder_events_total{outcome="dead"}')).toBe(1);
      expect(f.lines.join()).toContain('"run":"run"');
      expect(f.lines.join()).toContain('"reason":"unreadable"');
      f.restart();
      await f.pass(1);
      expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(1);
      await rm(home, { recursive: true, force: true });
    },
  );

  it("a damaged queue names its own remedy, at a start and in use", async () => {
    const home = await mkdtemp(join(tmpdir(), "drawbridge-forwarder-"));
    open.close();
    open = openEventQueue(home, LIMITS);
    const f = forwarding(() => AWAY);
    for (let n = 0; n < 4; n++) await f.post("run", `${n}`, { body: JSON.stringify("x".repeat(20_000)) });
    open.close();
    open = openMemoryQueue(LIMITS);
    const file = join(home, "events.db");
    const database = new DatabaseSync(file);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
    const damage = async (from: number): Promise<unknown> => {
      const bytes = await readFile(file);
      await writeFile(file, bytes.fill(0xff, from, from + 4_096));
      try {
        const { queue, close } = openEventQueue(home, LIMITS);
        try {
          queue.first(8, { lanes: new Set(), ids: new Set() });
        } finally {
          close();
        }
      } catch (error) {
        return error;
      }
      return undefined;
    };
    for (const from of [4_096, 0]) {
      const error = await damage(from);
      const remedy = /move every file out of its data folder.*lost.*restart tekton-events-controller/;
      expect(error).toMatchObject({ code: "store_damaged", message: expect.stringMatching(remedy) });
      expect(String(error)).not.toContain("restore");
    }
    await rm(home, { recursive: true, force: true });
  });

  it("a run that failed once is sent although others always fail", async () => {
    let status = 503;
    const f = forwarding(({ headers }) => (headers["ce-source"]?.startsWith("poisoned") ? 503 : status));
    for (let n = 0; n < 4; n++) await f.post(`poisoned-${n}`, `${n}`);
    await f.post("run", "good");
    await f.pass(120);
    status = 202;
    await f.pass(100);
    expect(f.ids()).toEqual(["good"]);
  });

  it("the controller gets 503 while the queue is full, and nothing that it accepted is lost", async () => {
    let isAway = true;
    const f = forwarding(() => (isAway ? AWAY : 202));
    const body = JSON.stringify({ text: "x".repeat(20_000) });
    const statuses: number[] = [];
    for (let n = 0; n < 8; n++) statuses.push(await f.post(`run-${n}`, `${n}`, { body }));
    expect(statuses).toEqual([202, 202, 202, 202, 503, 503, 503, 503]);
    expect(f.metric('drawbridge_forwarder_received_total{outcome="full"}')).toBe(4);
    isAway = false;
    await f.pass(30);
    expect(f.ids()).toEqual(["0", "1", "2", "3"]);
    expect(await f.post("run-9", "9", { body })).toBe(202);
  });

  describe("with a disk that takes no write", () => {
    let home: string;
    /** Lets every removal and burial fail as on a full disk, or lets them work again. */
    const setFull = (isFull: boolean) => {
      const database = new DatabaseSync(join(home, "events.db"));
      for (const verb of ["DELETE", "UPDATE"]) {
        database.exec(
          isFull
            ? `CREATE TRIGGER full_${verb} BEFORE ${verb} ON events BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`
            : `DROP TRIGGER full_${verb}`,
        );
      }
      database.close();
    };
    beforeEach(async () => {
      home = await mkdtemp(join(tmpdir(), "drawbridge-forwarder-"));
      open.close();
      open = openEventQueue(home, LIMITS);
    });
    afterEach(() => rm(home, { recursive: true, force: true }));

    it("every event is sent once and in order, and leaves the queue when the disk takes writes again", async () => {
      const asked: (string | undefined)[] = [];
      const f = forwarding(({ headers }) => {
        asked.push(headers["ce-id"]);
        return headers["ce-id"]?.startsWith("bad") ? 400 : 202;
      });
      for (const id of ["1", "bad", "2"]) expect(await f.post("run", id)).toBe(202);
      expect(await f.post("other", "3")).toBe(202);
      setFull(true);
      await f.pass(60);
      expect(asked.toSorted()).toEqual(["1", "2", "3", "bad"]);
      expect(asked.filter((id) => id !== "3")).toEqual(["1", "bad", "2"]);
      expect(f.metric("drawbridge_forwarder_queue_events")).toBe(4);
      expect(f.lines.filter((line) => line.includes("cannot be written"))).toHaveLength(1);
      expect(f.lines.join()).toContain("the disk is full; make room");
      setFull(false);
      await f.pass(1);
      expect(asked).toHaveLength(4);
      expect(f.metric("drawbridge_forwarder_queue_events")).toBe(0);
      expect(f.metric("drawbridge_forwarder_queue_bytes")).toBe(0);
      expect(f.metric("drawbridge_forwarder_dead_letters")).toBe(1);
    });

    it("an event that would leave too little of the disk free is answered with 503, and the others are sent", async () => {
      const f = forwarding(() => 202);
      expect(await f.post("run", "1")).toBe(202);
      open.close();
      open = openEventQueue(home, { ...LIMITS, freeBytes: Number.MAX_SAFE_INTEGER });
      f.restart();
      expect(await f.post("run", "2")).toBe(503);
      expect(f.metric('drawbridge_forwarder_received_total{outcome="full"}')).toBe(1);
      await f.pass(1);
      expect(f.ids()).toEqual(["1"]);
    });
  });

  it("the credential of the controller is checked, and is neither stored nor sent on", async () => {
    const f = forwarding(() => 202);
    expect(await f.post("run", "1", { password: "other" })).toBe(401);
    expect(await f.post("run", "2")).toBe(202);
    await f.pass(1);
    expect(f.taken).toEqual([
      {
        headers: {
          "ce-id": "2",
          "ce-source": "run",
          "ce-type": "dev.tekton.event.pipelinerun.running.v1",
          "content-type": "application/json",
        },
        body: '{"id":"2"}',
      },
    ]);
  });

  it("the body of a listener's event, which has the credentials of a request, is not stored", async () => {
    const f = forwarding(() => 202);
    const body = '{"Authorization":["Bearer secret"]}';
    await f.post("listener", "1", { type: "dev.tekton.event.triggers.started.v1", body });
    expect(JSON.stringify(open.queue.firstOf("listener", new Set()))).not.toContain("secret");
    await f.pass(1);
    expect(f.taken).toMatchObject([{ body: "null" }]);
  });

  it("of the headers of a probe only the name of its trigger is stored, which shows the bridge that it was one", async () => {
    const f = forwarding(() => 202);
    const body = '{"Authorization":["Bearer secret"],"Drawbridge-Route":["drawbridge-probe"]}';
    await f.post("listener", "1", { type: "dev.tekton.event.triggers.started.v1", body });
    expect(JSON.stringify(open.queue.firstOf("listener", new Set()))).not.toContain("secret");
    await f.pass(1);
    expect(f.taken).toMatchObject([{ body: '{"Drawbridge-Route":["drawbridge-probe"]}' }]);
  });
});
