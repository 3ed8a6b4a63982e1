import type { CorrelateDeps } from "../delivery/correlate.ts";
import type { GateInput } from "../delivery/run-attempt.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import type { Approval, CurrentState, Reference, RequestedApproval } from "../model/approval.ts";
import { factsOf } from "../model/event-facts.ts";
import { promotedReference, referenceOf } from "../model/subject.ts";
import { eventIn } from "../model/timeline.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { aboutOf, ENDS, promotedAbout, withTask } from "./change.ts";
import { rulesOf } from "./configured-rules.ts";
import type { RecordGrantDeps } from "./record-grant.ts";
import { addStep, recordEvent, recordStep, type Step } from "./record-step.ts";
import { progressOf } from "./rules.ts";
import { shownParams, shownRunOf } from "./shown-run.ts";
import { type Cause, traceRequester } from "./trace-requester.ts";
import type { Sites } from "./verify.ts";
import { opensAt } from "./windows.ts";

interface RequestDeps extends RecordGrantDeps, CorrelateDeps {
  readonly deliveries: RecordGrantDeps["deliveries"] & CorrelateDeps["deliveries"];
  readonly approvals: Pick<ApprovalStore, "request">;
  readonly sites: Sites;
  readonly clock: Clock;
}

/** What the approval would be about is gone or unknown. */
type NotFound = Exclude<CurrentState, { readonly state: "found" }>;

/**
 * Requests the approval of a run. Records the step before it stores the approval, so that every approval that can be decided
 * has been published. If rules may grant the run, it is published only once none of them has: nobody is asked about a run
 * that fires at once.
 */
export async function requestApproval(id: string, run: GateInput, deps: RequestDeps): Promise<Approval | NotFound> {
  const { claim, route, busEvent, delivery } = run;
  const { expiresMinutes = 0, approvers = () => [] } = route.approval ?? {};
  const cause = await traceRequester(run, deps);
  const { busEvent: first, requested, requester, authors } = cause;
  const { promotion } = busEvent.detail;
  const bound = promotion && promotedReference(first, promotion);
  const about = withTask(bound ? promotedAbout(first) : aboutOf(first, requested), busEvent);
  const reference = bound ?? (await boundReference(route.name, cause, deps));
  if ("state" in reference) return reference;
  // The action may have waited long before, for a site or for a bridge that was stopped. Nobody could see it then.
  const requestedAt = deps.clock.now();
  const approval: RequestedApproval = {
    id,
    route: route.name,
    action: claim.id,
    delivery: delivery.id,
    ...eventIn(busEvent.detail),
    facts: factsOf(busEvent.detail),
    subject: busEvent.detail.subject,
    approvers: approvers(busEvent),
    ...(first !== busEvent && { cause: first.detail.delivery }),
    ...(cause.proof !== "proved" && { causeProof: cause.proof }),
    requester,
    ...(authors.length > 0 && { authors }),
    ...(cause.allProved && { allProved: true }),
    shows: {
      ...shownRunOf(first, { requester, authors }),
      ...(route.params && { params: shownParams(route.params(busEvent)) }),
    },
    ...about,
    reference,
    ...("page" in first.detail && { page: { site: first.detail.page.site, id: first.detail.page.id } }),
    requestedAt,
    until: laterBy(requestedAt, expiresMinutes * 60_000),
    ...(rulesOf(route.name, deps.rules).grantedBy.length > 0 && ({ asksAfterRules: true } as const)),
  };
  const step = stepOf(approval, delivery.requestId, deps);
  await (approval.asksAfterRules ? addStep : recordStep)(approval, step, deps);
  await deps.approvals.request(approval);
  return { ...approval, state: "requested", grants: [] };
}

/**
 * Publishes the request of an approval that no rule has granted, once. It is published before that is stored, so a crash
 * loses none, and has the time of the request, so a repeat is the same event.
 */
export async function askPeople(
  approval: Approval,
  requestId: string,
  deps: Pick<RequestDeps, "deliveries" | "recorded" | "rules" | "people"> & {
    readonly approvals: Pick<ApprovalStore, "move">;
  },
): Promise<void> {
  await recordEvent(approval, stepOf(approval, requestId, deps), deps);
  await deps.approvals.move(approval.id, ["requested"], { state: "requested", asked: true });
}

function stepOf(approval: RequestedApproval, requestId: string, deps: Pick<RequestDeps, "rules" | "people">): Step {
  const { route, requester, requestedAt } = approval;
  const rules = rulesOf(route, deps.rules);
  const progress = progressOf({ ...approval, grants: [] }, rules, deps.people);
  const shown = { progress, needsReason: rules.reason === "required", opensAt: opensAt(rules.windows, requestedAt) };
  return { state: "requested", at: requestedAt, by: requester, ...shown, requestId };
}

/**
 * The reference that an approval is bound to. If the route names a target to ask, an event without a version, an end and
 * a replay are bound to what the site answers now.
 */
async function boundReference(
  route: string,
  { busEvent, requested }: Cause,
  { sites }: Pick<RequestDeps, "sites">,
): Promise<Reference | NotFound> {
  const { subject, value } = referenceOf(busEvent);
  if (subject === undefined || sites.targetOf(route) === undefined) return { subject, value };
  const isPresent = requested.replay === undefined && !ENDS.includes(busEvent["detail-type"]);
  if (isPresent && value !== undefined) return { subject, value, mark: value };
  const now = await sites.current(route, subject, undefined);
  return now.state === "found" ? { subject, value: value ?? now.mark, mark: now.mark } : now;
}
