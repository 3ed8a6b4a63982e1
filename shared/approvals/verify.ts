import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import type { Approval, Change, CurrentState, EditRight, Subject } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { changeSince } from "./change.ts";

/** The sites that routes name under `approval.verifyWith`. */
export interface Sites {
  /** The target that a route names; undefined if it names none. */
  targetOf(route: string): string | undefined;
  /**
   * What a subject is now, as the target of the route answers. A failure of any kind is the state `unknown`. `known` is an
   * earlier answer, which changes of the bridge itself leave as it is.
   */
  current(route: string, subject: Subject, known: string | undefined): Promise<CurrentState>;
  /**
   * Whether an account that a source reports may edit a page, as the target of the route answers. An answer counts for a
   * minute at most. Undefined if the account is none of the target's site. Never throws: what is not known is `unknown`.
   */
  mayEdit(
    route: string,
    by: { readonly source: string; readonly account: string },
    page: PageAddress,
  ): Promise<EditRight | undefined>;
}

export interface VerifyDeps {
  readonly approvals: Pick<ApprovalStore, "latestChange">;
  readonly sites: Sites;
}

/** Whether what was approved, or is to be approved, is still the same. */
export type Verification =
  /** `verifiedWith`: the target that was asked; undefined if only the newest event was compared. */
  | { readonly result: "same"; readonly verifiedWith?: string }
  | { readonly result: "changed"; readonly why: string }
  | Unverified;

/** It is not known, and may be known later. */
export interface Unverified {
  readonly result: "unverified";
  readonly why: string;
  readonly afterSeconds?: number;
}

/**
 * Compares the reference of an approval with what it is now: with the newest event, and with the answer of the site if
 * the route names a target for that. Throws `store_unavailable`.
 */
export async function verify(approval: Approval, { approvals, sites }: VerifyDeps): Promise<Verification> {
  const change = await changeSince(approval, approvals);
  if (change !== undefined) return { result: "changed", why: change };
  const { route, reference, about } = approval;
  const verifiedWith = sites.targetOf(route);
  if (verifiedWith === undefined) return { result: "same" };
  // A promotion is bound to a commit or version, and to no name that could move.
  if (reference?.subject === undefined && reference?.mark !== undefined) return { result: "same" };
  if (reference?.subject === undefined) return unverified(`${verifiedWith} cannot be asked about this event`);
  if (reference.mark === undefined) return unverified(`it was requested before ${verifiedWith} was asked`);
  const now = await sites.current(route, reference.subject, reference.mark);
  switch (now.state) {
    case "ended":
      return { result: "changed", why: now.why };
    case "unknown":
      return { ...unverified(now.why), ...(now.afterSeconds !== undefined && { afterSeconds: now.afterSeconds }) };
    default:
      if (now.since !== undefined && about !== undefined && now.since > laterBy(timeOf(about), TOLERANCE_MS))
        return { result: "changed", why: `${verifiedWith} has made ${now.mark} again since` };
      return now.mark === reference.mark
        ? { result: "same", verifiedWith }
        : { result: "changed", why: `${verifiedWith} has ${now.mark} now, and not ${reference.mark}` };
  }
}

/** The event of a version and the version itself have times of one site, or of this machine for a replay. */
const TOLERANCE_MS = 60_000;

const timeOf = ({ at }: Change): EpochMillis => epochMillis(Date.parse(at));

const unverified = (why: string): Unverified => ({ result: "unverified", why });
