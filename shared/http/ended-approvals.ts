import * as v from "valibot";
import type { DecideDeps } from "../approvals/decide.ts";
import { openApprovals } from "../approvals/open-approvals.ts";
import { type Clock, epochMillis, toIso } from "../host/clock.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Approval } from "../model/approval.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { parseQuery } from "./query.ts";
import { time } from "./query-time.ts";
import { type ShownApproval, shownApproval } from "./shown-approval.ts";

export interface EndedApprovalsApi extends CallerDeps, Pick<DecideDeps, "sites" | "rules" | "people"> {
  readonly approvals: Pick<ApprovalStore, "ended" | "open">;
  readonly clock: Clock;
}

export interface EndedApprovals {
  /** Those that are granted and have not fired yet, then the last to end first. */
  readonly approvals: readonly ShownApproval[];
  /** More approvals ended in the period. They ended at this time or before: it is the `until` of the next request. */
  readonly earlier?: string;
}

export const query = v.strictObject({ state: v.literal("ended"), since: v.optional(time), until: v.optional(time) });

const A_TIME = "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z";

const MAX_ENDED = 100;
const DEFAULT_PERIOD_MS = 30 * 86_400_000;

/** Whether a request for a list of approvals is for those that ended. */
export const asksForEnded = ({ url }: Pick<ReceivedRequest, "url">): boolean =>
  url.searchParams.get("state") === "ended";

/**
 * `GET /v1/approvals?state=ended`: all approvals that were decided, fired, expired or superseded in a period, for whoever
 * may read the log. Of the last 30 days unless `since` is given. Without `until` also those that are granted and wait for
 * their run: nobody else has to decide them.
 */
export async function listEndedApprovals(
  request: ReceivedRequest,
  api: EndedApprovalsApi,
): Promise<Result<EndedApprovals>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const wanted = parseQuery(request, query, { since: A_TIME, until: A_TIME });
  if (!wanted.ok) return reject(wanted.rejection, caller.value.principal);
  const { since, until } = wanted.value;
  const to = until === undefined ? api.clock.now() : epochMillis(Date.parse(until));
  const from = epochMillis(since === undefined ? to - DEFAULT_PERIOD_MS : Date.parse(since));
  const matches = ({ facts }: Approval): boolean =>
    !api.policy.rejectCall(caller.value.principal, "deliveries", facts ? [facts] : []);
  // Before the ended ones: what fires in between is in both lists instead of in none.
  const { open } = until === undefined ? await openApprovals(api.approvals) : { open: [] };
  const { approvals: ended, earlier } = await api.approvals.ended({ from, to, limit: MAX_ENDED, matches });
  const endedIds = new Set(ended.map(({ id }) => id));
  const granted = open.filter((one) => one.state === "granted" && matches(one) && !endedIds.has(one.id));
  return ok({
    approvals: [...granted, ...ended].map((one) => shownApproval(one, api)),
    ...(earlier !== undefined && { earlier: toIso(earlier) }),
  });
}
