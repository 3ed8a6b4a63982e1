import { rulesOf } from "../approvals/configured-rules.ts";
import type { PeopleOf } from "../approvals/people.ts";
import { ruleOn, windowOpensAt } from "../approvals/rules.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import { flowIdOf, nameOf } from "../delivery/flow-id.ts";
import type { Clock } from "../host/clock.ts";
import type { Approval } from "../model/approval.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { approvalIdOf } from "../model/idempotency-keys.ts";
import type { RunCancel } from "../model/run-cancel.ts";
import type { ActionStore } from "../store/actions.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { FlowStore } from "../store/flows.ts";

export interface AwaitedCancelDeps {
  readonly flows: () => Promise<Pick<FlowStore, "get">>;
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly actions: Pick<ActionStore, "status">;
  readonly approvals: Pick<ApprovalStore, "get">;
  readonly rules: Parameters<typeof rulesOf>[1];
  readonly people: PeopleOf;
  readonly clock: Clock;
}

/**
 * The id of the event that waits for the end of a run, and for nothing else; undefined if none does. Something may have
 * changed since the cancellation was stored: the newer run was withdrawn, replaced, or needs people again, or the key of the
 * flow is another one.
 */
export async function awaitedBy(
  { delivery: id, event = id, action }: RunCancel,
  route: Pick<RunReporter, "name" | "flow" | "environments">,
  deps: AwaitedCancelDeps,
): Promise<string | undefined> {
  const delivery = await deps.deliveries.get(id);
  const busEvent = delivery && busEventsOf(delivery).find(({ detail }) => detail.id === event);
  // By the key of today: the runs of another key are not counted.
  const flow = busEvent && route.flow && flowIdOf(route, route.flow, busEvent);
  if (flow === undefined) return undefined;
  const { slots, waiting, newest } = (await (await deps.flows()).get(flow)).state;
  const next = waiting.find((one) => one.action === newest?.action);
  if (next === undefined || !slots.some((slot) => slot.action === action)) return undefined;
  const status = await deps.actions.status(next.action);
  // An action whose target is held could not start.
  if (status?.state !== "due" || status.hold !== undefined) return undefined;
  const approval = await deps.approvals.get(approvalIdOf(route.name, status.eventKey));
  return approval === undefined || mayFire(approval, deps) ? nameOf(next) : undefined;
}

/** As far as the bridge knows it without asking anybody. A run that has fired is not judged again. */
function mayFire(approval: Approval, { rules, people, clock }: AwaitedCancelDeps): boolean {
  if (approval.state === "fired") return true;
  const own = rulesOf(approval.route, rules);
  if (approval.state !== "granted" || ruleOn(approval, own, people).missing > 0) return false;
  return windowOpensAt(approval, own, people, clock.now()) === undefined;
}
