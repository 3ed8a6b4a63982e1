import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { systemClock } from "../host/clock.ts";
import { isSafeToRerun, ROUTE_STATES, type SeenState } from "../model/delivery-state.ts";
import { get, postUnless } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { printFound } from "./output.ts";
import { replayed } from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable, table } from "./terminal-text.ts";

/** What became of one route of a delivery, as far as a selection needs it. Those of a delivery come with the worst first. */
const routeOutcome = v.object({
  route: v.string(),
  state: v.picklist(ROUTE_STATES),
  since: v.string(),
  target: v.exactOptional(v.string()),
});
const outcome = v.object({ id: v.string(), routes: v.exactOptional(v.array(routeOutcome)) });
const page = v.object({ deliveries: v.array(outcome), next: v.exactOptional(v.string()) });
const one = v.object({ delivery: outcome });

/** `GET /v1/deliveries/{id}/replay`. */
const replayPreview = v.object({
  delivery: v.string(),
  routes: v.array(v.object({ route: v.string(), recorded: v.boolean(), fires: v.boolean() })),
});

/** A route of a delivery that is to run again. */
interface Replay {
  readonly delivery: string;
  readonly route: string;
  /** `unmatched`: the route did not act on the delivery, and would today. */
  readonly state: SeenState;
  /** Undefined for `unmatched`. */
  readonly since?: string;
  /** The states of the route for each event of the delivery. It runs again for each of them. */
  readonly all: readonly SeenState[];
  /** Whether the route matches the event today. Otherwise nothing would run. */
  readonly fires: boolean;
  /** Whether the bridge lets the caller run it again. */
  readonly isAllowed: boolean;
}

/** How often the progress is printed. A shorter command prints none. */
const PROGRESS_MS = 2_000;

/**
 * `drawbridge events replay` for several deliveries. Each replay names the state in which the route was seen, and the bridge
 * runs it once for that state, whoever asks: the same command again goes on where it stopped, and runs nothing twice.
 */
export async function replayManyCommand(invocation: Invocation): Promise<number> {
  const { options, given, print } = invocation;
  const session = await sessionOf(invocation);
  const interrupted = invocation.interrupted();
  const progress = progressOf(invocation);
  const selected = await select(invocation, session, { interrupted, progress });
  if (selected === undefined) return stopped(invocation, interrupted, "nothing was run again");
  rejectUnsafe(selected, given.has("force"));
  if (given.has("dry-run")) {
    printFound(invocation, { whole: selected, records: selected, text: () => previewText(selected) });
    return EXIT.done;
  }
  const firing = selected.filter(({ fires }) => fires);
  const rate = Number(options["rate"]);
  const counts = { accepted: 0, duplicate: 0, outdated: 0 };
  const handled = (): number => counts.accepted + counts.duplicate + counts.outdated;
  const state = (): string => {
    const { accepted, duplicate, outdated } = counts;
    const changed = outdated > 0 ? `, ${outdated} changed meanwhile and were left alone` : "";
    const left = firing.length - handled();
    return `${accepted} run again, ${duplicate} had been before, ${left} left, ${leftOut(selected)}${changed}`;
  };
  try {
    for (const item of firing) {
      if (interrupted.aborted) return stopped(invocation, interrupted, state());
      const startedMs = systemClock.monotonic();
      counts[await replayOne(session, item, invocation)] += 1;
      progress(state());
      const restMs = 1_000 / rate - (systemClock.monotonic() - startedMs);
      if (handled() < firing.length && restMs > 0)
        await wait(restMs, undefined, { signal: interrupted }).catch(() => undefined);
    }
  } catch (error) {
    invocation.warn(printable(`${state()}; the same command goes on: ${commandOf(invocation)}`));
    throw error;
  }
  print(printable(state()));
  return EXIT.done;
}

/** `outdated`: the route has another state meanwhile, so it was not run. */
async function replayOne(
  session: Session,
  { delivery, route, state, since }: Replay,
  { options, given }: Invocation,
): Promise<"accepted" | "duplicate" | "outdated"> {
  const { reason } = options;
  const body = {
    route,
    expected: { state, ...(since !== undefined && { since }) },
    ...(reason !== undefined && { reason }),
    ...(given.has("today") && { today: true }),
    ...(given.has("force") && { force: true }),
  };
  const path = `/v1/deliveries/${encodeURIComponent(delivery)}/replay`;
  const answer = await postUnless(session, path, replayed, { body, refusedFor: "replay_outdated" });
  return answer?.status ?? "outdated";
}

interface Selecting {
  readonly interrupted: AbortSignal;
  readonly progress: (text: string) => void;
}

