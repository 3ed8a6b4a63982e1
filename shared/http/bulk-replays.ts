import * as v from "valibot";
import type { RulesOf } from "../approvals/configured-rules.ts";
import type { AuditLog } from "../delivery/audit-log.ts";
import { advanceBulkReplay, type BulkReplayDeps } from "../delivery/bulk-replay.ts";
import { replayableOf, seenNow, wasReplayed, whyNeverReplayed } from "../delivery/replay-route.ts";
import { toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { isFailed, isSafeToRerun, type SeenState } from "../model/delivery-state.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import { type NamedPrincipal, namedPrincipal, type Principal, principalIdOf } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import {
  type BulkCounts,
  type BulkReplay,
  type BulkReplayStore,
  NO_COUNTS,
  type PlannedReplay,
} from "../store/bulk-replays.ts";
import { type DeliveriesApi, matchingDeliveries, mayRead, parseFilter, type Query } from "./deliveries.ts";
import { parseJsonBody } from "./json-body.ts";
import { idempotencyKey, type ReplayApi } from "./replay.ts";

export interface BulkReplaysApi extends Omit<DeliveriesApi, "policy" | "deliveries" | "auditLog"> {
  readonly deliveries: DeliveriesApi["deliveries"] & ReplayApi["deliveries"];
  readonly actions: ReplayApi["actions"];
  readonly recorded: ReplayApi["recorded"];
  readonly policy: DeliveriesApi["policy"] & Pick<Policy, "rejectRoute" | "rejectAnyReplay">;
  readonly bulkReplays: () => Promise<
    Awaited<ReturnType<BulkReplayDeps["bulkReplays"]>> & Pick<BulkReplayStore, "create" | "get" | "list" | "stop">
  >;
  readonly rules: RulesOf;
  readonly auditLog: DeliveriesApi["auditLog"] & Pick<AuditLog, "record">;
  readonly log: BulkReplayDeps["log"];
}

/** Replays of one order. What is left is found by the same selection, because what was replayed is in another state. */
const MAX_REPLAYS = 1_000;
/** Orders of a list. */
const MAX_LISTED = 100;
/** Replays in a second, at most. */
const MAX_RATE = 10;
/** Deliveries that one request selects by their ids. */
const MAX_IDS = 200;
/** How long one request looks for deliveries, in milliseconds. GitLab waits ten seconds, and so does the function in AWS. */
const LOOK_MS = 5_000;
/** Deliveries that are read at once. */
const AT_ONCE = 16;

const text = v.pipe(nonEmptyText, v.maxLength(300));
const selectionEntries = {
  deliveries: v.optional(v.pipe(v.array(text), v.maxLength(MAX_IDS))),
  query: v.optional(v.record(v.string(), v.string())),
  today: v.optional(v.boolean()),
  force: v.optional(v.boolean()),
};
export const previewBody = v.strictObject(selectionEntries);
export const orderBody = v.strictObject({
  ...selectionEntries,
  reason: text,
  rate: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_RATE)), MAX_RATE),
});
export const stopBody = v.strictObject({});

/** A route and a state, and how many deliveries with them would run again, or why they would not. */
interface PreviewedRoute {
  readonly route: string;
  readonly state: SeenState;
  readonly runs: number;
  /** Something may have run already, or still runs. */
  readonly unsafe: number;
  /** Run again in this state already, or such a run itself, which did not fail. */
  readonly replayed: number;
  /** The route matches the delivery no more, so nothing would run. */
  readonly unmatched: number;
  /** The caller may not run them again. */
  readonly forbidden: number;
  /** What runs again waits for an approval first. */
  readonly needsApproval?: true;
}

export interface BulkPreview {
  /** Deliveries that were looked at. */
  readonly deliveries: number;
  /** Replays that an order would make. */
  readonly total: number;
  readonly routes: readonly PreviewedRoute[];
  /** There may be more: what is counted are the newest. */
  readonly isCut?: true;
}

