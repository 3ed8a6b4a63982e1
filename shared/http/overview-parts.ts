import { type OutcomeDeps, readWithOutcome, undefinedIfUnreadable } from "../delivery/delivery-outcomes.ts";
import { OVERDUE_MS, type Readiness } from "../delivery/readiness.ts";
import { laterBy, toIso } from "../host/clock.ts";
import { FAILED_STATES } from "../model/attention.ts";
import type { DeliveryOutcome } from "../model/delivery-state.ts";
import { LEVELS, type Level, worstOf } from "../model/level.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { AttentionEntry, AttentionStore } from "../store/attention.ts";
import type { CredentialUsageStore } from "../store/credential-usage.ts";
import type { TargetStore } from "../store/targets.ts";
import { type ShownSource, type SourcesDeps, sourcesOf } from "./overview-sources.ts";
import { type GivenUp, type OverviewTarget, type OverviewTargetsDeps, overviewTargets } from "./overview-targets.ts";
import { type ShownAbout, shownAbout } from "./shown-about.ts";

export interface OverviewPartsDeps extends SourcesDeps, OverviewTargetsDeps, OutcomeDeps {
  readonly deliveries: SourcesDeps["deliveries"] & OutcomeDeps["deliveries"];
  readonly actions: OverviewTargetsDeps["actions"] & OutcomeDeps["actions"];
  readonly attention: Pick<AttentionStore, "newestFirst" | "oldest">;
  readonly targets: Pick<TargetStore, "list">;
  readonly credentialUses: Pick<CredentialUsageStore, "list">;
  readonly ready: () => Promise<Pick<Readiness, "status" | "checks"> & { readonly configuration?: string }>;
  readonly clock: SourcesDeps["clock"];
}

/** What is about all deliveries. */
export interface OverviewParts {
  readonly bridge: { readonly level: Level; readonly checks: Readonly<Record<string, string>> };
  /** The digest of the configuration in force; undefined if it is not known. */
  readonly configuration: string | undefined;
  /** The worst first. */
  readonly sources: readonly ShownSource[];
  /** The worst first. */
  readonly targets: readonly OverviewTarget[];
  /** Undefined if no target has pages. */
  readonly pages: ShownPages | undefined;
  readonly ended: ShownEnded;
}

type EndedState = (typeof FAILED_STATES)[number];

/** The deliveries that ended badly in the last day: those with an action that did. */
export interface ShownEnded {
  readonly level: Level;
  /** When that day began. */
  readonly since: string;
  /** The number of deliveries in each state. */
  readonly counts: Readonly<Record<EndedState, number>>;
  /** There are more than were looked at: the counts are at least these. */
  readonly hasMore?: true;
  /** The newest, at most 5. */
  readonly newest: readonly EndedDelivery[];
}

/** A delivery that ended badly, with the worst of its routes that did. */
interface EndedDelivery {
  readonly delivery: string;
  readonly what: string;
  readonly subject?: string;
  readonly about?: ShownAbout;
  readonly route: string;
  readonly target?: string;
  readonly state: EndedState;
  readonly since: string;
  readonly reason?: string;
}

export interface ShownPages {
  readonly level: Level;
  /** Deliveries of the last day whose write of a page was given up. */
  readonly notWritable: number;
  /** More deliveries ended badly than were looked at: `notWritable` is at least this. */
  readonly hasMore?: true;
  /** Writes that have been retried for more than ten minutes. */
  readonly overdue: number;
  /** Writes that wait for something that a person can change, such as a draft. */
  readonly waiting: number;
}

const DAY_MS = 86_400_000;
/** Entries of actions that ended badly that are looked at, the newest first. */
const MAX_ENDED = 200;
/** Records that are read at once. */
const AT_ONCE = 16;
const MAX_NEWEST = 5;
/** Entries of each other state that are looked at, the oldest first. */
export const MAX_ENTRIES = 500;

