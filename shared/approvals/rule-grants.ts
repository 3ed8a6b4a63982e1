import type { BeforeFiring, GateInput } from "../delivery/run-attempt.ts";
import { type Clock, epochMillis, toIso } from "../host/clock.ts";
import { isMet } from "../identity/claim-match.ts";
import type { ClaimRule } from "../identity/claim-rule.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import type { Approval, Decision, Identity } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { bridgePrincipal } from "../model/own-record.ts";
import { actorsOf } from "../model/principal.ts";
import { eventIn } from "../model/timeline.ts";
import { withEnvironment } from "../routes/with-environment.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { CommitCheck, CommitConditionDeps } from "./commit-conditions.ts";
import type { WeeklyWindow } from "./configured-rules.ts";
import { type EditRightDeps, type PageEditing, pageEditing } from "./edit-right.ts";
import { type RecordGrantDeps, recordGrants } from "./record-grant.ts";
import type { Standing } from "./standing.ts";
import { type VerifyDeps, verify } from "./verify.ts";
import { opensAt } from "./windows.ts";

/** Who may be behind a run that a rule grants. */
export const REQUESTER_KINDS = ["person", "job", "agent"] as const;
type RequesterKind = (typeof REQUESTER_KINDS)[number];

/** A rule that grants a run in place of people. All of its conditions have to hold. */
export interface GrantRule {
  readonly id: string;
  /** `shadow`: it grants nothing, and the timeline says that it would have. */
  readonly mode: "enforce" | "shadow";
  /** The event that is about to fire the route, with the environment to which it deploys. */
  readonly matches?: ((busEvent: BusEvent) => boolean) | undefined;
  /** The pattern of the event says to which environments. Without it, the rule grants no promotion. */
  readonly namesEnvironment: boolean;
  /** Conditions on the recorded claims of the requester's token, which this trust entry accepted. */
  readonly claims?: { readonly trust: string; readonly match: readonly ClaimRule[] } | undefined;
  /** Undefined: anybody but an agent. */
  readonly requester?: readonly RequesterKind[] | undefined;
  /** Whether everybody behind the run has to be allowed to edit the page that it is about. */
  readonly canEdit?: "page" | undefined;
  /** Pipelines that have to be green for the commit that the run gets. */
  readonly checks?: readonly CommitCheck[] | undefined;
  /** Paths below which nothing may have changed since the last run of the route. */
  readonly pathsOutside?: readonly string[] | undefined;
  /** When it may grant; always if there are none. */
  readonly windows: readonly WeeklyWindow[];
}

/** The rules of a configuration. */
export interface GrantRules {
  /** The rules of a route, in the order in which they are judged. */
  readonly of: (route: string) => readonly GrantRule[];
  /** The pipelines that any rule asks about. */
  readonly checks: readonly CommitCheck[];
  /** Whether the tokens of a trust entry belong to jobs and other machines. */
  readonly isOfJobs: (trustEntry: string) => boolean;
}

export interface RuleGrantDeps extends EditRightDeps, Omit<CommitConditionDeps, "deliveries"> {
  readonly deliveries: Pick<DeliveryStore, "get" | "record" | "timeline" | "addToTimeline">;
  /** Reads the rules with the first call. */
  readonly grantRules: () => Promise<GrantRules>;
  /** The digest of the configuration in force; undefined if it is not known. */
  readonly configuration: string | undefined;
  readonly clock: Clock;
}

type Run = Pick<GateInput, "route" | "busEvent" | "delivery">;

/** Why no rule grants a run that nobody has granted either, as a clause. */
export interface NotByRule {
  readonly notByRule: string;
}

/** The state of the approval; or why it is `requested` still; or what holds the run. */
export type FiredByRule = "requested" | "granted" | "fired" | NotByRule | ActionOutcome;

/**
 * Grants a run by a rule of its route and fires it at once. A rule grants only what can fire, so that what it found still
 * holds then. Until then people may decide, and if they do so at the same time, their decision counts.
 */
