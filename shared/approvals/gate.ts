import type { CorrelateDeps } from "../delivery/correlate.ts";
import type { BeforeFiring, GateInput, GateResult } from "../delivery/run-attempt.ts";
import { type Clock, type EpochMillis, toIso } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import type { Approval } from "../model/approval.ts";
import { approvalIdOf } from "../model/idempotency-keys.ts";
import { eventIn } from "../model/timeline.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { changeSince } from "./change.ts";
import { rulesOf } from "./configured-rules.ts";
import type { Groups } from "./groups.ts";
import { type RecordGrantDeps, recordGrants } from "./record-grant.ts";
import { recordStep } from "./record-step.ts";
import type { FiredByRule, NotByRule, RuleGrantDeps } from "./rule-grants.ts";
import { progressOf, progressText, ruleOn, windowOpensAt } from "./rules.ts";
import type { Standing } from "./standing.ts";
import { type Sites, type Unverified, verify } from "./verify.ts";
import { opensAt } from "./windows.ts";

export interface GateDeps extends RecordGrantDeps, CorrelateDeps, Omit<RuleGrantDeps, "deliveries"> {
  readonly deliveries: RecordGrantDeps["deliveries"] & CorrelateDeps["deliveries"] & RuleGrantDeps["deliveries"];
  readonly approvals: ApprovalStore;
  readonly sites: Sites;
  readonly groups: Groups;
  readonly clock: Clock;
  /**
   * Seconds until a waiting action checks its approval again, if nothing wakes it: a decision does, and its process may have
   * ended before.
   */
  readonly approvalPollSeconds: number;
}

/** Seconds until the rules of a route are asked again. Nothing wakes an action of which only a rule would grant the run. */
const RULE_POLL_SECONDS = 60;

/**
 * Holds a run that has no approval yet, was denied one, or whose approval was for another state of things. An approval
 * that fired stays fired, because the run may exist already: a retry does not ask people again, but it verifies the
 * reference again, and fires nothing that has changed. A granted approval that waits for a slot has not fired: it is judged
 * again when the slot is free.
 */
export async function holdForApproval(run: GateInput, beforeFiring: BeforeFiring, deps: GateDeps): Promise<GateResult> {
  const { route, busEvent } = run;
  if (route.approval === undefined) return {};
  const approvalId = approvalIdOf(route.name, busEvent.detail.eventKey);
  if (route.mode === "shadow") {
    await deps.deliveries.addToTimeline(run.delivery.id, {
      at: deps.clock.now(),
      kind: "approval",
      route: route.name,
      ...eventIn(busEvent.detail),
      approval: approvalId,
      state: "not_asked",
    });
    return {};
  }
  const approval = (await deps.approvals.get(approvalId)) ?? (await requestNow(approvalId, run, deps));
  if ("held" in approval) return approval;
  const state = await advance(approval, { run, beforeFiring }, deps);
  if (typeof state !== "string") {
    if ("outcome" in state) return { held: state };
    if ("opensAt" in state) return waitForWindow(approval, state, deps);
    if ("notByRule" in state) return waitForPeople(approval, run, deps, state.notByRule);
    return state.result === "unverified" ? { held: unverifiedOutcome(approval, state) } : heldByGroups(approval, state);
  }
  switch (state) {
    case "fired": {
      const approvedRef = approval.reference?.value;
      return approvedRef === undefined ? {} : { approvedRef };
    }
    case "fired_before":
      return done(`not fired again: what approval ${approvalId} is about has changed`, "superseded");
    case "requested":
      return waitForPeople(approval, run, deps);
    case "granted":
      // Its state changed in between, for example by a withdrawal. The next check finds the new state.
      return { held: { outcome: "wait", summary: `approval ${approvalId} has just changed`, afterSeconds: 1 } };
    case "superseded":
      return done(`not fired: approval ${approvalId} was superseded`, "superseded");
    case "void":
      return done(`not fired: approval ${approvalId} is void, because what granted it no longer counts`, "not_fired");
    default:
      return done(`not fired: approval ${approvalId} was ${state}`, "not_fired");
  }
}

/** `notByRule`: why no rule grants the run, as a clause. The question is asked again with the next check. */
async function waitForPeople(approval: Approval, run: GateInput, deps: GateDeps, notByRule?: string): Promise<Held> {
  const { rules, people, clock, approvalPollSeconds: pollSeconds } = deps;
  const { id, route, approvers, asksAfterRules, asked, until } = approval;
  if (asksAfterRules && !asked)
    await (await import("./request-approval.ts")).askPeople(approval, run.delivery.requestId, deps);
  const who = approvers.join(" or ") || "nobody: no role may approve it";
  const progress = progressOf(approval, rulesOf(route, rules), people);
  const said = `${progress ? ` (${progressText(progress)})` : ""}${notByRule === undefined ? "" : `; ${notByRule}`}`;
  const summary = `needs approval ${id} by ${who}${said}`;
  const isReminded = run.route.approval?.remindMinutes !== undefined;
  const reminderSeconds = isReminded ? await (await import("./remind.ts")).remind(approval, run, deps) : pollSeconds;
  const ruleSeconds = rulesOf(route, rules).grantedBy.length > 0 ? RULE_POLL_SECONDS : pollSeconds;
  // An approval that waits for a rule's slot stays open for longer.
  const leftSeconds = Math.max((until - clock.now()) / 1_000, RULE_POLL_SECONDS);
  const afterSeconds = Math.min(pollSeconds, reminderSeconds, ruleSeconds, leftSeconds);
  return { held: { outcome: "wait", summary, afterSeconds, waitsFor: who } };
}

