import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { compareStates, isTerminal } from "../build-order.ts";
import { type BusEvent, busEventsOf, sourceNameOf } from "../bus-event.ts";
import type { BuildState } from "../event.ts";
import type { RunNames, ThreadDelivery } from "./span.ts";

/** A run, job or deployment, from all reports about it in a thread. */
export interface Unit {
  /** `<kind> <source> <id>`. */
  readonly key: string;
  readonly kind: "run" | "job" | "deployment";
  readonly source: string;
  readonly name: string;
  readonly names: RunNames;
  /** The key of the unit that it is part of; undefined if its sender names none. */
  readonly within?: string;
  readonly subject: string;
  readonly url?: string;
  readonly by?: string;
  readonly reason?: string;
  /** In the order of the states, whatever the order of arrival. */
  readonly reports: readonly [Report, ...Report[]];
}

export interface Report {
  readonly state: BuildState;
  /** When it entered the state, by the clock of its sender. */
  readonly at: EpochMillis;
  /** When the bridge received it. */
  readonly receivedAt: EpochMillis;
  readonly delivery: string;
  /** The system runs a job again after this end. */
  readonly isRetried: boolean;
}

/** The unit that an event is about; undefined if it reports none. */
export function unitKeyOf(busEvent: BusEvent): string | undefined {
  const { detail } = busEvent;
  const source = sourceNameOf(busEvent);
  if ("build" in detail) return `run ${source} ${detail.build.id}`;
  if ("job" in detail) return `job ${source} ${detail.job.id}`;
  if ("deployment" in detail) return `deployment ${source} ${detail.deployment.id}`;
  return undefined;
}

/** The unit that an event is about, and the one that it says that one is part of. */
export function unitKeysIn(busEvent: BusEvent): readonly string[] {
  const key = unitKeyOf(busEvent);
  const within = reportedIn(busEvent, epochMillis(0))?.within;
  return [key, within].filter((one) => one !== undefined);
}

/** Every unit that these deliveries report. The bridge's own copies of reports are none. */
export function unitsIn(deliveries: readonly ThreadDelivery[]): readonly Unit[] {
  const units = new Map<string, Reported[]>();
  for (const { delivery } of deliveries) {
    if (delivery.replay !== undefined) continue;
    for (const busEvent of busEventsOf(delivery)) {
      const key = unitKeyOf(busEvent);
      const reported = key === undefined ? undefined : reportedIn(busEvent, delivery.receivedAt);
      if (key === undefined || reported === undefined) continue;
      units.set(key, [...(units.get(key) ?? []), reported]);
    }
  }
  return [...units].flatMap(([key, reported]) => unitOf(key, reported) ?? []);
}

interface Reported extends Report, Omit<Unit, "key" | "reports"> {
  readonly round?: string;
  readonly finishedAt?: string;
  readonly reportedAt: string;
  /** Times that the sender gives for other states, which may never be reported themselves. */
  readonly also: readonly (readonly [BuildState, string | undefined])[];
}

function reportedIn(busEvent: BusEvent, receivedAt: EpochMillis): Reported | undefined {
  const { detail } = busEvent;
  const source = sourceNameOf(busEvent);
  const common = {
    source,
    subject: detail.subject,
    receivedAt,
    delivery: detail.delivery,
    reportedAt: detail.time,
    isRetried: false,
  };
  if ("build" in detail) {
    const { id, system, pipeline, number, state, round, url, createdAt, startedAt, finishedAt, reason } = detail.build;
    const { startedBy: by, parent } = detail.build;
    // In a later round the run began again.
    const first: OwnTimes = round === undefined ? { queued: createdAt, running: startedAt } : {};
    const ownTimes: OwnTimes = isTerminal(state) ? { [state]: finishedAt } : first;
    return {
      ...common,
      kind: "run",
      name: number === undefined ? pipeline : `${pipeline} #${number}`,
      names: { system, pipeline, id },
      ...(parent?.id !== undefined && { within: `run ${source} ${parent.id}` }),
      state,
      at: timeOf(ownTimes[state], detail.time),
      also: [
        ["queued", createdAt],
        ["running", startedAt],
      ],
      ...(round !== undefined && { round }),
      ...(finishedAt !== undefined && { finishedAt }),
      ...(url !== undefined && { url }),
      ...(by !== undefined && { by }),
      ...(reason !== undefined && { reason }),
    };
  }
  if ("job" in detail) {
    const { id, system, pipeline, name, state, build, url, startedAt, finishedAt, reason, retried } = detail.job;
    const ownTimes: OwnTimes = isTerminal(state) ? { [state]: finishedAt } : { running: startedAt };
    return {
      ...common,
      kind: "job",
      name,
      names: { system, pipeline, id: build ?? id, job: { id, name } },
      ...(build !== undefined && { within: `run ${source} ${build}` }),
      state,
      at: timeOf(ownTimes[state], detail.time),
      also: [["running", startedAt]],
      isRetried: retried === true,
      ...(finishedAt !== undefined && { finishedAt }),
      ...(url !== undefined && { url }),
      ...(reason !== undefined && { reason }),
    };
  }
  if (!("deployment" in detail)) return undefined;
  const { id, project, environment, state, url, job } = detail.deployment;
  return {
    ...common,
    kind: "deployment",
    name: `to ${environment}`,
    names: { system: source, pipeline: project, id },
    ...(job !== undefined && { within: `job ${source} ${job}` }),
    state,
    at: timeOf(undefined, detail.time),
    also: [],
    ...(url !== undefined && { url }),
  };
}