export async function fireByRule(
  approval: Approval,
  { run, beforeFiring }: { readonly run: Run; readonly beforeFiring: BeforeFiring },
  deps: RuleGrantDeps & VerifyDeps & RecordGrantDeps & { readonly approvals: Pick<ApprovalStore, "grant" | "move"> },
): Promise<FiredByRule> {
  const found = await ruleGrant(run, approval, deps);
  if ("why" in found) return found.why === undefined ? "requested" : { notByRule: found.why };
  const verification = await verify(approval, deps);
  if (verification.result !== "same") return { notByRule: `a rule holds, but ${verification.why}` };
  const notNow = await beforeFiring({ isGranted: false });
  if (notNow) return notNow;
  const { verifiedWith } = verification;
  const grant = { ...found.grant, ...(verifiedWith !== undefined && { verifiedWith }) };
  // If somebody else has decided, the next check finds the new state.
  if (!(await deps.approvals.grant(approval, grant, "granted"))) return "granted";
  const granted = { ...approval, state: "granted", grants: [...approval.grants, grant], decision: grant } as const;
  await recordGrants(granted, run.delivery.requestId, deps);
  const fired = { state: "fired", endedAt: deps.clock.now() } as const;
  return (await deps.approvals.move(approval.id, ["granted"], fired)) ? "fired" : "granted";
}

/**
 * The grant of the first rule that holds for a run; else why the first rule does not, as a clause. A rule in shadow mode
 * that holds is recorded, once for each run. `why` is undefined if the route has no other rules.
 */
async function ruleGrant(
  run: Run,
  approval: Approval,
  deps: RuleGrantDeps,
): Promise<{ readonly grant: Decision } | { readonly why: string | undefined }> {
  const rules = await deps.grantRules();
  let first: string | undefined;
  for (const rule of rules.of(approval.route)) {
    const { why } = await judge(rule, run, approval, { ...deps, rules });
    if (why === undefined && rule.mode === "enforce") return { grant: grantOf(rule, approval, deps) };
    if (why === undefined) await recordShadow(rule, run, approval, deps);
    first ??= rule.mode === "enforce" ? `rule ${rule.id} does not hold: ${why}` : undefined;
  }
  return { why: first };
}

/** Whether a rule that granted a run still does, by the configuration of today. */
export async function ruleStanding(run: Run, approval: Approval, id: string, deps: RuleGrantDeps): Promise<Standing> {
  const rules = await deps.grantRules();
  const rule = rules.of(approval.route).find((one) => one.id === id && one.mode === "enforce");
  if (rule === undefined)
    return { result: "void", why: `rule ${id} no longer holds: the route has no such rule any more` };
  const { why, unknown } = await judge(rule, run, approval, { ...deps, rules });
  if (unknown) {
    const { why: what, target, afterSeconds } = unknown;
    return {
      result: "unknown",
      why: what,
      waitsFor: `the target ${target}, to say who may edit the page`,
      afterSeconds,
    };
  }
  return why === undefined ? { result: "stands" } : { result: "void", why: `rule ${id} no longer holds: ${why}` };
}

/** A rule may grant in the millisecond of the request, and a timeline is sorted by time. */
const grantOf = ({ id }: GrantRule, { requestedAt }: Approval, { configuration, clock }: RuleGrantDeps): Decision => ({
  by: bridgePrincipal(`rule ${id}`),
  at: epochMillis(Math.max(clock.now(), requestedAt + 1)),
  rule: { id, ...(configuration !== undefined && { configuration }) },
});

interface Judgement {
  /** Why the rule does not hold, or is not known to hold, as a clause; undefined if it holds. */
  readonly why?: string | undefined;
  /** Present if it may hold, and a site did not say so. */
  readonly unknown?: Extract<PageEditing, { readonly result: "unknown" }>;
}

/** Judges a rule. A site is asked only about a run for which everything else holds. */
async function judge(
  rule: GrantRule,
  run: Run,
  approval: Approval,
  deps: RuleGrantDeps & { readonly rules: GrantRules },
): Promise<Judgement> {
  const why = whyNot(rule, run, approval, deps) ?? (await whyNotRecorded(rule, run, approval, deps));
  if (why !== undefined || rule.canEdit === undefined) return { why };
  const behind = [approval.requester, ...(approval.authors ?? [])];
  const editing = await Promise.all(behind.map((one) => pageEditing(one, approval, deps)));
  const not = editing.find(({ result }) => result === "may_not") ?? editing.find(({ result }) => result === "unknown");
  if (not === undefined || not.result === "may") return {};
  return not.result === "unknown" ? { why: `it is not known ${not.why}`, unknown: not } : { why: not.why };
}

