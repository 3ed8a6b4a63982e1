import { type Clock, type EpochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { missingRole, type Policy, type Roles } from "../identity/policy.ts";
import { presetFor } from "../identity/presets/registry.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import {
  type Access,
  type AccessState,
  accessStateAt,
  DECIDE_WITHIN_MS,
  endOfAccess,
  isInForce,
  MAX_OPEN_MS,
} from "../model/access.ts";
import { actorsOf, type Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { type AccessStore, accessIdOf, accessNumberOf, MAX_OWN } from "../store/access.ts";
import { isSamePerson, nameOf, type PeopleOf } from "./people.ts";

export interface AccessConfig {
  readonly roles: Roles;
  readonly issuers: Readonly<Record<string, TrustEntry>>;
}

export interface AccessDeps {
  readonly config: AccessConfig;
  readonly access: () => Promise<Pick<AccessStore, "create" | "get" | "of" | "decide">>;
  readonly policy: Pick<Policy, "rejectCall" | "rejectOrder">;
  readonly people: PeopleOf;
  readonly clock: Clock;
  /** Records what is about to be done: nothing is requested, granted or revoked without a record of who did it. */
  readonly record: (act: RecordedAct, object: string) => Promise<void>;
}
type RecordedAct = "access_requested" | "access_granted" | "access_denied" | "access_ended";

export const ACCESS_DECISIONS = ["grant", "deny", "revoke"] as const;
type AccessDecisionKind = (typeof ACCESS_DECISIONS)[number];

/** The longest time for a role, by the configuration of now: 0 if `by` might not request it now. */
function maxMinutesOf({ role, by }: Pick<Access, "role" | "by">, { roles }: Pick<AccessConfig, "roles">): number {
  const rule = roleNamed(role, roles)?.onRequest;
  return rule?.by.some((one) => by.roles.includes(one)) ? rule.maxMinutes : 0;
}

const roleNamed = (role: string, roles: Roles) => (Object.hasOwn(roles, role) ? roles[role] : undefined);

export interface StateDeps {
  readonly config: Pick<AccessConfig, "roles">;
  readonly clock: Clock;
}

/** The state now, by the configuration of now. */
export const accessState = (access: Access, { config, clock }: StateDeps): AccessState =>
  accessStateAt(access, clock.now(), maxMinutesOf(access, config));

/** Until when the role counts, or until when it can be decided. */
export const accessUntil = (access: Access, { config }: Pick<StateDeps, "config">): EpochMillis =>
  endOfAccess(access, maxMinutesOf(access, config));

/** The roles that somebody with the roles of this token may request. */
export const requestableRoles = ({ roles: held }: Pick<Principal, "roles">, roles: Roles): readonly string[] =>
  Object.entries(roles)
    .filter(([name, { onRequest }]) => !held.includes(name) && onRequest?.by.some((one) => held.includes(one)))
    .map(([name]) => name);

/**
 * The presets of issuers whose tokens may be those of people. Others are for jobs, pods and apps: the subject of their
 * tokens is that of many runs, so a role for it would be one for others, too. Named here and not in each preset, because a
 * function that takes webhooks loads all presets at its start.
 */
export const PRESETS_OF_PEOPLE: readonly string[] = [
  "cognito",
  "entra",
  "entra-v1",
  "google",
  "keycloak",
  "oidc",
  "okta",
];

/** The rejection of whoever is no person: an agent that acts for one, a job, a pod or an app. */
export function rejectMachine(by: Principal, { issuers }: Pick<AccessConfig, "issuers">): Rejection | undefined {
  const entry = Object.hasOwn(issuers, by.trustEntry ?? "") ? issuers[by.trustEntry ?? ""] : undefined;
  const isPerson = entry !== undefined && isOfPeople(entry, issuers) && actorsOf(by).length === 0;
  return isPerson ? undefined : { reason: "person_needed" };
}

/**
 * Whether the tokens of a trust entry may be those of people. An entry may lack the preset of its issuer. Then the text of
 * the issuer says it, or another entry of the issuer.
 */
export const isOfPeople = ({ issuer }: Pick<TrustEntry, "issuer">, issuers: AccessConfig["issuers"]): boolean => {
  const entries = Object.values(issuers).filter((one) => one.issuer === issuer);
  return [presetFor(issuer), ...entries.map(({ preset }) => preset)].every(
    (one) => one === undefined || PRESETS_OF_PEOPLE.includes(one.name),
  );
};

/**
 * The roles that a person holds for a time, each with the id of the request that gave it. One counts only while the token
 * itself earns a role that may request it, and as long as the configuration of now allows.
 */
export async function rolesForNow(
  by: Principal,
  { access, config, clock }: Pick<AccessDeps, "access" | "config" | "clock">,
): Promise<Readonly<Record<string, string>>> {
  const requestable = requestableRoles(by, config.roles);
  const own = await (await access()).of(by);
  const now = clock.now();
  return Object.fromEntries(
    own
      .filter((one) => requestable.includes(one.role) && isInForce(one, now, maxMinutesOf(one, config)))
      .map(({ role, id }) => [role, id]),
  );
}

export interface WantedAccess {
  readonly role: string;
  readonly minutes: number;
  readonly reason: string;
  readonly key: string;
}

/**
 * Requests a role for a time. While a request for the same role waits, or the role is held, the answer is that request. A
 * repeat with the same key gets the request of then, whatever became of it. `by` has the roles of the token alone.
 */
export async function requestAccess(
  by: Principal,
  wanted: WantedAccess,
  deps: AccessDeps,
): Promise<Result<{ readonly access: Access; readonly isNew: boolean }>> {
  const rejection = rejectRequester(by, wanted.role, deps);
  if (rejection) return reject(rejection);
  const { role, minutes, reason, key } = wanted;
  const max = maxMinutesOf({ role, by }, deps.config);
  const store = await deps.access();
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const own = await store.of(by);
    const repeated = own.find((one) => one.key === key);
    if (repeated !== undefined)
      return isSame(repeated, wanted)
        ? ok({ access: repeated, isNew: false })
        : reject({ reason: "idempotency_key_reused" });
    const open = own.find((one) => one.role === role && isOpen(one, deps));
    if (open !== undefined) return ok({ access: open, isNew: false });
    const tooLong = `the role ${role} is given for ${max} minutes at most`;
    if (minutes > max) return reject({ reason: "body_invalid", problem: tooLong });
    const now = deps.clock.now();
    const tooMany = rejectMany(own, now);
    if (tooMany) return reject(tooMany);
    const id = accessIdOf(by, (own[0] === undefined ? 0 : accessNumberOf(own[0].id)) + 1);
    const until = laterBy(now, DECIDE_WITHIN_MS);
    const access: Access = { id, role, minutes, reason, by, key, requestedAt: now, state: "requested", until };
    await deps.record("access_requested", `${id}: ${role} for ${minutes} minutes: ${reason}`);
    if (await store.create(access)) return ok({ access, isNew: true });
  }
  throw tooManyAtOnce();
}

