import type { GateInput } from "../delivery/run-attempt.ts";
import { approvalIdOf } from "../model/idempotency-keys.ts";
import { end, type GateDeps } from "./gate.ts";

/** Ends the approval of a run whose place the delivery `newer` took, so that nobody decides it any more. */
export async function endForNewer(
  { route, busEvent, delivery }: GateInput,
  newer: string,
  deps: GateDeps,
): Promise<void> {
  const approval = await deps.approvals.get(approvalIdOf(route.name, busEvent.detail.eventKey));
  if (approval?.state !== "requested" && approval?.state !== "granted") return;
  const [event] = (await deps.deliveries.get(newer))?.events ?? [];
  const version = event && "page" in event ? event.page.version : undefined;
  const endedFor = `superseded by ${version === undefined ? newer : `version ${version} of the page, ${newer}`}`;
  await end(approval, { state: "superseded", endedFor, requestId: delivery.requestId }, deps);
}