/** Why a rule does not hold by what the bridge has recorded of pushes and pipelines. */
async function whyNotRecorded(
  { checks = [], pathsOutside = [] }: GrantRule,
  { busEvent }: Run,
  approval: Approval,
  deps: RuleGrantDeps,
): Promise<string | undefined> {
  if (checks.length === 0 && pathsOutside.length === 0) return undefined;
  const { whyChecksFail, whyPathsFail } = await import("./commit-conditions.ts");
  const why = checks.length > 0 ? await whyChecksFail(checks, approval, busEvent, deps) : undefined;
  if (why !== undefined || pathsOutside.length === 0) return why;
  return whyPathsFail(pathsOutside, busEvent, approval.route, deps);
}

/**
 * Why a rule does not hold, as far as the event and the configuration say. A rule stands for no people whom the route has
 * not, and believes only what was proved: an approval whose cause is claimed, or was accepted in shadow mode, waits for
 * people.
 */
function whyNot(
  { matches, namesEnvironment, claims, requester: given, windows }: GrantRule,
  { route, busEvent }: Run,
  { requester, authors = [], allProved }: Approval,
  { clock, rules }: Pick<RuleGrantDeps, "clock"> & { readonly rules: GrantRules },
): string | undefined {
  if ((route.approval?.approvers(busEvent) ?? []).length === 0) return "nobody may approve the run";
  if (allProved !== true) return "not all that led to the run is proved";
  const closedUntil = opensAt(windows, clock.now());
  if (closedUntil !== undefined) return `its window opens at ${toIso(closedUntil)}`;
  if (busEvent.detail.promotion !== undefined && !namesEnvironment) return "it names no environment for a promotion";
  if (matches?.(withEnvironment(busEvent, route.environments)) === false) return "the event does not match";
  const kinds: readonly (RequesterKind | "nobody")[] = given ?? NO_AGENT;
  const others = [requester, ...authors].map((one) => kindOf(one, rules)).find((kind) => !kinds.includes(kind));
  if (others !== undefined) return `${NAMES[others]} is behind the run`;
  if (claims !== undefined && !hasClaims(requester, claims)) return "the claims of the requester do not match";
  return undefined;
}

const NO_AGENT: readonly (RequesterKind | "nobody")[] = ["person", "job", "nobody"];
const NAMES = { person: "a person", job: "a job", agent: "an agent", nobody: "nobody known" } as const;

/** An account that a sender names is a person's, as far as the bridge can know. */
function kindOf(identity: Identity, { isOfJobs }: GrantRules): RequesterKind | "nobody" {
  if (actorsOf(identity).length > 0) return "agent";
  if (identity.actor !== undefined) return "person";
  if (identity.trustEntry === undefined) return "nobody";
  return isOfJobs(identity.trustEntry) ? "job" : "person";
}

/** If the identity names an account, its token is that of the source, and says nothing about the person. */
function hasClaims(
  { actor, trustEntry, subject, claims = {} }: Identity,
  { trust, match }: NonNullable<GrantRule["claims"]>,
): boolean {
  if (actor !== undefined || trustEntry !== trust) return false;
  const recorded = { ...claims, sub: subject };
  // A claim is recorded by the last name of its path.
  return match.every((rule) => isMet({ ...rule, path: rule.path.slice(-1) }, recorded));
}

async function recordShadow(
  { id }: GrantRule,
  { busEvent, delivery }: Run,
  approval: Approval,
  { deliveries, clock }: RuleGrantDeps,
): Promise<void> {
  const lines = await deliveries.timeline(delivery.id);
  const isRecorded = lines.some(
    (line) =>
      line.kind === "approval" && line.state === "would_grant" && line.approval === approval.id && line.rule?.id === id,
  );
  if (isRecorded) return;
  await deliveries.addToTimeline(delivery.id, {
    at: epochMillis(Math.max(clock.now(), approval.requestedAt + 1)),
    kind: "approval",
    route: approval.route,
    ...eventIn(busEvent.detail),
    approval: approval.id,
    state: "would_grant",
    by: bridgePrincipal(`rule ${id}`),
    rule: { id },
  });
}
