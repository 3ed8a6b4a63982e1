import * as v from "valibot";
import type { AuditLog } from "../delivery/audit-log.ts";
import { type Clock, toIso } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import { identityText } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { SessionCutoffStore } from "../store/session-cutoffs.ts";
import { parseJsonBody } from "./json-body.ts";

export interface SessionsApi extends CallerDeps {
  readonly sessionCutoffs: Pick<SessionCutoffStore, "revoke">;
  readonly auditLog: Pick<AuditLog, "record">;
  readonly clock: Clock;
}

export const revocation = v.strictObject({ subject: v.optional(v.pipe(nonEmptyText, v.maxLength(300))) });

export interface RevokedSessions {
  readonly subject: string;
  /** Sessions that began before have ended. */
  readonly notBefore: string;
}

/**
 * `POST /v1/sessions/revoke`: ends all sessions of a person at the console. Without a `subject` they are the caller's own,
 * which needs no role.
 */
export async function revokeSessions(request: ReceivedRequest, api: SessionsApi): Promise<Result<RevokedSessions>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, revocation);
  if (!body.ok) return reject(body.rejection, by);
  const { subject = by.subject } = body.value;
  // The sessions of a person are about no event.
  const forbidden = body.value.subject === undefined ? undefined : api.policy.rejectCall(by, "sessions", []);
  if (forbidden) return reject(forbidden, by);
  const notBefore = api.clock.now();
  // The audit first: no session ends without a record of who ended it.
  await api.auditLog.record({ act: "sessions_revoked", object: subject, by, request });
  // A long subject may be given as the token has it, or with a digest at its end as lists show it.
  for (const one of new Set([subject, identityText(subject)])) await api.sessionCutoffs.revoke(one, notBefore);
  return ok({ subject, notBefore: toIso(notBefore) });
}
