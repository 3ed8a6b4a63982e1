import { rulesOf } from "../approvals/configured-rules.ts";
import type { DecideDeps } from "../approvals/decide.ts";
import { progressOf, windowOpensAt } from "../approvals/rules.ts";
import { toIso } from "../host/clock.ts";
import type { Approval, Decision } from "../model/approval.ts";

export type ShownApproval = ReturnType<typeof shownApproval>;

/** An approval as callers see it, with its times in ISO 8601. */
export function shownApproval(
  {
    action: _,
    facts: _facts,
    alsoAbout: __,
    reminded: _reminded,
    asked: _asked,
    asksAfterRules: _asksAfterRules,
    allProved: ___,
    about,
    reference,
    requestedAt,
    until,
    grants,
    decision,
    endedAt,
    ...approval
  }: Approval,
  { sites, rules, people, clock }: Pick<DecideDeps, "sites" | "rules" | "people" | "clock">,
) {
  const { route } = approval;
  const rule = rulesOf(route, rules);
  const opens = windowOpensAt({ ...approval, grants }, rule, people, clock.now());
  const progress = progressOf({ ...approval, grants }, rule, people);
  const verifiedWith = sites.targetOf(approval.route);
  return {
    ...approval,
    ...(reference?.value !== undefined && { approvedRef: reference.value }),
    ...(verifiedWith !== undefined && { verifyWith: verifiedWith }),
    ...(about && { changedAt: about.at, ...(about.mark !== undefined && { version: about.mark }) }),
    requestedAt: toIso(requestedAt),
    until: toIso(until),
    grants: grants.map(shownDecision),
    ...(progress && { progress }),
    ...(opens !== undefined && { opensAt: toIso(opens) }),
    ...(rule.reason === "required" && { needsReason: true }),
    // The grant of a rule that the route has lost decides nothing any more.
    ...(decision && approval.state !== "requested" && { decision: shownDecision(decision) }),
    ...(endedAt && { endedAt: toIso(endedAt) }),
  };
}

const shownDecision = ({ fromGroups, ...decision }: Decision) => ({
  ...decision,
  at: toIso(decision.at),
  ...(fromGroups && { fromGroups: { ...fromGroups, askedAt: toIso(fromGroups.askedAt) } }),
});