/** The action is due when the window opens. If somebody may skip the window in an emergency, it checks that meanwhile. */
function waitForWindow(
  { id, route }: Approval,
  { opensAt: at }: Closed,
  { clock, rules, approvalPollSeconds }: GateDeps,
): Held {
  const summary = `approval ${id} is granted, and the run waits for its window, which opens at ${toIso(at)}`;
  const seconds = (at - clock.now()) / 1_000;
  const hasEmergency = rulesOf(route, rules).emergency.length > 0;
  const afterSeconds = hasEmergency ? Math.min(seconds, approvalPollSeconds) : seconds;
  return { held: { outcome: "wait", summary, afterSeconds, waitsFor: `the window at ${toIso(at)}` } };
}

/** A run that has fired before may exist, and is not fired again without the people who granted it. */
function heldByGroups({ id }: Approval, standing: Exclude<Standing, { readonly result: "stands" }>): Held {
  if (standing.result === "void") return done(`not fired again: ${standing.why}`, "not_fired");
  const { why, waitsFor, afterSeconds } = standing;
  const summary = `approval ${id} is granted, and the run waits until it is known ${why}`;
  return { held: { outcome: "wait", isLong: true, summary, afterSeconds, waitsFor } };
}

/** The run is granted, none of the windows of its route is open, and no emergency grant skips them. */
interface Closed {
  readonly opensAt: EpochMillis;
}

type Held = Extract<GateResult, { readonly held: unknown }>;

const done = (summary: string, endedAs: "superseded" | "not_fired"): Held => ({
  held: { outcome: "done", summary, endedAs },
});

const unverifiedOutcome = ({ id, route }: Pick<Approval, "id" | "route">, { why, afterSeconds }: Unverified) =>
  ({
    outcome: "retry",
    summary: `not fired yet: what approval ${id} of ${route} is about could not be verified (${why})`,
    ...(afterSeconds !== undefined && { afterSeconds }),
  }) as const;

/** Only the first attempt of a run requests its approval, so that code is loaded when it is needed. */
async function requestNow(id: string, run: GateInput, deps: GateDeps): Promise<Approval | Held> {
  const requested = await (await import("./request-approval.ts")).requestApproval(id, run, deps);
  if ("grants" in requested) return requested;
  if (requested.state === "ended")
    return done(`not fired: ${requested.why}, so there is nothing to approve`, "superseded");
  return { held: unverifiedOutcome({ id, route: run.route.name }, { result: "unverified", ...requested }) };
}

/** An attempt that asks its approval. */
interface Asking {
  readonly run: GateInput;
  readonly beforeFiring: BeforeFiring;
}

/**
 * Ends an approval whose page, branch or change has changed, or that has expired. It does not expire while a rule holds and
 * only a slot is missing, as a grant of people does not. Fires a granted one after it has verified the reference. Returns
 * its state; `fired_before`: it has fired, and what it is about has changed since.
 */
async function advance(
  approval: Approval,
  { run, beforeFiring }: Asking,
  deps: GateDeps,
): Promise<
  | Approval["state"]
  | "fired_before"
  | Unverified
  | Closed
  | NotByRule
  | Exclude<Standing, { readonly result: "stands" }>
  | ActionOutcome
