import fc from "fast-check";
import { expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { type ActDeps, act, leaseMs } from "../../shared/delivery/act.ts";
import { relay } from "../../shared/delivery/relay.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { propertyCases } from "../support/property-cases.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

/** What the world does to the next request and to what follows it. */
interface Attempt {
  readonly kind: "act";
  /** `unknown`: the listener did the work, and its answer is lost. */
  readonly answer: "accepted" | "unknown" | "unreachable";
  /** Whether the trigger creates a run. */
  readonly creates: boolean;
  /** The run is reported before the answer arrives. */
  readonly early: boolean;
  /** Where the process is killed: before the answer, before the timeline line, before the state. */
  readonly crash: "answer" | "timeline" | "state" | undefined;
}

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("act" as const),
      answer: fc.constantFrom("accepted", "accepted", "accepted", "unknown", "unreachable"),
      creates: fc.boolean(),
      early: fc.boolean(),
      crash: fc.constantFrom(undefined, undefined, undefined, "answer", "timeline", "state"),
    }),
    fc.record({ kind: fc.constant("wait" as const), minutes: fc.constantFrom(0, 1, 2, 4, 5, 10, 30) }),
    fc.record({
      kind: fc.constant("report" as const),
      type: fc.constantFrom("build.queued", "build.failed", "trigger.succeeded"),
    }),
    fc.record({ kind: fc.constant("failure" as const) }),
  ),
  { maxLength: 14 },
);

const world = fc.record({
  runName: fc.constantFrom("fixed", "generated"),
  /** Whether the target names the namespaces of its runs. Otherwise the answer does. */
  namesNamespaces: fc.boolean(),
  steps,
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

const EDIT = sampleDelivery();
const KEY = busEventOf(EDIT)?.detail.eventKey ?? "";
const ID = actionIdOf("docs", KEY);
const ANSWERED: Attempt = { kind: "act", answer: "accepted", creates: false, early: false, crash: undefined };
const never = new Promise<never>(() => undefined);

/** A bridge and the cluster behind its listener, one step at a time. */
async function openWorld({ runName, namesNamespaces }: World) {
  let attempt: Attempt = ANSWERED;
  let killed: (() => void) | undefined;
  const requests: string[] = [];
  const runs: { readonly name: string; readonly eventId: string }[] = [];
  let reports = 0;

  const run = async (): Promise<ActionOutcome> => {
    const { answer, creates, early, crash } = attempt;
    if (answer === "unreachable") return { outcome: "retry", summary: "connection refused" };
    const eventId = `id-${requests.length + 1}`;
    requests.push(eventId);
    const name = runName === "fixed" ? `docs-${KEY}` : `docs-${eventId}`;
    if (creates && !runs.some((one) => one.name === name)) runs.push({ name, eventId });
    if (early) await report("build.queued");
    if (crash === "answer") return die();
    if (answer === "unknown") return { outcome: "retry", summary: "timed out", unknownOutcome: true };
    await parts.origins.remember("cluster", eventId, EDIT.id);
    return {
      outcome: "expect_run",
      summary: "accepted",
      facts: { eventID: eventId, listener: "ci/drawbridge" },
      expectation: { withinMs: 120_000, isRepeatable: runName === "fixed", eventId, namespace: "ci" },
    };
  };
  const route = routeOf(run, {
    runsReportedBy: "cluster",
    ...(namesNamespaces && { runNamespaces: ["ci"] }),
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
  });
  const parts = await bridgeParts([route]);
  const { actions, deliveries, ownAccounts, clock } = parts;
  const bus = relayBus(parts.bridge, parts.bus);
  const relaying = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };

  /** The process ends here, and nothing after this happens. */
  const die = (): Promise<never> => {
    killed?.();
    return never;
  };
  const killing = <T extends object>(store: T, where: Attempt["crash"], methods: readonly string[]): T =>
    new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...given: unknown[]) =>
          attempt.crash === where && methods.includes(String(name)) ? die() : member.apply(target, given);
      },
    });
  const deps: ActDeps = {
    ...parts.deps,
    deliveries: killing(deliveries, "timeline", ["addToTimeline"]),
    actions: killing(actions, "state", ["expectRun", "release", "complete", "endWithoutRun"]),
  };
  const lease = leaseMs(deps.routes);

  const take = async (event: BridgeEvent): Promise<void> => {
    reports += 1;
    const id = `d-report-${reports}`;
    const delivery = { ...EDIT, id, source: "cluster", provider: "tekton", what: event.type, events: [event] } as const;
    await deliveries.record(delivery);
    await relay(delivery, relaying);
  };
  let isReported = false;
  const report = async (type: "build.queued" | "build.failed" | "trigger.succeeded"): Promise<void> => {
    const newest = runs.at(-1);
    if (newest === undefined) return;
    const { name, eventId } = newest;
    const about = { keyParts: [name, type], time: "2026-11-02T09:03:00.000Z" };
    const origin = { triggerEventId: eventId, namespace: "ci" };
    if (type === "trigger.succeeded") {
      const trigger = { system: "tekton", listener: "ci/drawbridge", eventId };
      await take({ ...about, type, subject: "ci/drawbridge", trigger, origin });
      return;
    }
    const state = type === "build.queued" ? "queued" : "failed";
    const build = { system: "tekton", id: name, pipeline: "ci/docs", state } as const;
    await take({ ...about, type, subject: `ci/${name}`, build, origin: { ...origin, delivery: EDIT.id } });
    isReported = true;
  };
  const failure = async (): Promise<void> => {
    const eventId = requests.at(-1);
    if (eventId === undefined) return;
    const trigger = { system: "tekton", listener: "ci/drawbridge", eventId };
    const origin = { triggerEventId: eventId, namespace: "ci" };
    const about = { keyParts: [eventId, "failed"], time: "2026-11-02T09:03:00.000Z", subject: "ci/drawbridge" };
    await take({ ...about, type: "trigger.failed", trigger, origin });
  };
  const runDue = async (next: Attempt): Promise<void> => {
    attempt = next;
    for (const id of await actions.due("ci", clock.now(), 9)) {
      const death = new Promise<void>((resolve) => {
        killed = resolve;
      });
      await Promise.race([act(id, deps), death]);
    }
    attempt = ANSWERED;
  };
  await deliveries.record(EDIT);
  await relay(EDIT, relaying);
  return {
    requests,
    runs,
    report,
    failure,
    runDue,
    clock,
    lease,
    isReported: () => isReported,
    status: () => actions.status(ID),
    due: () => actions.due("ci", clock.now(), 9),
    attempts: () => parts.attempts(EDIT.id),
    stop: parts.stop,
  };
}

