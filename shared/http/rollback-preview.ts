import type { RulesOf } from "../approvals/configured-rules.ts";
import { type NeededApproval, neededApproval } from "../approvals/needed-approval.ts";
import { shownCauseOf } from "../approvals/shown-run.ts";
import { referenceIn } from "../delivery/promotion.ts";
import { rollbackPlaces } from "../delivery/rollback.ts";
import { callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { ShownRun } from "../model/approval.ts";
import { type BusEvent, busEventsOf } from "../model/bus-event.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import type { Principal } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { isTagged } from "../model/subject.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { RouteRun } from "../store/runs.ts";
import { mayRead } from "./deliveries.ts";
import { parseQuery } from "./query.ts";
import { type ReplayApi, rollbackQuery } from "./replay.ts";

export interface RollbacksApi extends ReplayApi {
  readonly policy: ReplayApi["policy"] & Pick<Policy, "rolesFor">;
  readonly rules: RulesOf;
}

/** What a rollback of a route would do now. */
export interface RollbackPreview {
  readonly route: string;
  /** Each environment in which a run of the route succeeded. */
  readonly places: readonly {
    /** Undefined: runs that reported no environment. */
    readonly environment?: string;
    /** The run that a rollback replaces. It may go on, and then it may be one of another environment. */
    readonly newest: RunOfRoute;
    /** What a rollback can go back to, newest first. It goes back to the first unless `to` names another one. */
    readonly good: readonly RunOfRoute[];
  }[];
}

/** A run of the route, and what it ran for, if the caller may read its delivery. */
export interface RunOfRoute extends ShownRun {
  readonly delivery: string;
  readonly firedAt: string;
  readonly state: "running" | "succeeded" | "failed";
  readonly endedAt?: string;
  /** What happened, e.g. `code.pushed`; undefined if the record of the delivery is gone, or the caller may not read it. */
  readonly what?: string;
  readonly subject?: string;
  /** The commit or version for which it was fired; absent if its event reports none, or several. */
  readonly reference?: string;
  /** The name of the tag, if its event names the commit by one. */
  readonly tag?: string;
  /** Who has to approve a rollback to it; absent if nobody has to. */
  readonly approval?: NeededApproval;
  /** Why a rollback to it would run nothing. */
  readonly problem?: string;
}

/** `GET /v1/rollbacks`: where a route can be rolled back, and to what. */
export async function previewRollback(request: ReceivedRequest, api: RollbacksApi): Promise<Result<RollbackPreview>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const query = parseQuery(request, rollbackQuery, { route: "the name of a route" });
  if (!query.ok) return reject(query.rejection, by);
  const { route } = query.value;
  const places = await rollbackPlaces({ route, by }, api);
  if (!places.ok) return reject(places.rejection, by);
  const pattern = (await api.patterns()).find(({ name }) => name === route)?.pattern;
  const shown = async (run: RouteRun): Promise<RunOfRoute> => {
    const one = await shownRun(run, { by, pattern }, api);
    // Who may approve a run says what it is about, so for a run that the caller may not read it is who may approve any.
    const delivery = one.what === undefined ? undefined : await api.deliveries.get(run.delivery);
    const approval = neededApproval(route, delivery ? factsOfDelivery(delivery) : "anything", api);
    return { ...one, ...(approval && { approval }) };
  };
  return ok({
    route,
    places: await Promise.all(
      places.value.map(async (place) => ({
        ...place,
        newest: await shown(place.newest),
        good: await Promise.all(place.good.map(shown)),
      })),
    ),
  });
}

/** A run of a route as the caller may see it. */
export async function shownRun(
  { delivery: id, firedAt, end }: RouteRun,
  { by, pattern }: { readonly by: Principal; readonly pattern: RoutePattern["pattern"] | undefined },
  { deliveries, policy }: Pick<ReplayApi, "deliveries" | "policy">,
): Promise<RunOfRoute> {
  const delivery = await deliveries.get(id);
  const events = delivery?.events === undefined ? [] : busEventsOf(delivery);
  // A delivery with several events fired the route by the first that matches; its commits and titles are those of the run.
  const event = events.find((one) => pattern !== undefined && matches(pattern, one));
  const shown = event ?? events[0];
  const isReadable = delivery !== undefined && mayRead(by, delivery, policy);
  const reference = delivery && referenceIn(delivery);
  const tag = shown && tagOf(shown);
  const ended = end?.succeeded ? "succeeded" : "failed";
  return {
    delivery: id,
    firedAt,
    state: end === undefined ? "running" : ended,
    ...(end && { endedAt: end.at }),
    ...(shown &&
      isReadable && {
        what: shown["detail-type"],
        subject: shown.detail.subject,
        ...(reference !== undefined && { reference }),
        ...(tag !== undefined && { tag }),
        ...shownCauseOf(shown),
      }),
    ...(event === undefined && {
      problem: shown === undefined ? "its record is gone" : "the route no longer matches it",
    }),
  };
}

function tagOf(busEvent: BusEvent): string | undefined {
  const { detail } = busEvent;
  if ("release" in detail) return detail.release.tag;
  return "code" in detail && isTagged(busEvent) ? detail.code.name : undefined;
}
