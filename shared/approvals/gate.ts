import type { ActionOutcome } from "../actions/action.ts";
import type { BusEntry } from "../bus/entry.ts";
import { approvalIdOf } from "../delivery/keys.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import type { Route } from "../routes/route.ts";
import type { Claim } from "../store/actions.ts";
import type { Approval, ApprovalStore, Identity, RequestedApproval } from "../store/approvals.ts";
import type { RecordedDelivery } from "../store/deliveries.ts";
import { aboutOf, hasChanged } from "./change.ts";
import { type TellTools, tellStep } from "./tell.ts";

export interface GateTools extends TellTools {
  readonly approvals: ApprovalStore;
  readonly clock: Clock;
}

interface Run {
  readonly claim: Pick<Claim, "id" | "scheduledAt">;
  readonly route: Pick<Route, "name" | "approval" | "mode">;
  readonly entry: BusEntry;
  readonly delivery: RecordedDelivery;
}

/** Seconds until an action that waits looks again; one machine does not wait for it when somebody decides. */
const LOOK_EVERY_SECONDS = 60;

/**
 * What becomes of a run for want of an approval; nothing where it may go ahead. What was let through once stays so: a retry
 * never asks again, since the run may exist already.
 */
export async function holdForApproval(run: Run, tools: GateTools): Promise<ActionOutcome | undefined> {
  const { route, entry, delivery } = run;
  if (route.approval === undefined) return undefined;
  const approvalId = approvalIdOf(route.name, entry.detail.eventKey);
  if (route.mode === "shadow") {
    const told = { kind: "approval", route: route.name, approval: approvalId, state: "not_asked" } as const;
    await tools.deliveries.addToTimeline(delivery.id, { at: tools.clock.now(), ...told });
    return undefined;
  }
  const approval = (await tools.approvals.get(approvalId)) ?? (await request(approvalId, run, tools));
  const standing = await advance(approval, delivery, tools);
  switch (standing) {
    case "fired":
      return undefined;
    case "requested": {
      const who = approval.approvers.join(" or ") || "nobody: no role may approve it";
      return {
        outcome: "wait",
        summary: `waits for approval ${approvalId} by ${who}`,
        afterSeconds: LOOK_EVERY_SECONDS,
      };
    }
    case "granted":
      // Somebody withdrew it in between: the next look tells.
      return { outcome: "wait", summary: `approval ${approvalId} has just changed`, afterSeconds: 1 };
    default:
      return { outcome: "done", summary: `not fired: approval ${approvalId} was ${standing}` };
  }
}

/** Told before it is stored: what can be decided has been told. */
async function request(id: string, { claim, route, entry, delivery }: Run, tools: GateTools): Promise<Approval> {
  const { expiresMinutes = 0, approvers = [] } = route.approval ?? {};
  const about = aboutOf(entry, delivery);
  const approval: RequestedApproval = {
    ...{ id, route: route.name, action: claim.id, delivery: delivery.id, subject: entry.detail.subject, approvers },
    requester: requesterOf(delivery),
    ...(about && { about }),
    ...("page" in entry.detail && { page: { site: entry.detail.page.site, id: entry.detail.page.id } }),
    requestedAt: claim.scheduledAt,
    until: laterBy(claim.scheduledAt, expiresMinutes * 60_000),
  };
  const { requestedAt: at, requester: by } = approval;
  await tellStep(approval, { state: "requested", at, by, requestId: delivery.requestId }, tools);
  await tools.approvals.request(approval);
  return { ...approval, state: "requested" };
}

/** Whoever has it run again asks for it; else the person that the sender tells. */
function requesterOf({ principal, replay, event }: RecordedDelivery): Identity {
  const actor = replay ? replay.actor : event?.actor?.id;
  return { ...principal, ...(actor !== undefined && { actor }) };
}

/** Ends an approval whose time is over or whose matter has changed, and lets through what was granted. */
async function advance(
  approval: Approval,
  { requestId }: RecordedDelivery,
  tools: GateTools,
): Promise<Approval["state"]> {
  const { id, state, decision } = approval;
  const at = tools.clock.now();
  if (decision && (state === "granted" || state === "denied" || state === "withdrawn")) {
    // Once more: whoever decided may have died before it was told.
    await tellStep(approval, { state, ...decision, requestId }, tools);
  }
  if (state !== "requested" && state !== "granted") return state;
  const end = await endOf(approval, tools);
  if (end !== undefined) {
    if (!(await tools.approvals.move(id, [state], { state: end }))) return "granted";
    await tellStep(approval, { state: end, at, requestId }, tools);
    return end;
  }
  if (state === "requested") return state;
  return (await tools.approvals.move(id, ["granted"], { state: "fired" })) ? "fired" : "granted";
}

async function endOf(
  { state, until, about }: Approval,
  { approvals, clock }: GateTools,
): Promise<"superseded" | "expired" | undefined> {
  if (hasChanged(about, about && (await approvals.latestChange(about.key)))) return "superseded";
  return state === "requested" && clock.now() >= until ? "expired" : undefined;
}
