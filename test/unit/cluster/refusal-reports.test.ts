import { describe, expect, it } from "vitest";
import type { SentEvent } from "../../../shared/cluster/bridge-source.ts";
import { Counters } from "../../../shared/cluster/counters.ts";
import { INTERCEPTOR_COUNTERS } from "../../../shared/cluster/interceptor.ts";
import { RefusalReports } from "../../../shared/cluster/refusal-reports.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const REFUSAL = { trigger: "namespaces/ci/triggers/docs", reason: "token_expired" } as const;

/** Reports to a bridge that answers as `answers` says, in order; the last answer repeats. */
function reporting(...answers: readonly (number | Error)[]) {
  const clock = testClock();
  const counters = new Counters(INTERCEPTOR_COUNTERS);
  const sent: SentEvent[] = [];
  const send = async (event: SentEvent): Promise<number> => {
    sent.push(event);
    const answer = answers[Math.min(sent.length, answers.length) - 1] ?? 202;
    if (typeof answer === "number") return answer;
    throw answer;
  };
  const reports = new RefusalReports({ send, counters, clock, log: silentLog });
  const add = (eventId: string, isSigned = true) => reports.add({ ...REFUSAL, eventId, isSigned });
  /** Time passes, with one round in each second. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      await reports.send();
    }
  };
  const count = (outcome: string) => Number(new RegExp(`outcome="${outcome}"} (\\d+)`).exec(counters.text())?.[1] ?? 0);
  return { reports, sent, add, pass, count };
}

const AWAY = new Fault("target_unreachable", "nobody listens there", { retryable: true });

describe("reports of refusals", () => {
  it("a report waits until the bridge has stored the listener's answer, and is sent once", async () => {
    const { add, pass, sent } = reporting(202);
    add("event-1");
    await pass(4);
    expect(sent).toEqual([]);
    await pass(400);
    expect(sent).toMatchObject([
      {
        headers: { "ce-type": "dev.drawbridge.trigger.refused", "ce-source": REFUSAL.trigger },
        body: '{"eventId":"event-1","reason":"token_expired"}',
      },
    ]);
  });

  it.each([
    ["cannot be reached", AWAY],
    ["is overloaded", 503],
    ["does not accept the token, which may be replaced", 401],
  ])("a report is repeated with the same id while the bridge %s", async (_, answer) => {
    const { add, pass, sent, count } = reporting(answer, answer, 202);
    add("event-1");
    await pass(400);
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ headers }) => headers["ce-id"])).size).toBe(1);
    expect(count("sent")).toBe(1);
  });

  it("a report that the bridge never takes is dropped and counted", async () => {
    const away = reporting(AWAY);
    away.add("event-1");
    await away.pass(400);
    expect([away.sent.length, away.count("failed")]).toEqual([4, 1]);
    const rejected = reporting(404);
    rejected.add("event-1");
    await rejected.pass(400);
    expect([rejected.sent.length, rejected.count("failed")]).toEqual([1, 1]);
  });

  it("a flood of requests without a token is bounded, and displaces no report about a request of the bridge", async () => {
    const { add, pass, sent, count } = reporting(202);
    for (let n = 0; n < 10_000; n++) add(`event-${n}`, false);
    add("event-of-the-bridge");
    await pass(10);
    expect(sent).toHaveLength(21);
    expect(sent.at(-1)?.body).toContain("event-of-the-bridge");
    expect(count("limit")).toBe(9_980);
    await pass(50);
    for (let n = 0; n < 100; n++) add(`later-${n}`, false);
    await pass(10);
    expect(sent).toHaveLength(31);
  });

  it.each([{ trigger: "namespaces/ci/triggers/$(x)" }, { trigger: "" }, { eventId: "a b" }, { eventId: "" }])(
    "a call that names no trigger or request as a sink does is not reported: %j",
    async (changes) => {
      const { reports, pass, sent, count } = reporting(202);
      reports.add({ ...REFUSAL, eventId: "event-1", isSigned: false, ...changes });
      await pass(10);
      expect([sent.length, count("unnamed")]).toEqual([0, 1]);
    },
  );
});