/** An order, with its times in ISO 8601. */
export interface ShownBulkReplay {
  readonly id: string;
  readonly state: BulkReplay["state"];
  readonly orderedAt: string;
  readonly by: NamedPrincipal;
  readonly reason: string;
  readonly isForced?: true;
  readonly routes: readonly string[];
  readonly total: number;
  readonly handled: number;
  readonly counts: BulkCounts;
  readonly endedAt?: string;
  readonly stoppedBy?: NamedPrincipal;
}

export interface ListedBulkReplays {
  /** The newest first, at most 100. */
  readonly replays: readonly ShownBulkReplay[];
}

/** `POST /v1/replay-preview`: what an order with this selection would do now. Records nothing. */
export async function previewBulkReplay(request: ReceivedRequest, api: BulkReplaysApi): Promise<Result<BulkPreview>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, previewBody);
  if (!body.ok) return reject(body.rejection, by);
  const selected = await select(body.value, by, api);
  if (!selected.ok) return reject(selected.rejection, by);
  const { plan, deliveries, routes, isCut } = selected.value;
  return ok({ deliveries, total: plan.length, routes, ...(isCut && { isCut }) });
}

/**
 * `POST /v1/replays`: runs what is selected again, in the background. The same request again by the same caller returns the
 * order of the first one, also if that selected nothing.
 */
export async function orderBulkReplay(request: ReceivedRequest, api: BulkReplaysApi): Promise<Result<ShownBulkReplay>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, orderBody);
  if (!body.ok) return reject(body.rejection, by);
  // Also for an order of nothing, because each is stored.
  const forbiddenAll = api.policy.rejectAnyReplay(by);
  if (forbiddenAll !== undefined) return reject(forbiddenAll, by);
  const id = `r-${sha256Hex(JSON.stringify([principalIdOf(by), idempotencyKey(request)])).slice(0, 26)}`;
  const first = await (await api.bulkReplays()).get(id);
  if (first !== undefined) return ok(shownBulkReplay(first));
  const selected = await select(body.value, by, api);
  if (!selected.ok) return reject(selected.rejection, by);
  const { plan, forbidden } = selected.value;
  if (plan.length === 0 && forbidden !== undefined) return reject(forbidden, by);
  const { reason, rate, force: isForced = false } = body.value;
  const now = api.clock.now();
  const order: BulkReplay = {
    id,
    orderedAt: now,
    by,
    requestId: request.requestId,
    reason,
    isForced,
    rate,
    routes: [...new Set(plan.map(({ route }) => route))].sort(),
    total: plan.length,
    handled: 0,
    counts: NO_COUNTS,
    ...(plan.length === 0 ? { state: "done", endedAt: now } : { state: "running" }),
  };
  // The audit first: nothing is run again without a record of who ordered it.
  await api.auditLog.record({ act: "replays_ordered", object: `${id}: ${plan.length}, ${reason}`, by, request });
  await (await api.bulkReplays()).create(order, plan);
  // A short order is done when it is answered. The rest is done in the background.
  await advanceBulkReplay(id, api);
  return ok(shownBulkReplay((await (await api.bulkReplays()).get(id)) ?? order));
}

/** `GET /v1/replays`: those of the newest orders to run many deliveries again that the caller may know. */
export async function listBulkReplays(
  request: ReceivedRequest,
  api: BulkReplaysApi,
): Promise<Result<ListedBulkReplays>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const orders = (await (await api.bulkReplays()).list(MAX_LISTED)).filter((order) => mayKnow(by, order, api));
  return ok({ replays: orders.map(shownBulkReplay) });
}

/** `GET /v1/replays/{id}` */
export async function getBulkReplay(
  request: ReceivedRequest,
  id: string,
  api: BulkReplaysApi,
): Promise<Result<ShownBulkReplay>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const order = await knownOrder(id, by, api);
  return order === undefined ? reject({ reason: "replay_unknown" }, by) : ok(shownBulkReplay(order));
}

