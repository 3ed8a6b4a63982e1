import fc from "fast-check";
import { expect, it } from "vitest";
import { type ActDeps, act } from "../../shared/delivery/act.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { pauseTarget, resumeTarget } from "../../shared/delivery/target-gate.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const KIM = namedPrincipal({ issuer: "https://idp.example.com", subject: "kim", trustEntry: "people" });
const WORKERS = 2;

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("deliver" as const) }) },
  // A worker takes the oldest due action as far as the call of the target.
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("begin" as const), worker: fc.nat(WORKERS - 1) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      worker: fc.nat(WORKERS - 1),
      answer: fc.constantFrom("done", "down", "down", "down", "rejected", "not_called", "killed"),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 6, 45, 400) }) },
  // Somebody sets the clock.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("set" as const), hours: fc.constantFrom(-3, 3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pause" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Answer = ActionOutcome | "killed";
const ANSWERS: Readonly<Record<string, Answer>> = {
  done: { outcome: "done", summary: "accepted" },
  down: { outcome: "retry", summary: "connection refused" },
  rejected: { outcome: "give_up", summary: "the listener rejected the request (400)" },
  not_called: { outcome: "wait", summary: "not its turn", afterSeconds: 2 },
  killed: "killed",
};

interface Call {
  readonly startedAt: number;
  readonly isProbe: boolean;
  readonly answer: (answer: Answer) => void;
  /** The whole attempt. */
  ended: Promise<unknown>;
}

const LEASE_MS = 30_000;
/** A probe whose lease has ended may be followed by another, and so may one that began by a clock that was ahead. */
const isLeased = ({ startedAt }: Call, now: number): boolean => now < startedAt + LEASE_MS && now > startedAt - 300_000;

/** Two workers over one store, one step at a time. */
async function openWorld() {
  const calls: (Call | undefined)[] = [undefined, undefined];
  const rejected = new Set<string>();
  /** Attempts that count, by delivery: those that failed and were no probe, and those whose process was killed. */
  const counted = new Map<string, number>();
  const violations: string[] = [];
  let worker = 0;
  let called: (() => void) | undefined;
  const route = routeOf(async ({ busEvent }) => {
    const now = parts.clock.now();
    const { breaker, pause } = await parts.targets.get("ci");
    if (pause !== undefined) violations.push("an attempt began while the target was paused");
    const isProbe = breaker?.open !== undefined;
    const probing = calls.filter((call) => call?.isProbe && isLeased(call, now));
    if (isProbe && probing.length > 0) violations.push("two probes ran at once");
    const answer = await new Promise<Answer>((resolve) => {
      calls[worker] = { startedAt: now, isProbe, answer: resolve, ended: Promise.resolve() };
      called?.();
    });
    const { delivery } = busEvent.detail;
    if (answer === "killed" || (answer.outcome === "retry" && !isProbe))
      counted.set(delivery, (counted.get(delivery) ?? 0) + 1);
    if (answer === "killed") return new Promise<never>(() => undefined);
    if (answer.outcome === "give_up") rejected.add(delivery);
    return answer;
  });
  const parts = await bridgeParts([route]);
  const deps: ActDeps = parts.deps;
  const ids: string[] = [];

  const callOf = (one: number): Call | undefined => calls[one];

  /** Ends when the target is called, or when the attempt has ended without. */
  async function begin(one: number): Promise<void> {
    if (calls[one] !== undefined) return;
    const [id] = await parts.actions.due("ci", parts.clock.now(), 1);
    if (id === undefined) return;
    worker = one;
    const reached = new Promise<void>((resolve) => {
      called = resolve;
    });
    const ended = act(id, deps);
    await Promise.race([reached, ended]);
    const call = callOf(one);
    if (call !== undefined) call.ended = ended;
  }

  async function end(one: number, answer: Answer): Promise<void> {
    const call = calls[one];
    if (call === undefined) return;
    calls[one] = undefined;
    call.answer(answer);
    if (answer !== "killed") await call.ended;
  }

  async function apply(one: Step): Promise<void> {
    switch (one.kind) {
      case "deliver": {
        const delivery = sampleDelivery(ids.length);
        await parts.deliveries.record(delivery);
        await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
        ids.push(delivery.id);
        return parts.clock.advance(1);
      }
      case "begin":
        return begin(one.worker);
      case "end":
        return end(one.worker, ANSWERS[one.answer] ?? "killed");
      case "pass":
        return parts.clock.advance(one.seconds * 1_000);
      case "set":
        return parts.clock.set(one.hours * 3_600_000);
      case "pause":
        await pauseTarget("ci", { by: KIM, reason: "a test" }, parts);
        return;
      case "resume":
        await resumeTarget("ci", parts);
        return;
    }
  }

  /** The target works from now on, and nobody pauses it. Every action ends, whatever happened before. */
  async function recover(): Promise<void> {
    for (const one of calls.keys()) await end(one, ANSWERS["done"] ?? "killed");
    await resumeTarget("ci", parts);
    for (let rounds = 0; rounds < 200; rounds++) {
      await begin(0);
      await end(0, ANSWERS["done"] ?? "killed");
      await parts.actions.correctDueTimes("ci", parts.clock.now());
      const due = await parts.actions.due("ci", parts.clock.now(), 1);
      if (due.length === 0) parts.clock.advance(400_000);
      const unfinished: string[] = [];
      for await (const name of parts.actions.unfinishedRoutes("ci")) unfinished.push(name);
      if (unfinished.length === 0) return;
    }
    throw new Error("an action is stuck");
  }

  async function check(): Promise<void> {
    await recover();
    expect(violations).toEqual([]);
    expect((await parts.targets.get("ci")).breaker?.open).toBeUndefined();
    for (const id of ids) {
      // The timeline is in the order of a clock that somebody sets.
      const attempts = [...(await parts.attempts(id))].sort((one, other) => one.attempt - other.attempt);
      const last = attempts.at(-1);
      // Nothing is lost, and nothing is given up but what the target rejected or what failed five times while it was called.
      if (rejected.has(id)) continue;
      if (last?.outcome === "give_up") expect(counted.get(id)).toBeGreaterThanOrEqual(5);
      else expect(last).toMatchObject({ outcome: "done" });
    }
  }
  return { apply, check, stop: parts.stop };
}

it("a breaker lets one probe through, is never stuck, and loses no action, whatever targets, people, clocks and processes do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = await openWorld();
      try {
        for (const one of steps) await world.apply(one);
        await world.check();
      } finally {
        await world.stop();
      }
    }),
    propertyCases("circuit breaker", { weight: 8 }),
  );
}, 600_000);
