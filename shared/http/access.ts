import * as v from "valibot";
import {
  ACCESS_DECISIONS,
  type AccessDeps,
  accessDecisionsOf,
  accessState,
  accessUntil,
  decideAccess,
  isAccessKnownTo,
  isOpen,
  isRequester,
  rejectMachine,
  requestAccess,
  requestableRoles,
} from "../approvals/access.ts";
import { isReason } from "../approvals/decide.ts";
import type { AuditLog } from "../delivery/audit-log.ts";
import type { RecordNewDeps } from "../delivery/record-new.ts";
import { toIso } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { Access, AccessDecision, AccessState } from "../model/access.ts";
import { MAX_ACCESS_MINUTES } from "../model/access-limit.ts";
import type { Principal } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { AccessStore } from "../store/access.ts";
import { parseJsonBody } from "./json-body.ts";

export interface AccessApi extends CallerDeps, RecordNewDeps, Omit<AccessDeps, "access" | "record" | "policy"> {
  readonly access: () => Promise<Pick<AccessStore, "create" | "get" | "of" | "recent" | "decide" | "markReported">>;
  readonly policy: AccessDeps["policy"] & Pick<Policy, "rejectCall">;
  readonly auditLog: Pick<AuditLog, "record">;
}

const text = v.pipe(v.string(), v.maxLength(300), v.transform(redactText));

export const accessBody = v.strictObject({
  role: v.pipe(nonEmptyText, v.maxLength(100)),
  minutes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_ACCESS_MINUTES)),
  reason: v.pipe(
    text,
    v.check((reason) => isReason(reason), "a text that people can read"),
  ),
});
export const accessVerdict = v.strictObject({
  decision: v.picklist(ACCESS_DECISIONS),
  comment: v.optional(text),
});

interface ShownDecision extends Omit<AccessDecision, "at"> {
  readonly at: string;
}

/** A request for a role. */
export interface ShownAccess {
  readonly id: string;
  readonly role: string;
  readonly minutes: number;
  readonly reason: string;
  readonly state: AccessState;
  readonly requester: Principal;
  readonly requestedAt: string;
  /** While it waits: until when it can be decided. Then: the end of the role, or when it was denied or taken back. */
  readonly until: string;
  /** The grant or the denial. */
  readonly decision?: ShownDecision;
  /** Who ended it before its time. */
  readonly end?: ShownDecision;
  /** Who may decide: one of these roles. */
  readonly approvers: readonly string[];
  /** It is the caller's own. */
  readonly isOwn?: true;
  /** The decisions that the caller may take. */
  readonly may: readonly (typeof ACCESS_DECISIONS)[number][];
}

interface RequestableRole {
  readonly role: string;
  readonly maxMinutes: number;
  /** Who decides: a holder of one of these roles. */
  readonly approvers: readonly string[];
}

export interface ListedAccess {
  /** What the caller may request. */
  readonly roles: readonly RequestableRole[];
  /** Requests of 25 hours that the caller may know, the newest first: all that are open, and the newest 500 others. */
  readonly access: readonly ShownAccess[];
  /** More of them are over. */
  readonly hasMore: boolean;
}

export interface PlacedAccess extends ShownAccess {
  /** `duplicate`: it was requested before. */
  readonly status: "accepted" | "duplicate";
}

/** Requests that are over in one list. */
const MAX_OVER = 500;
/** Characters of an idempotency key. */
const MAX_KEY_LENGTH = 200;

