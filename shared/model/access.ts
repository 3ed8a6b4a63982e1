import { CLOCK_SKEW_MS, type EpochMillis, isAhead, laterBy } from "../host/clock.ts";
import { MAX_ACCESS_MINUTES } from "./access-limit.ts";
import type { Principal } from "./principal.ts";

/** For how long a request for a role waits for a decision. */
export const DECIDE_WITHIN_MS = 3_600_000;
/** No request that is older waits or gives a role. */
export const MAX_OPEN_MS = DECIDE_WITHIN_MS + MAX_ACCESS_MINUTES * 60_000 + CLOCK_SKEW_MS;

/** `withdrawn`: by its requester, `revoked`: by somebody else; both end a request that waits, or a role that was granted. */
type StoredAccessState = "requested" | "granted" | "denied" | "withdrawn" | "revoked";
/**
 * `expired`: nobody decided in time. `ended`: the time of the role is over. Both also if the configuration of now does not
 * let the requester request it.
 */
export type AccessState = StoredAccessState | "expired" | "ended";

/** What somebody decided about a request for a role. */
export interface AccessDecision {
  readonly by: Principal;
  readonly at: EpochMillis;
  readonly comment?: string;
}

/** A request of a person for a role that ends by itself. */
export interface RequestedAccess {
  /** `x-`, a digest of the issuer and the subject, and the number of the request. */
  readonly id: string;
  readonly role: string;
  readonly minutes: number;
  readonly reason: string;
  /** Who gets the role, with the roles of the token alone. */
  readonly by: Principal;
  /** The idempotency key of the request. */
  readonly key: string;
  readonly requestedAt: EpochMillis;
}

export interface Access extends RequestedAccess {
  readonly state: StoredAccessState;
  /** While it is `requested`: until when it can be decided. From the grant on: the end of the role. */
  readonly until: EpochMillis;
  /** The grant or the denial. */
  readonly decision?: AccessDecision;
  /** What ended it before its time: `withdrawn` or `revoked`. */
  readonly end?: AccessDecision;
  /** The last state that was recorded as an event. Undefined if none was. */
  readonly reported?: AccessState;
}

/** The end of a role that was granted, by the longest time that the configuration allows now. */
export const endOfAccess = ({ until, decision }: Access, maxMinutes: number): EpochMillis =>
  decision === undefined || until <= laterBy(decision.at, maxMinutes * 60_000)
    ? until
    : laterBy(decision.at, maxMinutes * 60_000);

/** The state at a time. `maxMinutes`: what the configuration allows now, 0 if it could not be requested now. */
export function accessStateAt(access: Access, now: EpochMillis, maxMinutes: number): AccessState {
  const { state, until } = access;
  if (state === "requested") return now >= until || maxMinutes === 0 ? "expired" : state;
  return state === "granted" && now >= endOfAccess(access, maxMinutes) ? "ended" : state;
}

/** Whether the role counts. A grant of a clock that was ahead and was set back does not: it would last too long. */
export const isInForce = (access: Access, now: EpochMillis, maxMinutes: number): boolean =>
  access.decision !== undefined &&
  !isAhead(access.decision.at, now) &&
  accessStateAt(access, now, maxMinutes) === "granted";