/** The time that the sender gives for a state, if it does. */
type OwnTimes = Readonly<Partial<Record<BuildState, string | undefined>>>;

const timeOf = (own: string | undefined, reported: string): EpochMillis => epochMillis(Date.parse(own ?? reported));

/** States are ordered as on pages: by round, rank and time. A repeat of a report adds nothing. */
function unitOf(key: string, reported: readonly Reported[]): Unit | undefined {
  const sorted = withTimesOfOthers(reported).toSorted(byState);
  const reports: Report[] = [];
  for (const { state, at, receivedAt, delivery, isRetried } of sorted) {
    const last = reports.at(-1);
    if (last?.state === state && (last.at === at || !isTerminal(state))) continue;
    // A time before that of an earlier state is wrong: Tekton has dated `running` before `started`.
    reports.push({ state, at: epochMillis(Math.max(at, last?.at ?? at)), receivedAt, delivery, isRetried });
  }
  const [first, ...rest] = reports;
  const newest = reported.toSorted(byState).at(-1);
  if (first === undefined || newest === undefined) return undefined;
  const { kind, source, name, names, within, subject, url, by, reason } = newest;
  return {
    key,
    kind,
    source,
    name,
    names,
    subject,
    ...(within !== undefined && { within }),
    ...(url !== undefined && { url }),
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
    reports: [first, ...rest],
  };
}

const byState = (one: Reported, other: Reported): number =>
  compareStates(asBuild(one), asBuild(other)) ||
  one.receivedAt - other.receivedAt ||
  (one.delivery < other.delivery ? -1 : 1);

/** Only the members that order states count. */
const asBuild = ({ state, round, finishedAt, reportedAt }: Reported) => ({
  system: "",
  id: "",
  pipeline: "",
  state,
  reportedAt,
  ...(round !== undefined && { round }),
  ...(finishedAt !== undefined && { finishedAt }),
});

/** Adds the states that were never reported, but that a later report gives a time for. */
function withTimesOfOthers(reported: readonly Reported[]): readonly Reported[] {
  // A run is queued once, and runs again in each round.
  const keyOf = (state: BuildState, round = ""): string => (state === "running" ? `${state} ${round}` : state);
  const known = new Set(reported.map(({ state, round }) => keyOf(state, round)));
  const added: Reported[] = [];
  for (const one of reported.toSorted(byState)) {
    for (const [state, time] of one.also) {
      if (time === undefined || known.has(keyOf(state, one.round))) continue;
      known.add(keyOf(state, one.round));
      const { finishedAt: _, ...rest } = one;
      added.push({ ...rest, state, at: epochMillis(Date.parse(time)), reportedAt: time });
    }
  }
  return [...reported, ...added];
}

/**
 * By how much the clock of each sender has to be moved so that nothing was reported before it happened, and no run began
 * before the attempt that fired it. `firedAt`: when an attempt began that fired the unit, if that is known. Durations stay
 * what the sender says. If both cannot be had, nothing was reported before it happened.
 */
export function clockShifts(
  units: readonly Unit[],
  firedAt: (unit: Unit) => EpochMillis | undefined,
): ReadonlyMap<string, number> {
  const bounds = new Map<string, { least: number; most: number }>();
  for (const unit of units) {
    const bound = bounds.get(unit.source) ?? { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY };
    for (const { at, receivedAt } of unit.reports) bound.most = Math.min(bound.most, receivedAt - at);
    const fired = firedAt(unit);
    if (fired !== undefined) bound.least = Math.max(bound.least, fired - unit.reports[0].at);
    bounds.set(unit.source, bound);
  }
  return new Map([...bounds].map(([source, { least, most }]) => [source, Math.min(Math.max(0, least), most)]));
}