> {
  const { id, state } = approval;
  const { requestId } = run.delivery;
  // The step is recorded again: the process that took it may have crashed before it recorded it.
  await recordLast(approval, requestId, deps);
  if (state === "requested") {
    const endedFor = await changeSince(approval, deps.approvals);
    if (endedFor !== undefined) return end(approval, { state: "superseded", endedFor, requestId }, deps);
    const isOver = deps.clock.now() >= approval.until;
    const decided = isOver ? state : await grantIfEnough(approval, deps);
    if (decided !== "requested") return decided;
    const byRule = await askRules(approval, { run, beforeFiring }, deps);
    const isLeftToPeople = byRule === "requested" || (typeof byRule === "object" && "notByRule" in byRule);
    return isOver && isLeftToPeople ? end(approval, { state: "expired", requestId }, deps) : byRule;
  }
  if (state !== "granted" && state !== "fired") return state;
  const rule = approval.decision?.rule;
  // The process may have ended before the call, and nobody else has approved the run.
  if (state === "fired" && rule && missingOf(approval, deps) > 0)
    return { result: "void", why: `the route has no rule ${rule.id} any more` };
  if (state === "granted" && missingOf(approval, deps) > 0) {
    // The rules of the route, or who is whom, were configured differently when it was granted.
    await deps.approvals.move(id, ["granted"], { state: "requested" });
    return "requested";
  }
  const rules = rulesOf(approval.route, deps.rules);
  const at = state === "granted" ? windowOpensAt(approval, rules, deps.people, deps.clock.now()) : undefined;
  if (at !== undefined) return { opensAt: at };
  const standing = await standingAtFiring(approval, deps);
  if (standing.result === "void" && state === "granted")
    return end(approval, { state: "void", endedFor: standing.why, requestId }, deps);
  if (standing.result !== "stands") return standing;
  const verification = await verify(approval, deps);
  if (verification.result === "unverified") return verification;
  if (state === "fired") return verification.result === "same" ? state : "fired_before";
  if (verification.result === "changed")
    return end(approval, { state: "superseded", endedFor: verification.why, requestId }, deps);
  const ruled = await rulesAtFiring(approval, run, deps);
  if (ruled.result === "void") return end(approval, { state: "void", endedFor: ruled.why, requestId }, deps);
  if (ruled.result !== "stands") return ruled;
  const notNow = await beforeFiring({ isGranted: true });
  if (notNow) return notNow;
  const endedAt = deps.clock.now();
  return (await deps.approvals.move(id, ["granted"], { state: "fired", endedAt })) ? "fired" : "granted";
}

/** Rules are loaded only for a route that has some. Outside the windows of the route they grant nothing. */
async function askRules(approval: Approval, asking: Asking, deps: GateDeps): Promise<FiredByRule> {
  const { grantedBy, windows } = rulesOf(approval.route, deps.rules);
  if (grantedBy.length === 0 || opensAt(windows, deps.clock.now()) !== undefined) return "requested";
  return (await import("./rule-grants.ts")).fireByRule(approval, asking, deps);
}

/**
 * Whether the rule that granted a run still holds. It may have waited since, because the process ended in between. It stands
 * also if people have granted it without the rule.
 */
async function rulesAtFiring(approval: Approval, run: GateInput, deps: GateDeps): Promise<Standing> {
  const { rule } = ruleOn(approval, rulesOf(approval.route, deps.rules), deps.people);
  const byPeople = { ...approval, grants: approval.grants.filter((grant) => grant.rule === undefined) };
  if (rule?.rule === undefined || missingOf(byPeople, deps) === 0) return { result: "stands" };
  return (await import("./rule-grants.ts")).ruleStanding(run, approval, rule.rule.id, deps);
}

/** What asks sites about people is loaded only if somebody has granted the run because of groups, or has to be an editor. */
async function standingAtFiring(approval: Approval, deps: GateDeps): Promise<Standing> {
  const isAsked = rulesOf(approval.route, deps.rules).canEdit !== undefined;
  if (!isAsked && approval.grants.every(({ fromGroups }) => fromGroups === undefined)) return { result: "stands" };
  return (await import("./standing.ts")).standingOf(approval, deps);
}

const missingOf = (approval: Approval, { rules, people }: GateDeps): number =>
  ruleOn(approval, rulesOf(approval.route, rules), people).missing;

/**
 * Grants an approval whose grants are enough, because the rules of the route were configured differently before. An earlier
 * grant by a rule does not count: what has its name now may be another rule, and is asked anew.
 */
async function grantIfEnough(approval: Approval, deps: GateDeps): Promise<Approval["state"]> {
  const grants = approval.grants.filter(({ rule }) => rule === undefined);
  const { emergency, missing } = ruleOn({ ...approval, grants }, rulesOf(approval.route, deps.rules), deps.people);
  const decision = emergency ?? grants.at(-1);
  if (decision === undefined || missing > 0) return "requested";
  await deps.approvals.move(approval.id, ["requested"], { state: "granted", decision });
  return "granted";
}

/** `granted` if another process has changed the state at the same time. */
export async function end(
  approval: Approval,
  {
    requestId,
    ...ended
  }: { readonly state: "superseded" | "expired" | "void"; readonly endedFor?: string; readonly requestId: string },
  deps: GateDeps,
): Promise<Approval["state"]> {
  const endedAt = deps.clock.now();
  if (!(await deps.approvals.move(approval.id, [approval.state], { ...ended, endedAt }))) return "granted";
  await recordStep(approval, { ...ended, at: endedAt, requestId }, deps);
  return ended.state;
}

/**
 * Records the last step. A request is recorded before it is stored, and a firing is recorded by its attempt.
 */
async function recordLast(approval: Approval, requestId: string, deps: GateDeps): Promise<void> {
  const { state, decision, endedAt, endedFor } = approval;
  switch (state) {
    case "requested":
    case "granted":
      return recordGrants(approval, requestId, deps);
    case "denied":
    case "withdrawn":
      return decision && recordStep(approval, { state, ...decision, requestId }, deps);
    case "expired":
    case "superseded":
    case "void":
      return endedAt === undefined
        ? undefined
        : recordStep(approval, { state, at: endedAt, endedFor, requestId }, deps);
    case "fired":
      return undefined;
  }
}
