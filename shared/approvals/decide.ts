import { type WakeActionDeps, wakeAction } from "../delivery/wake-action.ts";
import { type Clock, type EpochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { withoutHidden } from "../host/hidden-characters.ts";
import { missingRole, type Policy } from "../identity/policy.ts";
import type { Approval, ApprovalState, Decision, GroupProof, Identity } from "../model/approval.ts";
import type { EventFacts } from "../model/event-facts.ts";
import { actorsOf } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { ActionStore } from "../store/actions.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { type ApprovalRules, type RulesOf, rulesOf } from "./configured-rules.ts";
import { isBehind, isSamePerson, nameOf, type PeopleOf } from "./people.ts";
import { recordGrants } from "./record-grant.ts";
import { type RecordStepDeps, recordStep } from "./record-step.ts";
import { type Granted, ruleOn, windowOpensAt } from "./rules.ts";
import { type Sites, verify } from "./verify.ts";
import { opensAt } from "./windows.ts";

/** `emergency`: a grant by an emergency role of the route, which is enough alone, and outside the windows. */
export const DECISIONS = ["grant", "deny", "withdraw", "emergency"] as const;

export interface Verdict {
  readonly decision: (typeof DECISIONS)[number];
  readonly comment?: string | undefined;
  /** The person who decides. The policy checks its roles. */
  readonly by: Identity;
  /** The groups because of which the person has the roles; undefined if the roles come from elsewhere. */
  readonly fromGroups?: GroupProof | undefined;
  /** The id of the request that brought the verdict. */
  readonly requestId: string;
  /** If the person did not name the approval: the latest time of a request that they could have seen. */
  readonly sawUntil?: EpochMillis | undefined;
}

export interface DecideDeps extends RecordStepDeps {
  readonly approvals: ApprovalStore;
  readonly actions: Pick<ActionStore, "status" | "wake">;
  readonly woken: WakeActionDeps["woken"];
  readonly policy: Pick<Policy, "rejectRoute" | "mayKnow" | "rolesFor" | "inScope">;
  readonly people: PeopleOf;
  readonly rules: RulesOf;
  readonly sites: Sites;
  readonly clock: Clock;
}

/** Seconds for which an approval must have waited when somebody decides it without naming it. */
export const SEEN_AFTER_SECONDS = 60;

const MOVES = {
  grant: { from: ["requested"], to: "granted" },
  deny: { from: ["requested"], to: "denied" },
  withdraw: { from: ["requested", "granted"], to: "withdrawn" },
  emergency: { from: ["requested", "granted"], to: "granted" },
} as const satisfies Record<Verdict["decision"], { from: readonly ApprovalState[]; to: ApprovalState }>;

/**
 * Decides about an approval, in one conditional write. A grant is for the reference that was verified before, and grants the
 * run if no further people have to. If two people decide at once, and the decision of one ends it, the rejection of the
 * other names who decided. The same person may repeat the same decision, which changes nothing.
 */
export async function decide(approval: Approval, verdict: Verdict, deps: DecideDeps): Promise<Result<Approval>> {
  for (let latest = approval, tries = 0; tries < MAX_TRIES; tries++) {
    const decided = await tryToDecide(latest, verdict, deps);
    if (decided) return decided;
    latest = (await deps.approvals.get(approval.id)) ?? latest;
  }
  throw new Fault("store_unavailable", "too many concurrent decisions about one approval", { retryable: true });
}

/** Undefined if somebody else decided at the same time: the approval has to be read again. */
async function tryToDecide(
  approval: Approval,
  verdict: Verdict,
  deps: DecideDeps,
): Promise<Result<Approval> | undefined> {
  const rejection = rejectPerson(approval, verdict, deps) ?? rejectState(approval, verdict, deps);
  if (rejection) return reject(rejection);
  const { by, comment, requestId } = verdict;
  if (isRepeat(approval, verdict, deps)) return ok(await recordDecision(approval, requestId, deps));
  if (needsReason(approval, verdict, deps) && !isReason(comment)) return reject({ reason: "reason_missing" });
  const closedUntil = verdict.decision === "grant" ? refusedUntil(approval, deps) : undefined;
  if (closedUntil !== undefined) return reject({ reason: "outside_window", opensAt: toIso(closedUntil) });
  const verified = await verifyGrant(approval, verdict, deps);
  if (!verified.ok) return verified;
  // An emergency grant is for people who are on call, whatever pages they may edit.
  if (verdict.decision === "grant" && rulesOf(approval.route, deps.rules).canEdit) {
    const unfit = await (await import("./edit-right.ts")).rejectEditor(approval, by, deps);
    if (unfit) return reject(unfit);
  }
  // It may have expired while the site answered.
  const late = rejectState(approval, verdict, deps);
  if (late) return reject(late);
  if (verdict.sawUntil !== undefined && approval.requestedAt > verdict.sawUntil) {
    return reject({ reason: "approval_too_recent", minimumSeconds: SEEN_AFTER_SECONDS });
  }
  const at = deps.clock.now();
  const decision = {
    by,
    at,
    ...(isGrant(verdict) && { as: rolesIn(approval, verdict, deps) }),
    ...(verdict.decision === "emergency" && { emergency: true as const }),
    ...(comment !== undefined && { comment }),
    ...verified.value,
    ...(isGrant(verdict) && verdict.fromGroups && { fromGroups: verdict.fromGroups }),
  };
  const decided = isGrant(verdict) ? withGrant(approval, decision, deps) : ended(approval, verdict, decision);
  // If the process ends before it has woken the action, the action looks at its approval soon.
  await deps.actions.wake(approval.action, at, laterBy(at, DECIDED_WITHIN_MS));
  const isMoved =
    decided.state === "requested" || decided.state === "granted"
      ? await deps.approvals.grant(approval, decision, decided.state)
      : await deps.approvals.move(approval.id, MOVES[verdict.decision].from, decided);
  return isMoved ? ok(await recordDecision(decided, requestId, deps)) : undefined;
}

const isGrant = ({ decision }: Pick<Verdict, "decision">): boolean => decision === "grant" || decision === "emergency";

const needsReason = ({ route }: Approval, { decision }: Verdict, { rules }: DecideDeps): boolean =>
  decision === "emergency" || (decision === "grant" && rulesOf(route, rules).reason === "required");

/** Whether a text has a character that people see. */
export const isReason = (comment: string | undefined): comment is string =>
  comment !== undefined && /[^\s\p{C}]/u.test(withoutHidden(comment));

/** If the route refuses grants at this time: when its next window opens. */
function refusedUntil({ route }: Approval, { rules, clock }: DecideDeps): EpochMillis | undefined {
  const { windows, outsideWindows } = rulesOf(route, rules);
  return outsideWindows === "refuse" ? opensAt(windows, clock.now()) : undefined;
}

const withGrant = (approval: Approval, decision: Decision, deps: DecideDeps): Approval => {
  const decided = { ...approval, grants: [...approval.grants, decision] };
  const { missing } = ruleOn(decided, rulesOf(approval.route, deps.rules), deps.people);
  return missing > 0 ? decided : { ...decided, state: "granted", decision };
};

const ended = (approval: Approval, verdict: Verdict, decision: Decision): Approval => ({
  ...approval,
  state: MOVES[verdict.decision].to,
  decision,
});

/** Records what was decided. It is recorded again after a repeat: the process that decided it may have crashed before. */
async function recordDecision(approval: Approval, requestId: string, deps: DecideDeps): Promise<Approval> {
  const { state, decision, action } = approval;
  await recordGrants(approval, requestId, deps);
  const isEnd = state === "denied" || state === "withdrawn";
  if (isEnd && decision) await recordStep(approval, { state, ...decision, requestId }, deps);
  await wakeAction(action, deps);
  return approval;
}

/** A decision is stored and its action woken well within this time, in milliseconds. */
const DECIDED_WITHIN_MS = 120_000;

/** Each lost race means that another decision succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/**
 * Returns the decisions that this person may take in its current state. It does not check whether the page has changed.
 */
export const decisionsOf = (approval: Approval, by: Identity, deps: PersonDeps): readonly Verdict["decision"][] =>
  DECISIONS.filter((decision) => {
    const from: readonly ApprovalState[] = MOVES[decision].from;
    if (!from.includes(approval.state) || rejectPerson(approval, { decision, by }, deps)) return false;
    if (decision === "emergency") return isEmergencyOfUse(approval, deps);
    return decision !== "grant" || !hasGranted(approval, by, deps);
  });

/** Whether the approval exists for this person. */
export const isKnownTo = (by: Identity, approval: Approval, deps: PersonDeps): boolean =>
  rejectPerson(approval, { decision: "deny", by }, deps)?.reason !== "approval_unknown";

type PersonDeps = Pick<DecideDeps, "policy" | "people" | "rules" | "clock">;

/** The rejection if this person is not allowed to take this decision. */
function rejectPerson(
  approval: Approval,
  { decision, by }: Pick<Verdict, "decision" | "by">,
  deps: PersonDeps,
): Rejection | undefined {
  const { policy, people } = deps;
  const isRequester = isSamePerson(by, approval.requester, people);
  const isOwn = isRequester || approval.grants.some((grant) => isBy(by, grant, deps));
  if (decision === "withdraw" && isOwn) return undefined;
  const { route } = approval;
  const about = aboutOf(approval);
  const hasEmergencyRole = decision === "emergency" && rolesIn(approval, { decision, by }, deps).length > 0;
  // To somebody whose roles are for other projects it does not exist.
  if (!isRequester && !hasEmergencyRole && !policy.mayKnow(by, about)) return { reason: "approval_unknown" };
  const rejection =
    decision === "emergency"
      ? rejectEmergency(approval, hasEmergencyRole, deps)
      : policy.rejectRoute(by, "approve", route, about);
  if (rejection) return rejection;
  if (!isGrant({ decision })) return undefined;
  if (actorsOf(by).length > 0) return { reason: "agent_cannot_approve" };
  if (isBehind(by, approval, people)) return { reason: "self_approval" };
  return decision === "grant" ? rejectRole(approval, by, deps) : undefined;
}

function rejectEmergency({ route }: Approval, hasRole: boolean, { rules }: PersonDeps): Rejection | undefined {
  if (hasRole) return undefined;
  return missingRole(rulesOf(route, rules).emergency, `emergency under the approval of the route ${route}`);
}

/** The rejection if the people who are missing have to come from other roles. A repeated grant is not rejected. */
function rejectRole(approval: Approval, by: Identity, deps: PersonDeps): Rejection | undefined {
  if (approval.state !== "requested" || hasGranted(approval, by, deps)) return undefined;
  const rules = rulesOf(approval.route, deps.rules);
  const grant = { by, as: rolesIn(approval, { decision: "grant", by }, deps), at: approval.requestedAt };
  if (isOfUse(approval, grant, rules, deps.people)) return undefined;
  const { lacks } = ruleOn(approval, rules, deps.people);
  const roles = new Set(lacks.flatMap(({ missingRoles }) => missingRoles));
  return { reason: "role_missing", role: [...roles].join(" or ") };
}

/** Whether a grant by this person completes any quorum further, or nobody is missing. */
export function isOfUse(approval: Granted, grant: Decision, rules: ApprovalRules, peopleOf: PeopleOf): boolean {
  const { lacks } = ruleOn(approval, rules, peopleOf);
  const after = ruleOn({ ...approval, grants: [...approval.grants, grant] }, rules, peopleOf);
  return after.missing === 0 || lacks.some(({ missing }, at) => (after.lacks[at]?.missing ?? missing) < missing);
}

const aboutOf = ({ facts }: Approval): readonly EventFacts[] => (facts ? [facts] : []);

/** The roles of the person that count for this kind of grant. */
function rolesIn(
  approval: Approval,
  { decision, by }: Pick<Verdict, "decision" | "by">,
  { policy, rules }: PersonDeps,
): readonly string[] {
  const { route } = approval;
  const about = aboutOf(approval);
  const able =
    decision === "emergency"
      ? policy.inScope(rulesOf(route, rules).emergency, about)
      : policy.rolesFor("approve", route, about);
  return able.filter((role) => by.roles.includes(role));
}

const isBy = (by: Identity, grant: Decision, { people }: Pick<PersonDeps, "people">): boolean =>
  nameOf(grant.by) === nameOf(by) || isSamePerson(grant.by, by, people);

const hasGranted = ({ grants }: Approval, by: Identity, deps: Pick<PersonDeps, "people">): boolean =>
  grants.some((grant) => !grant.emergency && isBy(by, grant, deps));

const emergencyOf = (approval: Approval, { rules, people }: PersonDeps): Decision | undefined =>
  ruleOn(approval, rulesOf(approval.route, rules), people).emergency;

/** Whether an emergency grant changes anything. It does not if the run fires without it. */
function isEmergencyOfUse(approval: Approval, deps: PersonDeps): boolean {
  const { rules, people, clock } = deps;
  const rule = rulesOf(approval.route, rules);
  const isMissing = approval.state === "requested" || ruleOn(approval, rule, people).missing > 0;
  return isMissing || windowOpensAt(approval, rule, people, clock.now()) !== undefined;
}

/** The rejection if the state of the approval does not allow this decision, whoever takes it. */
function rejectState(approval: Approval, verdict: Verdict, deps: DecideDeps): Rejection | undefined {
  const { clock } = deps;
  const { state, until } = approval;
  const from: readonly ApprovalState[] = MOVES[verdict.decision].from;
  const isOpen = from.includes(state) && (verdict.decision !== "emergency" || isEmergencyOfUse(approval, deps));
  if (!isOpen) return isRepeat(approval, verdict, deps) ? undefined : closed(approval);
  // A denial counts until the end is recorded: a rule may still grant the run when its slot is free.
  const isOver = state === "requested" && clock.now() >= until && verdict.decision !== "deny";
  return isOver ? closed({ ...approval, state: "expired" }) : undefined;
}

/** A grant of any kind needs the reference to be the same as at the request. */
async function verifyGrant(
  approval: Approval,
  verdict: Verdict,
  deps: DecideDeps,
): Promise<Result<Pick<Decision, "verifiedWith">>> {
  if (!isGrant(verdict)) return ok({});
  const verification = await verify(approval, deps);
  switch (verification.result) {
    case "changed":
      return reject({ reason: "approval_outdated" });
    case "unverified":
      return reject({ reason: "reference_unverified", problem: verification.why });
    default:
      return ok(verification.verifiedWith === undefined ? {} : { verifiedWith: verification.verifiedWith });
  }
}

function isRepeat(approval: Approval, { decision: verdict, by }: Verdict, deps: PersonDeps): boolean {
  const { state, decision } = approval;
  const isOpen = state === "requested" || state === "granted";
  if (verdict === "grant") return isOpen && hasGranted(approval, by, deps);
  if (verdict === "emergency") {
    const earlier = emergencyOf(approval, deps);
    return isOpen && earlier !== undefined && isBy(by, earlier, deps);
  }
  return state === MOVES[verdict].to && decision !== undefined && nameOf(decision.by) === nameOf(by);
}

const closed = ({ state, decision, endedAt }: Approval): Rejection => ({
  reason: "approval_closed",
  state,
  ...(state === "fired" && endedAt !== undefined && { at: toIso(endedAt) }),
  by: decision && !BY_NOBODY.includes(state) ? nameOf(decision.by) : "time or a change",
});

/** States that no person's decision is. */
const BY_NOBODY: readonly ApprovalState[] = ["expired", "superseded", "void"];