/** Reads counts and indexes, and as many records as its limits say, however many deliveries there are. */
export async function overviewParts(deps: OverviewPartsDeps): Promise<OverviewParts> {
  const uses = await deps.credentialUses.list();
  const [{ status, checks, configuration }, sources, stored, ended, waiting, retrying] = await Promise.all([
    deps.ready(),
    sourcesOf(deps, uses),
    deps.targets.list(),
    endedOf(deps, undefined),
    deps.attention.oldest("waiting", MAX_ENTRIES),
    deps.attention.oldest("retrying", MAX_ENTRIES),
  ]);
  const found = { givenUp: ended.givenUp, hasMore: ended.shown.hasMore === true };
  const targets = await overviewTargets(deps, { ...found, uses, retrying, stored });
  const late = retrying.filter(({ since }) => since < laterBy(deps.clock.now(), -OVERDUE_MS));
  return {
    bridge: { level: BRIDGE_LEVELS[status], checks },
    configuration,
    sources: sources.toSorted(byLevel),
    targets: targets.toSorted(byLevel),
    pages: pagesOf(targets, { waiting, late, ...found }),
    ended: ended.shown,
  };
}

/** The worst level of all parts. */
export const levelOf = ({ bridge, sources, targets, pages, ended }: OverviewParts): Level =>
  worstOf([bridge, ...sources, ...targets, ...(pages ? [pages] : []), ended].map(({ level }) => level));

const BRIDGE_LEVELS = {
  ready: "well",
  degraded: "attention",
  unavailable: "failing",
} as const satisfies Record<Readiness["status"], Level>;

const byLevel = (a: { readonly level: Level }, b: { readonly level: Level }): number =>
  LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level);

interface Ended {
  readonly shown: ShownEnded;
  readonly givenUp: readonly GivenUp[];
}

/**
 * The deliveries that ended badly in the last day, as far as `isReadable` shows them; undefined for a caller who may read
 * every delivery. The numbers come from the index of states alone. The deliveries of the newest entries are read too.
 */
export async function endedOf(
  deps: Pick<OverviewPartsDeps, "deliveries" | "actions" | "attention" | "clock">,
  isReadable: ((delivery: RecordedDelivery) => boolean) | undefined,
): Promise<Ended> {
  const now = deps.clock.now();
  const notBefore = laterBy(now, -DAY_MS);
  // The state may have been stored by a clock that is ahead.
  const before = { since: laterBy(now, DAY_MS), delivery: "" };
  const newest = deps.attention.newestFirst({ states: FAILED_STATES, before, notBefore });
  const all: AttentionEntry[] = [];
  for await (const entry of newest) if (all.push(entry) > MAX_ENDED) break;
  const hasMore = all.length > MAX_ENDED;
  const entries = await readableOf(all.slice(0, MAX_ENDED), isReadable, deps);
  return {
    shown: {
      level: endedLevel({ isFound: entries.length > 0, hasMore }),
      since: toIso(notBefore),
      counts: countsOf(entries),
      ...(hasMore && { hasMore: true as const }),
      newest: await newestOf(entries, deps),
    },
    givenUp: await givenUpOf(entries, deps),
  };
}

async function readableOf(
  entries: readonly AttentionEntry[],
  isReadable: ((delivery: RecordedDelivery) => boolean) | undefined,
  { deliveries }: Pick<OverviewPartsDeps, "deliveries">,
): Promise<readonly AttentionEntry[]> {
  if (isReadable === undefined) return entries;
  const readable: AttentionEntry[] = [];
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const group = entries.slice(at, at + AT_ONCE);
    const read = await Promise.all(group.map(({ delivery }) => deliveries.get(delivery).catch(undefinedIfUnreadable)));
    readable.push(...group.filter((_, of) => read[of] !== undefined && isReadable(read[of])));
  }
  return readable;
}

