import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { actionIdOf, eventKeyOf } from "../../shared/model/idempotency-keys.ts";
import { Random } from "./random.ts";
import {
  buildOfEvent,
  deliveryOf,
  type Sent,
  type StoreProcess,
  TARGETS,
  type TargetAnswers,
  type World,
} from "./store-process.ts";

type Step =
  | { readonly kind: "send"; readonly sent: Sent }
  | { readonly kind: "grant"; readonly event: number }
  | { readonly kind: "sundry"; readonly number: number }
  | { readonly kind: "work" };

/** A scripted history. The steps of a batch run concurrently, so that their writes share commits. */
export interface History {
  readonly batches: readonly { readonly steps: readonly Step[]; readonly thenMs: number }[];
  readonly sends: readonly Sent[];
  readonly answersOf: (event: number) => TargetAnswers;
  /** Pages after which the database copies its log into its file. */
  readonly checkpointPages: number;
}

const ANSWERS: readonly [TargetAnswers, ...TargetAnswers[]] = [
  ["done"],
  ["retry", "done"],
  ["wait", "done"],
  ["retry", "retry", "done"],
  ["give_up"],
];

/** The same seed always gives the same history. */
export function historyOf(seed: number): History {
  const random = new Random(seed);
  const events = random.whole(3, 6);
  const sends: Sent[] = [];
  for (let event = 1; event <= events; event++) {
    sends.push({ event, report: 0 });
    if (random.chance(0.4)) sends.push({ event, report: 0 });
    if (random.chance(0.3)) sends.push({ event, report: 1 });
  }
  const steps: Step[] = random.shuffled([
    ...sends.map((sent): Step => ({ kind: "send", sent })),
    ...sends.map((): Step => ({ kind: "work" })),
    ...Array.from({ length: events }, (): Step => ({ kind: "sundry", number: random.whole(0, 99) })),
    ...Array.from({ length: events }, (_, n): Step => ({ kind: "grant", event: n + 1 })),
  ]);
  const batches: { steps: readonly Step[]; thenMs: number }[] = [];
  while (steps.length > 0) batches.push({ steps: steps.splice(0, random.whole(1, 4)), thenMs: random.whole(0, 6_000) });
  const answers = Array.from({ length: events + 1 }, () => random.pick(ANSWERS));
  return {
    batches,
    sends,
    answersOf: (event) => answers[event] ?? ["done"],
    checkpointPages: random.pick([8, 30, 1_000]),
  };
}

/** Runs the history from its start. */
export async function run(history: History, process: StoreProcess, world: World): Promise<void> {
  await process.start();
  for (const { steps, thenMs } of history.batches) {
    await Promise.all(steps.map((step) => runStep(step, process)));
    world.now += thenMs;
  }
}

async function runStep(step: Step, process: StoreProcess): Promise<unknown> {
  switch (step.kind) {
    case "send":
      return process.receive(step.sent);
    case "grant":
      return process.grant(step.event);
    case "sundry":
      return process.sundry(step.number);
    case "work":
      return process.work();
  }
}

const MOST_ROUNDS = 80;
const FAR_MS = 40 * 86_400_000;

/** Senders repeat what nobody answered, people grant what waits, and the process works until nothing is due. */
export async function finish(history: History, process: StoreProcess, world: World): Promise<void> {
  await process.start();
  for (const sent of history.sends) {
    const answers = world.answers[deliveryOf(sent).id] ?? [];
    if (!answers.some((answer) => answer !== "unanswered")) await process.receive(sent);
  }
  for (let round = 0; round < MOST_ROUNDS; round++) {
    await process.work();
    for (const { event } of history.sends) await process.grant(event);
    if ((await leftOver(process, world)).length === 0) return;
    world.now += 10_000;
  }
}

/** The ids of everything that is due now or later. */
export async function leftOver({ stores }: StoreProcess, world: World): Promise<readonly string[]> {
  const far = laterBy(epochMillis(world.now), FAR_MS);
  const due = await Promise.all(TARGETS.map((target) => stores.actions.due(target, far, 1_000)));
  return [...(await stores.deliveries.unrelayed(far, 1_000)), ...due.flat()];
}

/** Id of the action of a route for the event. */
export function actionOf(route: string, event: number): string {
  const [busEvent] = busEventsOf(deliveryOf({ event, report: 0 }));
  return actionIdOf(route, busEvent?.detail.eventKey ?? eventKeyOf("wiki", "page.updated", []));
}