/** The routes that are selected, the oldest delivery first. Undefined if the selection was interrupted. */
async function select(
  invocation: Invocation,
  session: Session,
  { interrupted, progress }: Selecting,
): Promise<readonly Replay[] | undefined> {
  const { options, given } = invocation;
  const states = options["state"]?.split(",") ?? (idsIn(invocation).length > 0 ? undefined : ["given_up"]);
  const isWanted = ({ route, state, target }: v.InferOutput<typeof routeOutcome>): boolean =>
    (states?.includes(state) ?? true) &&
    (options["route"] === undefined || options["route"] === route) &&
    (options["target"] === undefined || options["target"] === target);
  const found: Replay[] = [];
  for await (const { id, routes = [] } of selectedDeliveries(invocation, session, states)) {
    if (interrupted.aborted) return undefined;
    const path = `/v1/deliveries/${encodeURIComponent(id)}/replay`;
    const preview = await get(session, path, replayPreview);
    const fires = new Map(preview.routes.map((route) => [route.route, route.fires]));
    const byRoute = new Map<string, v.InferOutput<typeof routeOutcome>[]>();
    for (const one of routes) byRoute.set(one.route, [...(byRoute.get(one.route) ?? []), one]);
    for (const [route, outcomes] of byRoute) {
      const [worst] = outcomes;
      if (worst === undefined || !outcomes.some(isWanted)) continue;
      const { state, since } = worst;
      const all = outcomes.map((one) => one.state);
      found.push({
        delivery: id,
        route,
        state,
        since,
        all,
        fires: fires.get(route) ?? false,
        isAllowed: fires.has(route),
      });
    }
    const isUnmatched = ({ route, recorded, fires: firesNow }: (typeof preview.routes)[number]): boolean =>
      firesNow && !recorded && (options["route"] === undefined || options["route"] === route);
    const unmatched = { delivery: id, state: "unmatched", all: ["unmatched"], fires: true, isAllowed: true } as const;
    if (given.has("today"))
      for (const { route } of preview.routes.filter(isUnmatched)) found.push({ ...unmatched, route });
    progress(`looked at ${found.length} so far`);
  }
  return found.reverse();
}

/** The positional and each `--delivery`. */
const idsIn = ({ positionals, lists }: Invocation): readonly string[] => [
  ...new Set([...positionals, ...(lists["delivery"] ?? [])]),
];

async function* selectedDeliveries(
  invocation: Invocation,
  session: Session,
  states: readonly string[] | undefined,
): AsyncGenerator<v.InferOutput<typeof outcome>> {
  const ids = idsIn(invocation);
  if (ids.length > 0) {
    for (const id of ids.toReversed())
      yield (await get(session, `/v1/deliveries/${encodeURIComponent(id)}`, one)).delivery;
    return;
  }
  const { source, route, target, since, until } = invocation.options;
  const query = Object.entries({ source, route, target, since, until, state: states?.join(","), limit: "200" });
  const search = new URLSearchParams();
  for (const [name, value] of query) if (value !== undefined) search.set(name, value);
  for (;;) {
    const { deliveries, next } = await get(session, `/v1/deliveries?${search}`, page);
    yield* deliveries;
    if (next === undefined) return;
    search.set("cursor", next);
  }
}

function rejectUnsafe(selected: readonly Replay[], isForced: boolean): void {
  const isUnsafe = (state: SeenState): boolean => !isSafeToRerun(state);
  const unsafe = [...new Set(selected.flatMap(({ all }) => all))].filter(isUnsafe);
  const first = selected.find(({ all }) => all.some(isUnsafe));
  if (isForced || first === undefined) return;
  const { delivery, route } = first;
  throw usageFault(
    `the selection has routes that are ${unsafe.join(", ")}: something may have run for them already, or still runs. The first is ${route} of ${delivery}; a route runs again for every event of its delivery. To run them again nevertheless, add --force`,
  );
}

/** How many are not run again, and why. */
function leftOut(selected: readonly Replay[]): string {
  const forbidden = selected.filter(({ isAllowed }) => !isAllowed).length;
  const unmatched = selected.filter(({ fires, isAllowed }) => isAllowed && !fires).length;
  return `${unmatched} match no more${forbidden > 0 ? `, ${forbidden} cannot be run again by you` : ""}`;
}

function previewText(selected: readonly Replay[]): string {
  if (selected.length === 0) return "no route of a delivery matches; nothing would run";
  const counts = new Map<string, { fires: number; not: number; forbidden: number }>();
  for (const { route, state, fires, isAllowed } of selected) {
    const key = JSON.stringify([route, state]);
    const count = counts.get(key) ?? { fires: 0, not: 0, forbidden: 0 };
    if (fires) count.fires += 1;
    else if (isAllowed) count.not += 1;
    else count.forbidden += 1;
    counts.set(key, count);
  }
  const isAnyForbidden = selected.some(({ isAllowed }) => !isAllowed);
  const rows = [...counts].map(([key, { fires, not, forbidden }]) => {
    const [route = "", state = ""] = JSON.parse(key) as readonly string[];
    return [route, state, String(fires), String(not), ...(isAnyForbidden ? [String(forbidden)] : [])];
  });
  const heading = ["ROUTE", "STATE", "WOULD FIRE", "MATCH NO MORE", ...(isAnyForbidden ? ["NOT BY YOU"] : [])];
  const firing = selected.filter(({ fires }) => fires).length;
  return `${table(heading, rows)}\n${firing} would run again; nothing was sent`;
}

function progressOf({ warn }: Invocation): (text: string) => void {
  let printedMs = systemClock.monotonic();
  return (text) => {
    if (systemClock.monotonic() - printedMs < PROGRESS_MS) return;
    printedMs = systemClock.monotonic();
    warn(printable(text));
  };
}

function stopped(invocation: Invocation, interrupted: AbortSignal, state: string): number {
  invocation.warn(printable(`stopped: ${state}; the same command goes on: ${commandOf(invocation)}`));
  return Number(interrupted.reason);
}

/** The command line, quoted for a shell. Times are absolute, so that the selection stays the same. */
function commandOf({ positionals, options, lists, given, program }: Invocation): string {
  const flags = [...given].flatMap((name) => {
    const values = lists[name] ?? (options[name] === undefined ? undefined : [options[name]]);
    return values === undefined ? [`--${name}`] : values.map((value) => `--${name} ${quoted(value)}`);
  });
  return [`${program} events replay`, ...positionals.map(quoted), ...flags].join(" ");
}

const quoted = (word: string): string =>
  /^[\w.:,@/+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