/** `POST /v1/replays/{id}/stop`: the order runs nothing more. What it has run stays. */
export async function stopBulkReplay(
  request: ReceivedRequest,
  id: string,
  api: BulkReplaysApi,
): Promise<Result<ShownBulkReplay>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, stopBody);
  if (!body.ok) return reject(body.rejection, by);
  const order = await knownOrder(id, by, api);
  if (order === undefined) return reject({ reason: "replay_unknown" }, by);
  if (!isOwn(by, order)) {
    const [forbidden] = order.routes.flatMap((route) => api.policy.rejectRoute(by, "replay", route, "anything") ?? []);
    if (forbidden !== undefined) return reject(forbidden, by);
  }
  if (order.state === "running") {
    await api.auditLog.record({ act: "replays_stopped", object: id, by, request });
    await (await api.bulkReplays()).stop(id, by, api.clock.now());
  }
  return ok(shownBulkReplay((await (await api.bulkReplays()).get(id)) ?? order));
}

const isOwn = (by: Principal, order: BulkReplay): boolean => principalIdOf(order.by) === principalIdOf(by);

/** An order is about many deliveries, so a caller who may read only some sees only their own orders. */
const mayKnow = (by: Principal, order: BulkReplay, { policy }: BulkReplaysApi): boolean =>
  isOwn(by, order) || !policy.isConfined(by, "deliveries");

/** Undefined if the caller may not know the order. */
async function knownOrder(id: string, by: Principal, api: BulkReplaysApi): Promise<BulkReplay | undefined> {
  const order = await (await api.bulkReplays()).get(id);
  return order !== undefined && mayKnow(by, order, api) ? order : undefined;
}

function shownBulkReplay(order: BulkReplay): ShownBulkReplay {
  const { id, state, orderedAt, by, reason, isForced, routes, total, handled, counts, endedAt, stoppedBy } = order;
  return {
    id,
    state,
    orderedAt: toIso(orderedAt),
    by: namedPrincipal(by),
    reason,
    ...(isForced && { isForced }),
    routes,
    total,
    handled,
    counts,
    ...(endedAt !== undefined && { endedAt: toIso(endedAt) }),
    ...(stoppedBy !== undefined && { stoppedBy: namedPrincipal(stoppedBy) }),
  };
}

interface Selected extends Pick<BulkPreview, "deliveries" | "routes"> {
  /** The oldest first. */
  readonly plan: readonly PlannedReplay[];
  readonly isCut: boolean;
  /** Why the caller may not run some of them again. */
  readonly forbidden: Rejection | undefined;
}

type Wanted = v.InferOutput<typeof previewBody>;

/** What a selection has, the newest deliveries first, up to the limits of one order. */
async function select(wanted: Wanted, by: Principal, api: BulkReplaysApi): Promise<Result<Selected>> {
  const { deliveries: ids, query = {} } = wanted;
  if (ids === undefined && wanted.query === undefined)
    return reject({ reason: "body_invalid", problem: '"deliveries" or "query" is needed' });
  const filter = parseFilter(query);
  if (!filter.ok) return filter;
  const counts = new Map<string, PreviewedRoute>();
  // A route in shadow mode waits for nobody.
  const shadow = new Set((await api.patterns()).flatMap(({ name, mode }) => (mode === "shadow" ? [name] : [])));
  const plan: PlannedReplay[] = [];
  const end = api.clock.monotonic() + LOOK_MS;
  let [deliveries, isCut] = [0, false];
  let forbidden: Rejection | undefined;
  const groups = ids === undefined ? groupsOf(searched(filter.value, wanted), by, api) : groupsOfIds(ids, by, api);
  for await (const group of groups) {
    if (plan.length >= MAX_REPLAYS || api.clock.monotonic() >= end) {
      isCut = true;
      break;
    }
    const found = await Promise.all(group.map((of) => candidatesIn(of, { ...wanted, filter: filter.value, by }, api)));
    deliveries += group.length;
    for (const { why, rejection, ...candidate } of found.flat()) {
      if (plan.length >= MAX_REPLAYS) {
        isCut = true;
        break;
      }
      forbidden ??= rejection;
      const { route, state } = candidate;
      const key = `${route} ${state}`;
      const needsApproval = api.rules.has(route) && !shadow.has(route);
      const count = counts.get(key) ?? { route, state, ...NOTHING_COUNTED, ...(needsApproval && { needsApproval }) };
      counts.set(key, { ...count, [why]: count[why] + 1 });
      if (why === "runs") plan.push(candidate);
    }
  }
  const routes = [...counts.values()].sort((a, b) => (`${a.route} ${a.state}` < `${b.route} ${b.state}` ? -1 : 1));
  return ok({ plan: plan.reverse(), deliveries, routes, isCut, forbidden });
}

