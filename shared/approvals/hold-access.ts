import type { AuditedAct, AuditLog } from "../delivery/audit-log.ts";
import type { Principal } from "../model/principal.ts";
import { type AccessDeps, rejectMachine, requestableRoles, rolesForNow } from "./access.ts";

export interface HoldAccessDeps extends Pick<AccessDeps, "access" | "config" | "clock"> {
  readonly auditLog: Pick<AuditLog, "recordRead">;
}

/**
 * The principal with the roles that it holds for a time, which `access` names. That one is held during a call is recorded,
 * once in five minutes, also for a call that records nothing itself. Whoever may request none costs no read. Throws
 * `store_unavailable`.
 */
export async function withAccess(
  by: Principal,
  request: AuditedAct["request"],
  deps: HoldAccessDeps,
): Promise<Principal> {
  if (requestableRoles(by, deps.config.roles).length === 0 || rejectMachine(by, deps.config)) return by;
  const access = await rolesForNow(by, deps);
  const roles = Object.keys(access);
  if (roles.length === 0) return by;
  const holder = { ...by, roles: [...by.roles, ...roles], access };
  for (const [role, id] of Object.entries(access))
    await deps.auditLog.recordRead({ act: "access_used", object: `${id}: ${role}`, by: holder, request });
  return holder;
}
