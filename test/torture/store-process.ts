import { actDeps } from "../../functions/act-deps.ts";
import { InProcessBus } from "../../shared/bus/in-process-bus.ts";
import { act } from "../../shared/delivery/act.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { type RelayDeps, relay, sweep } from "../../shared/delivery/relay.ts";
import { schedule } from "../../shared/delivery/schedule.ts";
import { type Clock, epochMillis, epochSeconds, laterBy, toIso } from "../../shared/host/clock.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BuildState } from "../../shared/model/event.ts";
import { approvalIdOf } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { Route } from "../../shared/routes/route.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { bridgeWith, routeOf } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { buildOf } from "../support/sandbox-confluence-action.ts";
import { silentLog } from "../support/test-doubles.ts";
import type { CheckedTable } from "./checked-table.ts";

/** What is outside the process, and survives it: senders, targets, people and the time. */
export interface World {
  now: number;
  /** The answers to each sent delivery, in order; `unanswered` if the process ended first. */
  readonly answers: Record<string, string[]>;
  /** Each call of a target: the route and the event. */
  readonly effects: string[];
  /** The rows of the page's last version. */
  page: Record<string, string>;
  /** Approvals that a person has granted and that were answered. */
  readonly granted: string[];
}

export const newWorld = (): World => ({
  now: Date.parse("2026-11-02T09:00:00Z"),
  answers: {},
  effects: [],
  page: {},
  granted: [],
});

/** What the targets answer to the attempts for one event, in turn. The last one is repeated. */
export type TargetAnswers = readonly ("done" | "retry" | "wait" | "give_up")[];

export interface Sent {
  /** Number of the event. */
  readonly event: number;
  /** Different reports of one event have different numbers: their deliveries have different ids. */
  readonly report: number;
}

export const TARGETS = ["ci", "pages", "gate"] as const;
export const PAGE = { site: "https://wiki.example.test", id: "98310" };
const RETRY = { baseMs: 1_000, capMs: 8_000, maxAttempts: 6 } as const;
const LEASE_MS = 75_000;
const STATES = ["queued", "running", "waiting", "succeeded", "failed"] as const satisfies readonly BuildState[];

export const deliveryOf = ({ event, report }: Sent) => {
  const { id } = sampleDelivery(event * 100 + report);
  return sampleDelivery(event, { id });
};

/** The row and the state that the event reports. */
export const buildOfEvent = (event: number) => {
  const number = Math.floor(event / 3);
  return buildOf({ pipeline: `p-${event % 2}`, number, id: String(number), state: STATES[event % 5] ?? "queued" });
};

/** One process of the bridge: its stores, relay and actions over a table. The real code, without timers and sockets. */
export class StoreProcess {
  readonly stores: AllStores;
  readonly table: CheckedTable;
  readonly #world: World;
  readonly #answersOf: (event: number) => TargetAnswers;
  readonly #relay: RelayDeps;
  readonly #paused = new Paused();
  readonly #act: ReturnType<typeof actDeps>;