const NOTHING_COUNTED = { runs: 0, unsafe: 0, replayed: 0, unmatched: 0, forbidden: 0 };

/** What matches only today acted on no such delivery, so it is not found by its route or target. */
function searched(filter: Query, { today }: Wanted): Query {
  const { route: _, target: __, ...others } = filter;
  return today ? others : filter;
}

async function* groupsOf(
  filter: Query,
  by: Principal,
  api: BulkReplaysApi,
): AsyncGenerator<readonly RecordedDelivery[]> {
  for await (const found of matchingDeliveries(filter, by, api)) {
    // An event that a list shows without its record cannot be read.
    const records = found.flatMap(({ delivery }) => ("bodyDigest" in delivery ? [delivery] : []));
    for (let at = 0; at < records.length; at += AT_ONCE) yield records.slice(at, at + AT_ONCE);
    // The search itself takes time, even if it finds nothing.
    if (records.length === 0) yield [];
  }
}

async function* groupsOfIds(
  ids: readonly string[],
  by: Principal,
  { deliveries, policy }: BulkReplaysApi,
): AsyncGenerator<readonly RecordedDelivery[]> {
  const each = [...new Set(ids)];
  for (let at = 0; at < each.length; at += AT_ONCE) {
    const read = await Promise.all(
      each.slice(at, at + AT_ONCE).map((id) => deliveries.get(id).catch(undefinedIfUnreadable)),
    );
    yield read.filter((one) => one !== undefined).filter((one) => mayRead(by, one, policy));
  }
}

interface Candidate extends PlannedReplay {
  readonly why: keyof typeof NOTHING_COUNTED;
  readonly rejection?: Rejection | undefined;
}

/** The routes of a delivery that a selection has, and whether each would run. */
async function candidatesIn(
  of: RecordedDelivery,
  { filter, today, force, by, deliveries: ids }: Wanted & { readonly filter: Query; readonly by: Principal },
  api: BulkReplaysApi,
): Promise<readonly Candidate[]> {
  if (whyNeverReplayed(of) !== undefined) return [];
  const replayable = await replayableOf(of, api).catch(undefinedIfUnreadable);
  // The others are selected.
  if (replayable === undefined) return [];
  const { recorded, firing, about, outcome } = replayable;
  const { state: states, target } = filter;
  const isWanted = (route: string): boolean => filter.route === undefined || filter.route === route;
  const acted = recorded.filter(isWanted).filter((route) => {
    const own = outcome?.routes.filter((one) => one.route === route) ?? [];
    return own.some(
      (one) => (states === undefined || states.includes(one.state)) && (target === undefined || target === one.target),
    );
  });
  const ofTarget = (await api.patterns()).filter((route) => target === undefined || target === route.target);
  const isNew = (route: string): boolean =>
    !recorded.includes(route) && isWanted(route) && ofTarget.some(({ name }) => name === route);
  const added = today ? firing.filter(isNew) : [];
  const candidates = [...acted, ...added].map(async (route): Promise<Candidate> => {
    const seen = seenNow(route, replayable);
    const { all, state, since } = seen;
    const planned = { delivery: of.id, route, state, ...(since !== undefined && { since }) };
    const rejection = api.policy.rejectRoute(by, "replay", route, about);
    if (rejection !== undefined) return { ...planned, why: "forbidden", rejection };
    if (!firing.includes(route)) return { ...planned, why: "unmatched" };
    const isSafe = all.every(isSafeToRerun);
    if (!isSafe && !force) return { ...planned, why: "unsafe" };
    // Otherwise a search, ordered again, would find and run what it ran. Who names such a run wants it.
    const isOwnResult = ids === undefined && of.replay !== undefined && !isSafe;
    // A failure that was run again is in another state.
    const isAgain = isOwnResult || (!isFailed(state) && (await wasReplayed(of.id, route, seen, api)));
    return { ...planned, why: isAgain ? "replayed" : "runs" };
  });
  return Promise.all(candidates);
}

function undefinedIfUnreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "record_unreadable") return undefined;
  throw error;
}
