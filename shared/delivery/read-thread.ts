import { type Clock, epochMillis, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type BusEvent, busEventsOf, sourceNameOf } from "../model/bus-event.ts";
import { termOf } from "../model/lookup-terms.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { AcceptedRun, ThreadDelivery } from "../model/thread/span.ts";
import { unitKeysIn } from "../model/thread/units.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type CorrelateDeps, correlate } from "./correlate.ts";
import { actionIdIn, readOutcome } from "./delivery-outcomes.ts";

export interface ThreadDeps extends CorrelateDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "list">;
  readonly actions: Pick<ActionStore, "state" | "status">;
  readonly clock: Clock;
}

/** Deliveries that are read for one thread. */
const MAX_DELIVERIES = 200;
/** Deliveries that are read for the states and jobs of one run. */
const MAX_REPORTS = 100;
const AT_ONCE = 16;
const DAY_MS = 86_400_000;
/** How long the look-ups of one thread may take, in milliseconds. */
const READ_MS = 2_000;

export interface ReadThread {
  readonly deliveries: readonly ThreadDelivery[];
  /** More deliveries belong to it than are read. */
  readonly isCut: boolean;
}

/**
 * Reads everything that is known to have one cause with these deliveries: what caused them, by the same rules by which an
 * action finds its origin; what was traced back to them; what replays or repeats them; and the states and jobs of the runs
 * that they report. Causes are read first, so that a bound cuts the ends and not the beginning. `mayRead`: what the reader
 * may see. The rest is left out, and nothing is looked for beyond it.
 */
export async function readThread(
  seeds: readonly string[],
  deps: ThreadDeps,
  mayRead: (delivery: RecordedDelivery) => boolean,
): Promise<ReadThread> {
  const end = deps.clock.monotonic() + READ_MS;
  const hasTime = (): boolean => deps.clock.monotonic() < end;
  const read = new Map<string, ThreadDelivery | undefined>();
  const runs = new Set<string>();
  const [above, below]: [Set<string>, Set<string>] = [new Set(seeds), new Set()];
  let isCut = false;
  while (above.size > 0 || below.size > 0) {
    const from = above.size > 0 ? above : below;
    const ids = [...from].slice(0, AT_ONCE);
    for (const id of ids) from.delete(id);
    const group = ids.filter((id) => !read.has(id)).slice(0, MAX_DELIVERIES - read.size);
    if (group.length === 0 && read.size >= MAX_DELIVERIES && ids.some((id) => !read.has(id))) isCut = true;
    const found = await Promise.all(group.map((id) => readDelivery(id, deps, mayRead)));
    for (const [at, id] of group.entries()) {
      const one = found[at];
      read.set(id, one);
      if (one === undefined) continue;
      for (const other of causesOf(one)) above.add(other);
      for (const other of consequencesOf(one)) below.add(other);
      const beside = await reportsBeside(one, runs, { ...deps, hasTime });
      for (const other of beside.found) below.add(other);
      isCut ||= beside.isCut;
    }
    if (!hasTime() && (above.size > 0 || below.size > 0)) return { deliveries: present(read), isCut: true };
  }
  return { deliveries: present(read), isCut };
}

const present = (read: ReadonlyMap<string, ThreadDelivery | undefined>): readonly ThreadDelivery[] =>
  [...read.values()].filter((one) => one !== undefined);

/** Undefined if there is none that the reader may see, and if its record cannot be read. */
async function readDelivery(
  id: string,
  deps: ThreadDeps,
  mayRead: (delivery: RecordedDelivery) => boolean,
): Promise<ThreadDelivery | undefined> {
  const delivery = await deps.deliveries.get(id).catch(undefinedIfUnreadable);
  if (delivery === undefined || !mayRead(delivery)) return undefined;
  const timeline = await deps.deliveries.timeline(id);
  const [outcome, runs, cause] = await Promise.all([
    readOutcome(delivery, timeline, deps),
    acceptedRuns(delivery, timeline, deps),
    causeOf(delivery, deps),
  ]);
  return { delivery, timeline, outcome, runs, ...(cause && { cause }) };
}

function undefinedIfUnreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "record_unreadable") return undefined;
  throw error;
}

async function acceptedRuns(
  delivery: RecordedDelivery,
  timeline: readonly TimelineEvent[],
  { actions }: ThreadDeps,
): Promise<readonly AcceptedRun[]> {
  const accepted = new Map(
    timeline.flatMap((line) =>
      line.kind === "attempt" && line.outcome === "accepted" ? [[`${line.route} ${line.event}`, line] as const] : [],
    ),
  );
  const runs = await Promise.all(
    [...accepted.values()].map(async ({ route, event }): Promise<readonly AcceptedRun[]> => {
      const id = actionIdIn({ route, event }, delivery, timeline);
      const { run, report } = (id === undefined ? undefined : await actions.status(id)) ?? {};
      if (run === undefined) return [];
      const { acceptedAt } = run;
      const reported = report && { reportedAt: report.at, ...(report.by !== undefined && { reportedBy: report.by }) };
      return [{ route, ...(event !== undefined && { event }), acceptedAt, ...reported }];
    }),
  );
  return runs.flat();
}

/** The origin of the first event that has one. A delivery of a replay has the cause that it replays. */
async function causeOf(delivery: RecordedDelivery, deps: ThreadDeps): Promise<ThreadDelivery["cause"]> {
  if (delivery.replay !== undefined) return undefined;
  for (const busEvent of busEventsOf(delivery)) {
    const origin = await correlate(busEvent, sourceNameOf(busEvent), deps);
    if (origin.found) return { delivery: origin.busEvent.detail.delivery, proof: origin.proof };
  }
  return undefined;
}

function causesOf({ delivery, cause }: ThreadDelivery): readonly string[] {
  const { replay, repeats } = delivery;
  const waiting = busEventsOf(delivery).flatMap(({ detail }) =>
    "approval" in detail ? (detail.approval.gate?.delivery ?? []) : [],
  );
  return [cause?.delivery, replay?.of, repeats, ...waiting].filter((id) => id !== undefined);
}

/** The first report of a run on which no route acts is in no timeline, but in the action that fired the run. */
const consequencesOf = ({ timeline, runs }: ThreadDelivery): readonly string[] => [
  ...timeline.flatMap((line) => (line.kind === "followed_by" || line.kind === "replayed" ? [line.delivery] : [])),
  ...runs.flatMap(({ reportedBy }) => reportedBy ?? []),
];

/**
 * The other reports about the runs that a delivery reports, each run once. A report on which no route acts is in no
 * timeline, so it is looked up by the run's id.
 */
async function reportsBeside(
  { delivery }: ThreadDelivery,
  known: Set<string>,
  { deliveries, clock, hasTime }: ThreadDeps & { readonly hasTime: () => boolean },
): Promise<{ readonly found: readonly string[]; readonly isCut: boolean }> {
  const found: string[] = [];
  let isCut = false;
  for (const { key, id } of busEventsOf(delivery).flatMap(runsOf)) {
    if (known.has(key)) continue;
    known.add(key);
    const page = await deliveries.list({
      // What was recorded while the clock was ahead belongs to it too.
      before: { receivedAt: laterBy(clock.now(), DAY_MS), id: "~" },
      notBefore: epochMillis(0),
      limit: MAX_REPORTS,
      scanLimit: 10 * MAX_REPORTS,
      hasTime,
      terms: [termOf("run", id)],
      matches: async ({ id: other, source, outcome }) => {
        if (outcome !== "event" || source !== delivery.source) return false;
        const one = await deliveries.get(other).catch(undefinedIfUnreadable);
        return one !== undefined && busEventsOf(one).some((event) => unitKeysIn(event).includes(key));
      },
    });
    found.push(...page.deliveries.map((one) => one.id));
    isCut ||= page.next !== undefined;
  }
  return { found, isCut };
}

/** The run that an event reports, or whose job it reports. */
function runsOf(busEvent: BusEvent) {
  return unitKeysIn(busEvent).flatMap((key) => {
    const [kind, , ...id] = key.split(" ");
    return kind === "run" ? [{ key, id: id.join(" ") }] : [];
  });
}