  constructor(table: CheckedTable, world: World, answersOf: (event: number) => TargetAnswers) {
    this.table = table;
    this.#world = world;
    this.#answersOf = answersOf;
    const clock: Clock = { now: () => epochMillis(world.now), monotonic: () => world.now };
    this.stores = openAllStores(table, { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock });
    const routes: readonly Route[] = [
      routeOf((context) => this.#build(numberOf(context.busEvent.detail)), { name: "build", target: "ci" }),
      routeOf(({ busEvent: { detail } }) => this.#show(numberOf(detail), detail.delivery), {
        name: "status",
        target: "pages",
      }),
      routeOf(({ busEvent: { detail } }) => this.#gated(detail.eventKey, numberOf(detail)), {
        name: "deploy",
        target: "gate",
        matches: ({ detail }) => numberOf(detail) % 3 === 0,
      }),
    ];
    const { deliveries, ownAccounts } = this.stores;
    const bridge = bridgeWith(routes, { stores: this.stores, clock });
    const bus = new InProcessBus({
      routes,
      schedule: (route, detail) => schedule(route, detail, bridge),
      scheduled: () => undefined,
    });
    this.#relay = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };
    this.#act = {
      ...actDeps(bridge, {
        actions: [],
        retry: RETRY,
        pageStores: this.stores,
        missingMs: () => 0,
        awsToken: undefined,
      }),
      routes,
    };
  }

  /** What a process does first: it is the only one, so every lease is that of an ended process. */
  async start(): Promise<void> {
    for (const target of TARGETS) await this.stores.actions.expireLeases(target, epochMillis(this.#world.now));
  }

  /** A request of a sender, and the relay after its commit. Resolves after both. */
  async receive(sent: Sent): Promise<void> {
    const delivery = { ...deliveryOf(sent), receivedAt: epochMillis(this.#world.now) };
    const answers = this.#world.answers[delivery.id] ?? [];
    this.#world.answers[delivery.id] = answers;
    const at = answers.push("unanswered") - 1;
    const answer = await this.stores.deliveries.record(delivery);
    answers[at] = answer;
    if (answer === "recorded") await relay(delivery, this.#relay);
  }

  /** A person grants what the event waits for. */
  async grant(event: number): Promise<void> {
    const id = this.approvalOf(event);
    const by = { ...sourcePrincipal("wiki", "hub-signature", "current"), actor: "kim" };
    const decision = { by, at: epochMillis(this.#world.now) };
    if (await this.stores.approvals.move(id, ["requested"], { state: "granted", decision }))
      this.#world.granted.push(id);
  }

  readonly approvalOf = (event: number): string => approvalIdOf("deploy", String(event));

  /** Sweeps the outbox, and runs each target's due actions once. Returns how much there was to do. */
  async work(): Promise<number> {
    const now = epochMillis(this.#world.now);
    const relayed = await sweep(this.#relay, this.#paused);
    const due = await Promise.all(TARGETS.map((target) => this.stores.actions.due(target, now, 100)));
    await Promise.all(due.flat().map((id) => act(id, this.#act)));
    return relayed + due.flat().length;
  }

  async #build(event: number): Promise<ActionOutcome> {
    const effect = `build ${event}`;
    const before = this.#world.effects.filter((one) => one === effect).length;
    this.#world.effects.push(effect);
    const answers = this.#answersOf(event);
    // The response of the target arrives in a later turn of the loop.
    await new Promise(setImmediate);
    const outcome = answers[Math.min(before, answers.length - 1)] ?? "done";
    return outcome === "wait" ? { outcome, afterSeconds: 3, summary: "busy" } : { outcome, summary: "answered" };
  }

  async #show(event: number, delivery: string): Promise<ActionOutcome> {
    const { boards } = this.stores;
    const build = buildOfEvent(event);
    await boards.advance(PAGE, { key: build.pipeline, build, delivery });
    const now = epochMillis(this.#world.now);
    const lease = await boards.lease(PAGE, now, laterBy(now, LEASE_MS));
    if (lease === undefined) return { outcome: "wait", afterSeconds: 2, summary: "the page is leased" };
    const { rows } = await boards.read(PAGE);
    this.#world.page = Object.fromEntries(rows.map((row) => [row.key, `${row.build.number} ${row.build.state}`]));
    await boards.release(PAGE, lease, { writtenAt: now });
    return { outcome: "done", summary: "written" };
  }

  async #gated(eventKey: string, event: number): Promise<ActionOutcome> {
    const { approvals } = this.stores;
    const id = this.approvalOf(event);
    const now = epochMillis(this.#world.now);
    const found = await approvals.get(id);
    if (found === undefined) {
      const requester = sourcePrincipal("wiki", "hub-signature", "current");
      const request = { route: "deploy", action: eventKey, delivery: eventKey, subject: String(event), requester };
      await approvals.request({ id, ...request, requestedAt: now, until: laterBy(now, 86_400_000), approvers: [] });
    }
    if (found?.state !== "granted") {
      if (found?.state === "fired") return { outcome: "done", summary: "fired before" };
      return { outcome: "wait", afterSeconds: 5, summary: "waits for an approval", waitsFor: "kim" };
    }
    this.#world.effects.push(`deploy ${event}`);
    await approvals.move(id, ["granted"], { state: "fired", endedAt: now });
    return { outcome: "done", summary: "fired" };
  }

  /** One write of a store that no event causes. */
  async sundry(kind: number): Promise<void> {
    const { runs, origins, rateLimits, replayCache, credentialUses, storedTokens, ownAccounts, approvals } =
      this.stores;
    const now = epochMillis(this.#world.now);
    const [n, seconds] = [kind % 4, epochSeconds(Math.floor(now / 1_000))];
    const writes: readonly (() => Promise<unknown>)[] = [
      () => runs.record("build", { delivery: `d-${n}`, firedAt: toIso(now) }),
      () =>
        runs.record("build", { delivery: `d-${n}`, end: { succeeded: n > 1, at: toIso(now) }, beganAt: toIso(now) }),
      () => origins.remember("cluster", `trigger-${kind}`, `d-${n}`),
      () => rateLimits.count(["wiki", String(n)], now, 2),
      () => replayCache.take(`token-${n}`, `use-${kind % 7}`, epochSeconds(seconds + 60 * n)),
      () =>
        credentialUses.record({
          kind: "source",
          name: `s-${n}`,
          method: "hmac",
          credential: "current",
          lastUsedAt: now,
        }),
      () => storedTokens.keep(`s-${n}`, `sealed-${kind}`, epochSeconds(seconds + 60 * n)),
      () => ownAccounts.record({ site: PAGE.site, account: `a-${n}` }, laterBy(now, 1_000 * kind)),
      () => approvals.recordChange({ key: `page-${n}`, at: toIso(now), mark: String(kind % 3) }),
      () => this.table.deleteExpired(now),
    ];
    await writes[kind % writes.length]?.();
  }
}

/** The sample's subject is its page; the version is the number of the event. */
function numberOf(detail: object): number {
  const { page } = detail as { readonly page?: { readonly version?: number } };
  return page?.version ?? 0;
}
