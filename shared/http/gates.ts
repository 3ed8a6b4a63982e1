import { nameOf } from "../approvals/people.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import { withoutHidden } from "../host/hidden-characters.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Approval, Decision } from "../model/approval.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { cut } from "../model/event.ts";
import { approvalIdOf } from "../model/idempotency-keys.ts";
import { principalIdOf } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface GatesApi extends CallerDeps {
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly approvals: Pick<ApprovalStore, "get">;
  readonly patterns: () => Promise<readonly RoutePattern[]>;
  readonly runReporters: readonly Pick<RunReporter, "name" | "answersTasks">[];
}

export const TASK_DECISIONS = ["wait", "approve", "reject"] as const;

/** What is decided about a task that waits inside a run. */
export interface TaskDecision {
  /** The delivery that reported the task. */
  readonly delivery: string;
  readonly decision: (typeof TASK_DECISIONS)[number];
  /** Who decided it and why, or why it ended without a decision. Present unless it waits. */
  readonly message?: string;
}

/**
 * `GET /v1/gates/{id}`: what is decided about the task that a delivery reported, for the process in the cluster that
 * reported it and for nobody else. An approval counts only once it has fired: only then were the page or commit, the groups
 * of the approvers and the windows checked. Whatever ends it otherwise rejects the task, which nobody can approve here any
 * more.
 */
export async function getGate(request: ReceivedRequest, id: string, api: GatesApi): Promise<Result<TaskDecision>> {
  const caller = await callerOf(request, "gates", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const delivery = await api.deliveries.get(id);
  const [busEvent] = delivery ? busEventsOf(delivery) : [];
  const isOwn =
    delivery?.replay === undefined &&
    delivery?.refusal === undefined &&
    delivery !== undefined &&
    principalIdOf(delivery.principal) === principalIdOf(principal);
  if (!isOwn || busEvent === undefined) return reject({ reason: "delivery_unknown" }, principal);
  const deciding = new Set(api.runReporters.flatMap(({ name, answersTasks }) => (answersTasks ? [name] : [])));
  const routes = (await api.patterns()).filter(({ name, pattern }) => deciding.has(name) && matches(pattern, busEvent));
  const approvals = await Promise.all(
    routes.map(({ name }) => api.approvals.get(approvalIdOf(name, busEvent.detail.eventKey))),
  );
  return ok({ delivery: id, ...decisionOf(approvals) });
}

/** Each route that the report matches must have been approved. Undefined: it has not asked yet. */
function decisionOf(approvals: readonly (Approval | undefined)[]): Omit<TaskDecision, "delivery"> {
  const known = approvals.filter((approval) => approval !== undefined);
  const ended = known.find(({ state }) => !["requested", "granted", "fired"].includes(state));
  if (ended) return { decision: "reject", message: messageOf(ended) };
  const isApproved = approvals.length > 0 && approvals.every((approval) => approval?.state === "fired");
  return isApproved ? { decision: "approve", message: known.map(messageOf).join("; ") } : { decision: "wait" };
}

function messageOf(approval: Approval): string {
  const { id, state, grants, decision, endedFor } = approval;
  const what = {
    fired: () => `approved by ${grants.map(personText).join(", ")}`,
    denied: () => `denied by ${decision ? personText(decision) : "somebody"}`,
    withdrawn: () => `withdrawn by ${decision ? personText(decision) : "somebody"}`,
    expired: () => "not approved in time",
    superseded: () => `outdated: ${endedFor ?? "what it is about has changed"}`,
    void: () => `void: ${endedFor ?? "an approver lost the role"}`,
    requested: () => "waits",
    granted: () => "waits",
  }[state]();
  return `${what} (Drawbridge, approval ${id})`;
}

/** A message in the cluster is one line that people read. */
function personText({ by, comment, emergency, rule }: Decision): string {
  if (rule) return `the rule ${rule.id}`;
  const reason = cut(
    withoutHidden(comment ?? "")
      .replace(/\s+/g, " ")
      .trim(),
    200,
  );
  return `${nameOf(by)}${emergency ? " in an emergency" : ""}${reason === "" ? "" : ` because “${reason}”`}`;
}
