import { type RecordNewDeps, recordNew } from "../delivery/record-new.ts";
import { type Clock, type EpochMillis, laterBy, toIso } from "../host/clock.ts";
import type { Roles } from "../identity/policy.ts";
import { type Access, type AccessDecision, type AccessState, DECIDE_WITHIN_MS } from "../model/access.ts";
import { APPROVALS_SOURCE } from "../model/bus-event.ts";
import { type AccessEvent, cut } from "../model/event.ts";
import { bridgePrincipal, ownRecord } from "../model/own-record.ts";
import type { AccessStore } from "../store/access.ts";
import { nameOf } from "./people.ts";

export interface ReportAccessDeps extends RecordNewDeps {
  readonly config: { readonly roles: Roles };
  readonly access: () => Promise<Pick<AccessStore, "markReported">>;
  readonly clock: Clock;
}

interface AccessStep {
  readonly state: AccessState;
  readonly at: EpochMillis;
  readonly until: EpochMillis;
  /** Undefined if time ended it. */
  readonly decision?: AccessDecision | undefined;
}

/**
 * Records each step of a request for a role that was not recorded yet as an event, so that people get a message. The step
 * is stored before. A step has the time at which it was taken, so a repeat is the same event, and what a crash left out is
 * recorded by {@link reportAllAccess}.
 */
export async function reportAccess(access: Access, requestId: string, deps: ReportAccessDeps): Promise<void> {
  const steps = stepsOf(access, deps.clock.now());
  const last = steps.at(-1);
  if (last === undefined || last.state === access.reported) return;
  const unreported = steps.slice(steps.findIndex(({ state }) => state === access.reported) + 1);
  for (const step of unreported) {
    const event = eventOf(access, step, deps);
    const principal = step.state === "requested" ? access.by : (step.decision?.by ?? BRIDGE);
    const record = ownRecord({ source: APPROVALS_SOURCE, event, principal, at: step.at, requestId });
    await recordNew(record, deps);
  }
  await (await deps.access()).markReported(access, last.state);
}

/** Records the ends that came by time, and the steps that a crash left out. Without a role to request it reads nothing. */
export async function reportAllAccess(
  deps: Omit<ReportAccessDeps, "access"> & {
    readonly access: () => Promise<Pick<AccessStore, "markReported" | "recent">>;
  },
): Promise<void> {
  if (Object.values(deps.config.roles).every(({ onRequest }) => onRequest === undefined)) return;
  for (const access of await (await deps.access()).recent()) await reportAccess(access, access.id, deps);
}

/**
 * The steps until now. What ended only by the configuration of now is none: another configuration may give it back. Its
 * end is that of its time.
 */
function stepsOf(access: Access, now: EpochMillis): readonly AccessStep[] {
  const { state, requestedAt, until, decision, end } = access;
  const requested = { state: "requested", at: requestedAt, until: laterBy(requestedAt, DECIDE_WITHIN_MS) } as const;
  const decided = decision && { state: state === "denied" ? state : "granted", at: decision.at, until, decision };
  const isOver = (state === "requested" || state === "granted") && now >= until;
  const ended = isOver ? { state: state === "granted" ? "ended" : "expired", at: until, until } : undefined;
  const stopped = end && { state, at: end.at, until, decision: end };
  return [requested, decided, ended, stopped].flatMap((step) => (step ? [step as AccessStep] : []));
}

function eventOf(
  { id, role, by, requestedAt }: Access,
  { state, at, until, decision }: AccessStep,
  { config }: Pick<ReportAccessDeps, "config">,
): AccessEvent {
  const rule = Object.hasOwn(config.roles, role) ? config.roles[role]?.onRequest : undefined;
  const { comment } = decision ?? {};
  return {
    type: `access.${state === "requested" || state === "granted" ? state : "ended"}`,
    keyParts: [id, state],
    time: toIso(at),
    subject: `role ${role} for ${nameOf(by)}`,
    access: {
      id,
      role,
      state,
      approvers: rule?.approvedBy ?? [],
      requestedAt: toIso(requestedAt),
      until: toIso(until),
      requester: nameOf(by),
      ...(decision && { by: nameOf(decision.by) }),
      ...(comment !== undefined && { comment: cut(comment, 300) }),
    },
  };
}

/** The principal of an end by time. */
const BRIDGE = bridgePrincipal(APPROVALS_SOURCE);