/** The index is eventually consistent, so an entry of a state that has just ended is passed over. */
async function newestOf(entries: readonly AttentionEntry[], deps: OutcomeDeps): Promise<readonly EndedDelivery[]> {
  const ids = [...new Set(entries.map(({ delivery }) => delivery))];
  const newest: EndedDelivery[] = [];
  for (let at = 0; at < ids.length && newest.length < MAX_NEWEST; at += MAX_NEWEST) {
    const read = await Promise.all(ids.slice(at, at + MAX_NEWEST).map((id) => readWithOutcome(id, deps)));
    newest.push(...read.flatMap((found) => (found && routesOf(found)[0]) ?? []));
  }
  return newest.slice(0, MAX_NEWEST);
}

/** Only the newest of each target has its reason, which is in the timeline of its delivery. */
async function givenUpOf(entries: readonly AttentionEntry[], deps: OutcomeDeps): Promise<readonly GivenUp[]> {
  const given = entries.flatMap(({ state, target, since, delivery }) =>
    state === "given_up" && target !== undefined ? [{ target, at: since, delivery }] : [],
  );
  return Promise.all(
    given.map(async ({ delivery, ...one }, at) => {
      if (given.findIndex(({ target }) => target === one.target) !== at) return one;
      const routes = (await readWithOutcome(delivery, deps))?.outcome.routes ?? [];
      const why = routes.find(({ target, since }) => target === one.target && since === one.at)?.why;
      return why === undefined ? one : { ...one, why };
    }),
  );
}

/** What was not looked at may have ended badly. */
function endedLevel({ isFound, hasMore }: { readonly isFound: boolean; readonly hasMore: boolean }): Level {
  if (isFound) return "failing";
  return hasMore ? "unknown" : "well";
}

/** The routes of a delivery that ended badly, the worst first. */
function routesOf({
  delivery,
  outcome,
}: {
  readonly delivery: RecordedDelivery;
  readonly outcome: DeliveryOutcome;
}): readonly EndedDelivery[] {
  const { id, what, subject } = delivery;
  const about = shownAbout(delivery);
  return outcome.routes.flatMap(({ route, target, state, since, why }) => {
    const ended = FAILED_STATES.find((one) => one === state);
    if (ended === undefined) return [];
    return [
      {
        delivery: id,
        what,
        ...(subject !== undefined && { subject }),
        ...(about && { about }),
        route,
        ...(target !== undefined && { target }),
        state: ended,
        since: toIso(since),
        ...(why !== undefined && { reason: why }),
      },
    ];
  });
}

function countsOf(entries: readonly AttentionEntry[]): ShownEnded["counts"] {
  // A delivery has an entry for each of its routes.
  const of = (wanted: EndedState): number =>
    new Set(entries.filter(({ state }) => state === wanted).map(({ delivery }) => delivery)).size;
  return { given_up: of("given_up"), accepted_without_run: of("accepted_without_run"), cut: of("cut") };
}

interface PageEntries {
  readonly waiting: readonly AttentionEntry[];
  readonly late: readonly AttentionEntry[];
  readonly givenUp: readonly GivenUp[];
  /** More actions were given up than are in `givenUp`. */
  readonly hasMore: boolean;
}

function pagesOf(
  targets: readonly OverviewTarget[],
  { waiting, late, givenUp, hasMore }: PageEntries,
): ShownPages | undefined {
  const withPages = targets.filter(({ pages }) => pages);
  if (withPages.length === 0) return undefined;
  const isPage = (target: string | undefined): boolean => withPages.some((one) => one.target === target);
  const notWritable = givenUp.filter(({ target }) => isPage(target)).length;
  const overdue = late.filter(({ target }) => isPage(target)).length;
  return {
    level: pagesLevel({
      notWritable,
      overdue,
      isKnown: !hasMore && withPages.some(({ lastUsedAt }) => lastUsedAt !== undefined),
    }),
    notWritable,
    ...(hasMore && { hasMore: true as const }),
    overdue,
    waiting: waiting.filter(({ target }) => isPage(target)).length,
  };
}

function pagesLevel({
  notWritable,
  overdue,
  isKnown,
}: Pick<ShownPages, "notWritable" | "overdue"> & { readonly isKnown: boolean }): Level {
  if (notWritable > 0) return "failing";
  if (overdue > 0) return "attention";
  return isKnown ? "well" : "unknown";
}