it("whatever is lost, late, repeated or killed, an action is done only after a report, and every report ends the wait", async () => {
  await fc.assert(
    fc.asyncProperty(world, async (given) => {
      const { runName } = given;
      const opened = await openWorld(given);
      const { requests, runs, report, failure, runDue, clock, lease, isReported, status } = opened;
      try {
        for (const step of given.steps) {
          const before = { requests: requests.length, isReported: isReported(), state: await status() };
          if (step.kind === "wait") clock.advance(step.minutes * 60_000);
          if (step.kind === "report") await report(step.type);
          if (step.kind === "failure") await failure();
          if (step.kind === "act") await runDue(step);
          const { state, report: reported } = (await status()) ?? {};
          if (state === "done") expect(reported, "done without a report").toBeDefined();
          if (before.state?.report !== undefined) expect(requests.length, "sent after a report").toBe(before.requests);
          if (runName === "generated" && before.state?.run !== undefined)
            expect(requests.length, "a second request for a generated name").toBe(before.requests);
        }
        for (let minute = 0; minute < 90; minute++) {
          await runDue(ANSWERED);
          clock.advance(60_000);
        }
        clock.advance(lease);
        const { state, report: reported, run } = (await status()) ?? {};
        if (runName === "fixed") expect(runs.length).toBeLessThanOrEqual(1);
        if (isReported() && run !== undefined) expect(state, "a report ends the wait").toBe("done");
        if (reported !== undefined) expect(state).toBe("done");
        expect(["done", "accepted_without_run", "gave_up"]).toContain(state);
        // A late report always ends the wait.
        if (runs.length > 0 && state === "accepted_without_run" && runName === "fixed") {
          await report("build.failed");
          expect(await status()).toMatchObject({ state: "done" });
        }
      } finally {
        await opened.stop();
      }
    }),
    propertyCases("expected runs", { weight: 3 }),
  );
});
