import * as v from "valibot";
import { DECISIONS, type DecideTools, decide } from "../approvals/decide.ts";
import { isSamePerson } from "../approvals/people.ts";
import type { ReceivedRequest } from "../delivery/request.ts";
import { ok, type Result, refuse } from "../delivery/result.ts";
import { toIso } from "../host/clock.ts";
import { type CallerTools, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { Approval } from "../store/approvals.ts";
import { readCall } from "./json-body.ts";

export interface ApprovalsApi extends CallerTools, DecideTools {
  readonly policy: Pick<Policy, "refuseCall" | "refuseRoute">;
}

/** Open approvals that a list looks at. */
const MOST_LISTED = 200;

const state = v.optional(v.picklist(["requested", "granted"]));

const verdict = v.strictObject({
  decision: v.picklist(DECISIONS),
  comment: v.optional(v.pipe(v.string(), v.maxLength(300))),
});

/** `GET /v1/approvals`: those that are open, of routes that the caller may approve, and its own. */
export async function listApprovals(request: ReceivedRequest, api: ApprovalsApi): Promise<Result<ListedApprovals>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const asked = v.safeParse(state, request.url.searchParams.get("state") ?? undefined);
  if (!asked.success) return refuse({ reason: "query_invalid", parameter: "state", expected: "requested or granted" });
  const isShown = ({ route, requester, ...one }: Approval): boolean =>
    (asked.output ?? one.state) === one.state &&
    (!api.policy.refuseRoute(principal, "approve", route) || isSamePerson(principal, requester, api.people));
  return ok({ approvals: (await api.approvals.open(MOST_LISTED)).filter(isShown).map(shownApproval) });
}

/** `POST /v1/approvals/{id}`: grants, denies or withdraws. */
export async function decideApproval(
  request: ReceivedRequest,
  id: string,
  api: ApprovalsApi,
): Promise<Result<ShownApproval>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const told = readCall(request.body, verdict);
  if (!told.ok) return refuse(told.rejection, principal);
  const approval = await api.approvals.get(id);
  if (approval === undefined) return refuse({ reason: "approval_unknown" }, principal);
  const decided = await decide(approval, { ...told.value, by: principal, requestId: request.requestId }, api);
  return decided.ok ? ok(shownApproval(decided.value)) : refuse(decided.rejection, principal);
}

export interface ListedApprovals {
  readonly approvals: readonly ShownApproval[];
}
export type ShownApproval = ReturnType<typeof shownApproval>;

function shownApproval({ action: _, about, requestedAt, until, decision, ...approval }: Approval) {
  return {
    ...approval,
    ...(about && { changedAt: about.at, ...(about.mark !== undefined && { version: about.mark }) }),
    requestedAt: toIso(requestedAt),
    until: toIso(until),
    ...(decision && { decision: { ...decision, at: toIso(decision.at) } }),
  };
}