/** What is wrong at the end of a history. `repeats`: actions that a crash interrupted, once for each crash. */
export async function faultsOf(
  history: History,
  process: StoreProcess,
  world: World,
  repeats: readonly string[],
): Promise<readonly string[]> {
  const faults = [...(await leftOver(process, world)).map((id) => `${id} is due for ever`)];
  const events = [...new Set(history.sends.map(({ event }) => event))];
  for (const sent of history.sends) faults.push(...(await faultsOfDelivery(sent, process, world)));
  for (const event of events) {
    const answers = history.answersOf(event);
    const calls = answers.findIndex((answer) => answer === "done" || answer === "give_up") + 1;
    faults.push(...faultsOfCalls("build", event, { calls, repeats, world }));
    if (event % 3 === 0) faults.push(...faultsOfCalls("deploy", event, { calls: 1, repeats, world }));
    const state = await process.stores.actions.state(actionOf("build", event));
    const expected = answers.includes("give_up") ? "gave_up" : "done";
    if (state !== expected) faults.push(`the build of event ${event} is ${state}, not ${expected}`);
  }
  faults.push(...(await faultsOfList(history, process, world)));
  const rows = expectedRows(events);
  if (JSON.stringify(sorted(world.page)) !== JSON.stringify(sorted(rows)))
    faults.push(`the page shows ${JSON.stringify(world.page)}, not ${JSON.stringify(rows)}`);
  for (const id of world.granted) {
    const state = (await process.stores.approvals.get(id))?.state;
    if (state !== "fired") faults.push(`the approval ${id}, which was granted, is ${state}`);
  }
  return faults;
}

async function faultsOfDelivery(sent: Sent, { stores }: StoreProcess, world: World): Promise<readonly string[]> {
  const { id } = deliveryOf(sent);
  const stored = await stores.deliveries.get(id);
  const answers = world.answers[id] ?? [];
  const faults: string[] = [];
  if (stored === undefined) faults.push(`delivery ${id} was answered and is lost`);
  else if (stored.relayedAt === undefined || stored.unrelayed) faults.push(`delivery ${id} is not relayed`);
  if (answers.filter((answer) => answer === "recorded").length > 1) faults.push(`delivery ${id} was recorded twice`);
  const first = answers.findIndex((answer) => answer !== "unanswered");
  // Concurrent requests of one delivery have one winner. A first answer of "duplicate" needs another request before it.
  if (first === 0 && answers[0] === "duplicate" && answers.length === 1)
    faults.push(`the first request of delivery ${id} was answered "duplicate"`);
  return faults;
}

interface Calls {
  readonly calls: number;
  readonly repeats: readonly string[];
  readonly world: World;
}

function faultsOfCalls(route: string, event: number, { calls, repeats, world }: Calls): readonly string[] {
  const made = world.effects.filter((one) => one === `${route} ${event}`).length;
  const allowed = calls + repeats.filter((id) => id === actionOf(route, event)).length;
  if (made < calls) return [`event ${event} made ${made} calls of ${route}, not ${calls}`];
  return made > allowed ? [`event ${event} made ${made} calls of ${route}, and may make ${allowed}`] : [];
}

async function faultsOfList(history: History, { stores }: StoreProcess, world: World): Promise<readonly string[]> {
  const before = { receivedAt: epochMillis(world.now + 1), id: "" };
  const notBefore = epochMillis(world.now - 86_400_000);
  const query = { before, notBefore, limit: 1_000, scanLimit: 1_000, matches: () => true };
  const listed = (await stores.deliveries.list(query)).deliveries.map(({ id }) => id).sort();
  const sent = [...new Set(history.sends.map((one) => deliveryOf(one).id))].sort();
  return JSON.stringify(listed) === JSON.stringify(sent) ? [] : [`the list of deliveries has ${listed}, not ${sent}`];
}

const RANKS: Readonly<Record<string, number>> = { queued: 0, running: 1, waiting: 1, succeeded: 2, failed: 2 };

/** The furthest state of the newest run of each pipeline. */
function expectedRows(events: readonly number[]): Readonly<Record<string, string>> {
  const newest: Record<string, { readonly number: number; readonly state: string }> = {};
  for (const event of events) {
    const { pipeline, number = 0, state } = buildOfEvent(event);
    const known = newest[pipeline];
    const isFurther = known?.number === number && (RANKS[state] ?? 0) > (RANKS[known.state] ?? 0);
    if (known === undefined || number > known.number || isFurther) newest[pipeline] = { number, state };
  }
  return Object.fromEntries(Object.entries(newest).map(([key, { number, state }]) => [key, `${number} ${state}`]));
}

const sorted = (record: Readonly<Record<string, string>>) => Object.entries(record).sort();