/** `GET /v1/access`: who holds which role until when, and who requested one, as far as the caller may know. */
export async function listAccess(request: ReceivedRequest, api: AccessApi): Promise<Result<ListedAccess>> {
  const caller = await callerOf(request, "for a time", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const recent = await (await api.access()).recent();
  const known = recent.filter((one) => isAccessKnownTo(by, one, deciding(api)));
  const left = new Set(known.filter((one) => !isOpen(one, api)).slice(MAX_OVER));
  const roles = rejectMachine(by, api.config) ? [] : requestableRoles(by, api.config.roles);
  return ok({
    roles: roles.map((role) => ({ role, ...ruleOf(role, api) })),
    access: known.filter((one) => !left.has(one)).map((one) => shownAccess(one, by, api)),
    hasMore: left.size > 0,
  });
}

/** `GET /v1/access/{id}`. */
export async function getAccess(request: ReceivedRequest, id: string, api: AccessApi): Promise<Result<ShownAccess>> {
  const caller = await callerOf(request, "for a time", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const access = await (await api.access()).get(id);
  const isKnown = access !== undefined && isAccessKnownTo(by, access, deciding(api));
  return isKnown ? ok(shownAccess(access, by, api)) : reject({ reason: "approval_unknown" }, by);
}

/** `POST /v1/access`: requests a role for a time. */
export async function placeAccess(request: ReceivedRequest, api: AccessApi): Promise<Result<PlacedAccess>> {
  const caller = await callerOf(request, "for a time", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, accessBody);
  if (!body.ok) return reject(body.rejection, by);
  const key = request.headers.get("idempotency-key") ?? "";
  if (key === "" || key.length > MAX_KEY_LENGTH) return reject({ reason: "idempotency_key_missing" }, by);
  const placed = await requestAccess(by, { ...body.value, key }, recording(request, by, api));
  if (!placed.ok) return reject(placed.rejection, by);
  const { access, isNew } = placed.value;
  await report(access, request, api);
  return ok({ ...shownAccess(access, by, api), status: isNew ? "accepted" : "duplicate" });
}

/** `POST /v1/access/{id}`: grants, denies or revokes. */
export async function decideOneAccess(
  request: ReceivedRequest,
  id: string,
  api: AccessApi,
): Promise<Result<ShownAccess>> {
  const caller = await callerOf(request, "for a time", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, accessVerdict);
  if (!body.ok) return reject(body.rejection, by);
  const decided = await decideAccess(id, { ...body.value, by }, recording(request, by, api));
  if (!decided.ok) return reject(decided.rejection, by);
  await report(decided.value, request, api);
  return ok(shownAccess(decided.value, by, api));
}

/** Most calls take no step, so they load no code for it. */
async function report(access: Access, { requestId }: ReceivedRequest, api: AccessApi): Promise<void> {
  const { reportAccess } = await import("../approvals/report-access.ts");
  await reportAccess(access, requestId, api);
}

const deciding = ({ config, policy, people, clock }: AccessApi) => ({ config, policy, people, clock });

const recording = (request: ReceivedRequest, by: Principal, api: AccessApi): AccessDeps => ({
  ...deciding(api),
  access: api.access,
  record: (act, object) => api.auditLog.record({ act, object, by, request }),
});

const ruleOf = (role: string, { config }: AccessApi) => {
  const rule = Object.hasOwn(config.roles, role) ? config.roles[role]?.onRequest : undefined;
  return { maxMinutes: rule?.maxMinutes ?? 0, approvers: rule?.approvedBy ?? [] };
};

function shownAccess(access: Access, by: Principal, api: AccessApi): ShownAccess {
  const { id, role, minutes, reason, by: requester, requestedAt, decision, end } = access;
  return {
    id,
    role,
    minutes,
    reason,
    state: accessState(access, api),
    requester,
    requestedAt: toIso(requestedAt),
    until: toIso(accessUntil(access, api)),
    ...(decision && { decision: shownDecision(decision) }),
    ...(end && { end: shownDecision(end) }),
    approvers: ruleOf(role, api).approvers,
    ...(isRequester(by, access) && { isOwn: true }),
    may: accessDecisionsOf(access, by, deciding(api)),
  };
}

const shownDecision = ({ at, ...decision }: AccessDecision): ShownDecision => ({ ...decision, at: toIso(at) });