/** Whether it waits, or gives a role. */
export const isOpen = (access: Access, deps: StateDeps): boolean =>
  ["requested", "granted"].includes(accessState(access, deps));

/** Each request of these hours is read for each list, so a person places only so many, whatever becomes of them. */
function rejectMany(own: readonly Access[], now: EpochMillis): Rejection | undefined {
  const oldest = own[MAX_OWN - 1];
  const waitMs = oldest === undefined ? 0 : laterBy(oldest.requestedAt, MAX_OPEN_MS) - now;
  if (waitMs <= 0) return undefined;
  return { reason: "access_too_many", limit: MAX_OWN, retryAfterSeconds: Math.ceil(waitMs / 1_000) };
}

const isSame = (one: Access, { role, minutes, reason }: WantedAccess): boolean =>
  one.role === role && one.minutes === minutes && one.reason === reason;

function rejectRequester(by: Principal, role: string, { config }: AccessDeps): Rejection | undefined {
  const able = roleNamed(role, config.roles)?.onRequest?.by ?? [];
  if (!by.roles.some((one) => able.includes(one))) return missingRole(able, onRequestOf(role));
  if (by.roles.includes(role)) return { reason: "body_invalid", problem: '"role" is one that your token has already' };
  return rejectMachine(by, config);
}

/** The key of the configuration that would let somebody request a role, or grant it. */
const onRequestOf = (role: string): string => `"onRequest" of the role ${role} in the configuration`;

export interface AccessVerdict {
  readonly decision: AccessDecisionKind;
  readonly comment?: string | undefined;
  /** The person who decides, with the roles of the token alone: a role that is held for a time grants no other. */
  readonly by: Principal;
}

interface Move {
  readonly from: readonly AccessState[];
  readonly to: (isOwn: boolean) => Access["state"];
  readonly act: RecordedAct;
}

const MOVES: Readonly<Record<AccessDecisionKind, Move>> = {
  grant: { from: ["requested"], to: () => "granted", act: "access_granted" },
  deny: { from: ["requested"], to: () => "denied", act: "access_denied" },
  revoke: {
    from: ["requested", "granted"],
    to: (isOwn) => (isOwn ? "withdrawn" : "revoked"),
    act: "access_ended",
  },
};

