import * as v from "valibot";
import { DECISIONS, type DecideDeps, decide, decisionsOf } from "../approvals/decide.ts";
import { openApprovals } from "../approvals/open-approvals.ts";
import { toIso } from "../host/clock.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { Approval } from "../model/approval.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { parseJsonBody } from "./json-body.ts";

export interface ApprovalsApi extends CallerDeps, DecideDeps {
  readonly policy: Pick<Policy, "rejectCall" | "rejectRoute">;
}

const state = v.optional(v.picklist(["requested", "granted"]));

const verdict = v.strictObject({
  decision: v.picklist(DECISIONS),
  comment: v.optional(v.pipe(v.string(), v.maxLength(300), v.transform(redactText))),
});

/** `GET /v1/approvals`: the open approvals that the caller may decide or, if it requested them, withdraw. */
export async function listApprovals(request: ReceivedRequest, api: ApprovalsApi): Promise<Result<ListedApprovals>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const wanted = v.safeParse(state, request.url.searchParams.get("state") ?? undefined);
  if (!wanted.success) return reject({ reason: "query_invalid", parameter: "state", expected: "requested or granted" });
  const { open, hasMore } = await openApprovals(api.approvals);
  const approvals = open
    .filter(({ state }) => (wanted.output ?? state) === state)
    .map((one) => ({ ...shownApproval(one), may: decisionsOf(one, principal, api) }))
    .filter(({ may }) => may.length > 0);
  return ok({ approvals, hasMore });
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
  const body = parseJsonBody(request.body, verdict);
  if (!body.ok) return reject(body.rejection, principal);
  const approval = await api.approvals.get(id);
  if (approval === undefined) return reject({ reason: "approval_unknown" }, principal);
  const decided = await decide(approval, { ...body.value, by: principal, requestId: request.requestId }, api);
  return decided.ok ? ok(shownApproval(decided.value)) : reject(decided.rejection, principal);
}

export interface ListedApprovals {
  readonly approvals: readonly (ShownApproval & {
    /** Decisions that the caller may make. */
    readonly may: readonly (typeof DECISIONS)[number][];
  })[];
  /** More approvals are open than this list looked at. */
  readonly hasMore: boolean;
}
export type ShownApproval = ReturnType<typeof shownApproval>;

function shownApproval({ action: _, about, requestedAt, until, decision, endedAt, ...approval }: Approval) {
  return {
    ...approval,
    ...(about && { changedAt: about.at, ...(about.mark !== undefined && { version: about.mark }) }),
    requestedAt: toIso(requestedAt),
    until: toIso(until),
    ...(decision && { decision: { ...decision, at: toIso(decision.at) } }),
    ...(endedAt && { endedAt: toIso(endedAt) }),
  };
}
