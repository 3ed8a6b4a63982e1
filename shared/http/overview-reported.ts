import { UPSTREAM_REFUSALS } from "../delivery/rejection-audit.ts";
import { type Clock, laterBy, toIso } from "../host/clock.ts";
import { badEndOf } from "../model/state-words.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type ShownAbout, shownAbout } from "./shown-about.ts";

/**
 * What ended badly in the systems that send, such as a build, and what the bridge had gateways refuse. The bridge did
 * what it should, so this is no failure of a delivery, and has no level.
 */
export interface ShownReported {
  /** Every delivery since then was looked at. */
  readonly since: string;
  /** The newest, at most 5. */
  readonly newest: readonly ReportedEnd[];
}

interface ReportedEnd {
  readonly delivery: string;
  /** The types of its events, or what the audit calls a refusal at a gateway. */
  readonly what: string;
  readonly subject?: string;
  readonly about?: ShownAbout;
  readonly receivedAt: string;
}

const DAY_MS = 86_400_000;
const MAX_NEWEST = 5;
/** Deliveries that are looked at, the newest first: no index has the types of events. */
const MAX_READ = 300;

/** The newest reports of a bad end and refusals at gateways, of the last day. */
export async function reportedOf({
  deliveries,
  clock,
}: {
  readonly deliveries: Pick<DeliveryStore, "list" | "get">;
  readonly clock: Pick<Clock, "now">;
}): Promise<ShownReported> {
  const now = clock.now();
  const notBefore = laterBy(now, -DAY_MS);
  const { deliveries: found, next } = await deliveries.list({
    // It sorts after every id.
    before: { receivedAt: now, id: "~" },
    notBefore,
    limit: MAX_NEWEST,
    scanLimit: MAX_READ,
    matches: ({ outcome, what }) =>
      (outcome === "event" || (outcome === "audit" && UPSTREAM_REFUSALS.includes(what))) &&
      badEndOf(what) !== undefined,
  });
  const newest = await Promise.all(
    found.map(async ({ id, what, subject, receivedAt }): Promise<ReportedEnd> => {
      const record = await deliveries.get(id);
      const about = record && shownAbout(record);
      return {
        delivery: id,
        what,
        ...(subject !== undefined && { subject }),
        ...(about && { about }),
        receivedAt: toIso(receivedAt),
      };
    }),
  );
  return { since: toIso(next?.receivedAt ?? notBefore), newest };
}