/**
 * Grants, denies or revokes, in one conditional write: of two people who decide at once, one does, and the rejection of the
 * other names who did. The same person may repeat the same decision, which changes nothing.
 */
export async function decideAccess(id: string, verdict: AccessVerdict, deps: AccessDeps): Promise<Result<Access>> {
  const store = await deps.access();
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const access = await store.get(id);
    if (access === undefined || !isAccessKnownTo(verdict.by, access, deps))
      return reject({ reason: "approval_unknown" });
    const rejection = rejectDecider(access, verdict, deps);
    if (rejection) return reject(rejection);
    if (isRepeat(access, verdict)) return ok(access);
    const { from, act } = MOVES[verdict.decision];
    const state = accessState(access, deps);
    if (!from.includes(state)) return reject(closed(access, state));
    const decided = withDecision(access, verdict, deps);
    await deps.record(act, `${id}: ${access.role} of ${nameOf(access.by)}, until ${toIso(decided.until)}`);
    if (await store.decide(access, decided)) return ok(decided);
  }
  throw tooManyAtOnce();
}

function withDecision(access: Access, { decision: kind, by, comment }: AccessVerdict, deps: AccessDeps): Access {
  const at = deps.clock.now();
  const state = MOVES[kind].to(isRequester(by, access));
  const decision = { by, at, ...(comment !== undefined && { comment }) };
  if (kind === "revoke") return { ...access, state, until: at, end: decision };
  if (kind === "deny") return { ...access, state, until: at, decision };
  const minutes = Math.min(access.minutes, maxMinutesOf(access, deps.config));
  return { ...access, state, until: laterBy(at, minutes * 60_000), decision };
}

/** The decisions that this person may take now. */
export const accessDecisionsOf = (
  access: Access,
  by: Principal,
  deps: Omit<AccessDeps, "access" | "record">,
): readonly AccessDecisionKind[] =>
  ACCESS_DECISIONS.filter((decision) => {
    return (
      MOVES[decision].from.includes(accessState(access, deps)) &&
      rejectDecider(access, { decision, by }, deps) === undefined
    );
  });

/**
 * Whether it is the person's own, by issuer and subject. The names that keep somebody from granting their own request are
 * not enough: `kim` of another issuer, or a job that `kim` started, may be somebody else.
 */
export const isRequester = ({ issuer, subject }: Principal, { by }: Access): boolean =>
  issuer === by.issuer && subject === by.subject;

/** Its requester, those who may decide about it, and whoever may read what is about no event. */
export const isAccessKnownTo = (by: Principal, access: Access, deps: Omit<AccessDeps, "access" | "record">): boolean =>
  isRequester(by, access) ||
  rejectApprover(access, by, deps) === undefined ||
  deps.policy.rejectCall(by, "deliveries", []) === undefined;

function rejectDecider(
  access: Access,
  { decision, by }: Pick<AccessVerdict, "decision" | "by">,
  deps: Omit<AccessDeps, "access" | "record">,
): Rejection | undefined {
  if (decision === "revoke" && isRequester(by, access)) return undefined;
  const missing = rejectApprover(access, by, deps);
  if (missing || decision !== "grant") return missing;
  return isSamePerson(by, access.by, deps.people) ? { reason: "self_approval" } : rejectMachine(by, deps.config);
}

/** A request for a role is about no event, so a confined role does not approve it. */
function rejectApprover(
  { role }: Access,
  by: Principal,
  { config, policy }: Pick<AccessDeps, "config" | "policy">,
): Rejection | undefined {
  const approvers = roleNamed(role, config.roles)?.onRequest?.approvedBy ?? [];
  return policy.rejectOrder(by, approvers, []) && missingRole(approvers, onRequestOf(role));
}

function isRepeat({ state, decision, end }: Access, { decision: kind, by }: AccessVerdict): boolean {
  if (kind === "revoke") return end !== undefined && nameOf(end.by) === nameOf(by);
  return state === MOVES[kind].to(false) && decision !== undefined && nameOf(decision.by) === nameOf(by);
}

function closed({ decision, end }: Access, state: AccessState): Rejection {
  const by = state === "expired" || state === "ended" ? undefined : (end ?? decision)?.by;
  return { reason: "approval_closed", state, by: by === undefined ? "time" : nameOf(by) };
}

/** Each lost race means that another write succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 20;

const tooManyAtOnce = (): Fault =>
  new Fault("store_unavailable", "too many concurrent requests for roles of one person", { retryable: true });
