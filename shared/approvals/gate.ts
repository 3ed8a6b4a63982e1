import type { CorrelateDeps } from "../delivery/correlate.ts";
import type { GateInput } from "../delivery/run-attempt.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import type { Approval, RequestedApproval } from "../model/approval.ts";
import { approvalIdOf } from "../model/idempotency-keys.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { eventIn } from "../model/timeline.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { aboutOf, isOutdated } from "./change.ts";
import { type RecordStepDeps, recordStep, type Step } from "./record-step.ts";
import { shownParams, shownRunOf } from "./shown-run.ts";
import { traceRequester } from "./trace-requester.ts";

export interface GateDeps extends RecordStepDeps, CorrelateDeps {
  readonly deliveries: RecordStepDeps["deliveries"] & CorrelateDeps["deliveries"];
  readonly approvals: ApprovalStore;
  readonly clock: Clock;
}

/** Seconds until a waiting action checks its approval again. On one machine a decision wakes the action at once. */
const POLL_SECONDS = 60;

/**
 * Returns the outcome of a run that has no approval yet, or was denied one; undefined if it may start. An approval that
 * fired stays fired: a retry does not ask again, because the run may exist already.
 */
export async function holdForApproval(run: GateInput, deps: GateDeps): Promise<ActionOutcome | undefined> {
  const { route, busEvent, delivery } = run;
  if (route.approval === undefined) return undefined;
  const approvalId = approvalIdOf(route.name, busEvent.detail.eventKey);
  if (route.mode === "shadow") {
    await deps.deliveries.addToTimeline(delivery.id, {
      at: deps.clock.now(),
      kind: "approval",
      route: route.name,
      ...eventIn(busEvent.detail),
      approval: approvalId,
      state: "not_asked",
    });
    return undefined;
  }
  const approval = (await deps.approvals.get(approvalId)) ?? (await request(approvalId, run, deps));
  const state = await advance(approval, delivery, deps);
  switch (state) {
    case "fired":
      return undefined;
    case "requested": {
      const who = approval.approvers.join(" or ") || "nobody: no role may approve it";
      return {
        outcome: "wait",
        summary: `needs approval ${approvalId} by ${who}`,
        afterSeconds: POLL_SECONDS,
      };
    }
    case "granted":
      // Its state changed in between, for example by a withdrawal. The next check finds the new state.
      return { outcome: "wait", summary: `approval ${approvalId} has just changed`, afterSeconds: 1 };
    default:
      return { outcome: "done", summary: `not fired: approval ${approvalId} was ${state}` };
  }
}

/** Records the step before it stores the approval, so that every approval that can be decided has been published. */
async function request(id: string, run: GateInput, deps: GateDeps): Promise<Approval> {
  const { claim, route, busEvent, delivery } = run;
  const { expiresMinutes = 0, approvers = [] } = route.approval ?? {};
  const { busEvent: cause, requested, requester } = await traceRequester(run, deps);
  const about = aboutOf(cause, requested);
  const approval: RequestedApproval = {
    id,
    route: route.name,
    action: claim.id,
    delivery: delivery.id,
    ...eventIn(busEvent.detail),
    subject: busEvent.detail.subject,
    approvers,
    ...(cause !== busEvent && { cause: cause.detail.delivery }),
    requester,
    shows: { ...shownRunOf(cause, requester), ...(route.params && { params: shownParams(route.params(busEvent)) }) },
    ...(about && { about }),
    ...("page" in cause.detail && { page: { site: cause.detail.page.site, id: cause.detail.page.id } }),
    requestedAt: claim.scheduledAt,
    until: laterBy(claim.scheduledAt, expiresMinutes * 60_000),
  };
  const { requestedAt: at } = approval;
  await recordStep(approval, { state: "requested", at, by: requester, requestId: delivery.requestId }, deps);
  await deps.approvals.request(approval);
  return { ...approval, state: "requested" };
}

/**
 * Ends an approval that has expired or whose page, branch or change has changed. Fires a granted one. Returns its
 * state.
 */
async function advance(
  approval: Approval,
  { requestId }: RecordedDelivery,
  deps: GateDeps,
): Promise<Approval["state"]> {
  const { id, state } = approval;
  // The step is recorded again: the process that took it may have crashed before it recorded it.
  const step = stepOf(approval);
  if (step) await recordStep(approval, { ...step, requestId }, deps);
  if (state !== "requested" && state !== "granted") return state;
  const endedAt = deps.clock.now();
  const end = await endOf(approval, deps);
  if (end !== undefined) {
    if (!(await deps.approvals.move(id, [state], { state: end, endedAt }))) return "granted";
    await recordStep(approval, { state: end, at: endedAt, requestId }, deps);
    return end;
  }
  if (state === "requested") return state;
  return (await deps.approvals.move(id, ["granted"], { state: "fired", endedAt })) ? "fired" : "granted";
}

/**
 * The last step to record, if any. A request is recorded before it is stored, and a firing is recorded by its attempt.
 */
function stepOf({ state, decision, endedAt }: Approval): Omit<Step, "requestId"> | undefined {
  switch (state) {
    case "granted":
    case "denied":
    case "withdrawn":
      return decision && { state, ...decision };
    case "expired":
    case "superseded":
      return endedAt === undefined ? undefined : { state, at: endedAt };
    default:
      return undefined;
  }
}

async function endOf(
  { state, until, about }: Approval,
  { approvals, clock }: GateDeps,
): Promise<"superseded" | "expired" | undefined> {
  if (await isOutdated(about, approvals)) return "superseded";
  return state === "requested" && clock.now() >= until ? "expired" : undefined;
}
