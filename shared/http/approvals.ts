import * as v from "valibot";
import { isOutdated } from "../approvals/change.ts";
import { DECISIONS, type DecideDeps, decide, decisionsOf, isReason } from "../approvals/decide.ts";
import { openApprovals } from "../approvals/open-approvals.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { Approval } from "../model/approval.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { parseJsonBody } from "./json-body.ts";
import { parseQuery } from "./query.ts";
import { type ShownApproval, shownApproval } from "./shown-approval.ts";

export interface ApprovalsApi extends CallerDeps, DecideDeps {
  readonly policy: DecideDeps["policy"] & Pick<Policy, "rejectCall">;
}

export const query = v.strictObject({
  state: v.optional(v.picklist(["requested", "granted"])),
  all: v.optional(v.literal("true")),
});
const ONLY_ENDED = "left out unless the state is ended";
const EXPECTED = { state: "requested, granted or ended", all: "true", since: ONLY_ENDED, until: ONLY_ENDED };

const comment = v.pipe(v.string(), v.maxLength(300), v.transform(redactText));

export const verdict = v.pipe(
  v.strictObject({ decision: v.picklist(DECISIONS), comment: v.optional(comment) }),
  v.forward(
    v.check(({ decision, comment: reason }) => decision !== "emergency" || isReason(reason), "the reason"),
    ["comment"],
  ),
);

/**
 * `GET /v1/approvals`: the open approvals that the caller may decide or, if it requested them, withdraw. With `all=true`
 * also those that only others may decide, of deliveries that the caller may read.
 */
export async function listApprovals(request: ReceivedRequest, api: ApprovalsApi): Promise<Result<ListedApprovals>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const wanted = parseQuery(request, query, EXPECTED);
  if (!wanted.ok) return reject(wanted.rejection, principal);
  const mayReadOf = ({ facts }: Approval): boolean =>
    api.policy.rejectCall(principal, "deliveries", facts ? [facts] : []) === undefined;
  const { open, hasMore } = await openApprovals(api.approvals);
  const listed = open
    .filter(({ state }) => (wanted.value.state ?? state) === state)
    .map((one) => ({ one, shown: { ...shownApproval(one, api), may: decisionsOf(one, principal, api) } }))
    .filter(({ one, shown }) => shown.may.length > 0 || (wanted.value.all !== undefined && mayReadOf(one)));
  // The approval of an earlier version ends within a minute, and cannot be granted until then.
  const outdated = await Promise.all(listed.map(({ one }) => isOutdated(one, api.approvals)));
  return ok({ approvals: listed.filter((_, at) => !outdated[at]).map(({ shown }) => shown), hasMore });
}

/** `POST /v1/approvals/{id}`: grants, denies or withdraws, or grants in an emergency. */
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
  return decided.ok ? ok(shownApproval(decided.value, api)) : reject(decided.rejection, principal);
}

export interface ListedApprovals {
  readonly approvals: readonly ListedApproval[];
  /** More approvals are open than this list looked at. */
  readonly hasMore: boolean;
}
export type ListedApproval = ShownApproval & {
  /** Decisions that the caller may make. None: only others may decide. */
  readonly may: readonly (typeof DECISIONS)[number][];
};
