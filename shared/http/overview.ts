import { isOutdated } from "../approvals/change.ts";
import { type DecideDeps, decisionsOf } from "../approvals/decide.ts";
import { epochMillis, toIso } from "../host/clock.ts";
import { VERSION } from "../host/version.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { type Level, worstOf } from "../model/level.ts";
import type { Principal } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result } from "../model/result.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { mayRead } from "./deliveries.ts";
import {
  endedOf,
  levelOf,
  type OverviewPartsDeps,
  overviewParts,
  type ShownEnded,
  type ShownPages,
} from "./overview-parts.ts";
import { reportedOf, type ShownReported } from "./overview-reported.ts";
import type { ShownSource } from "./overview-sources.ts";
import type { OverviewTarget } from "./overview-targets.ts";
import { mayHold } from "./targets.ts";

export interface OverviewApi extends CallerDeps, OverviewPartsDeps, Pick<DecideDeps, "people" | "rules"> {
  readonly policy: Pick<Policy, "rejectCall" | "isConfined" | "rejectPause"> & DecideDeps["policy"];
  readonly deliveries: OverviewPartsDeps["deliveries"] & Pick<DeliveryStore, "list">;
  readonly approvals: Pick<ApprovalStore, "latestChange" | "open">;
  readonly clock: DecideDeps["clock"];
}

/** Whether the bridge is well, with its times in ISO 8601. */
export interface Overview {
  /** The worst level of all parts. A part that is not shown counts as `unknown`. */
  readonly level: Level;
  readonly at: string;
  readonly version: string;
  readonly ended: ShownEnded;
  readonly reported?: ShownReported;
  readonly approvals: WaitingApprovals;
  /** Parts that are about all deliveries, which the caller's roles do not show. */
  readonly hidden?: readonly string[];
  /** The digest of the configuration in force; absent if it is not known. */
  readonly configuration?: string;
  /** The checks of the bridge itself: "ok", or what is wrong. */
  readonly bridge?: { readonly level: Level; readonly checks: Readonly<Record<string, string>> };
  /** The worst first. */
  readonly sources?: readonly ShownSource[];
  /** The worst first. */
  readonly targets?: readonly TargetOfOverview[];
  /** Absent if no target has pages. */
  readonly pages?: ShownPages;
}

interface TargetOfOverview extends OverviewTarget {
  /** What the caller may do with it. */
  readonly may: readonly ("pause" | "resume")[];
}

/** Waiting is no fault, so it has no level. */
interface WaitingApprovals {
  /** Approvals that wait for people, at most 100. */
  readonly waiting: number;
  /** Those of them that the caller may grant. */
  readonly forYou: number;
  /** When the oldest was requested. */
  readonly oldestAt?: string;
  /** When the first of them expires. */
  readonly firstUntil?: string;
}

const HIDDEN = ["bridge", "sources", "targets", "pages", "reported failures", "configuration"] as const;
const MAX_APPROVALS = 100;

/**
 * `GET /v1/overview`: whether the bridge is well, and each source and target. A confined caller sees only the deliveries
 * that it may read and the approvals that it may grant: the rest is about all deliveries.
 */
export async function getOverview(request: ReceivedRequest, api: OverviewApi): Promise<Result<Overview>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const isConfined = api.policy.isConfined(principal, "deliveries");
  return ok(isConfined ? await confined(principal, api) : await whole(principal, api));
}

async function confined(by: Principal, api: OverviewApi): Promise<Overview> {
  const [{ shown: ended }, { forYou }] = await Promise.all([
    endedOf(api, (delivery) => mayRead(by, delivery, api.policy)),
    approvalsOf(by, api),
  ]);
  return {
    level: worstOf(["unknown", ended.level]),
    at: toIso(api.clock.now()),
    version: VERSION,
    hidden: HIDDEN,
    ended,
    // It does not say how many others wait.
    approvals: { waiting: forYou, forYou },
  };
}

async function whole(by: Principal, api: OverviewApi): Promise<Overview> {
  const [parts, approvals, reported] = await Promise.all([overviewParts(api), approvalsOf(by, api), reportedOf(api)]);
  const { bridge, configuration, sources, targets, pages, ended } = parts;
  return {
    level: levelOf(parts),
    at: toIso(api.clock.now()),
    version: VERSION,
    ...(configuration !== undefined && { configuration }),
    bridge,
    sources,
    targets: targets.map((one) => ({ ...one, may: mayHold(one, by, api.policy) })),
    ...(pages && { pages }),
    ended,
    reported,
    approvals,
  };
}

async function approvalsOf(by: Principal, api: OverviewApi): Promise<WaitingApprovals> {
  const requested = (await api.approvals.open(MAX_APPROVALS)).filter(({ state }) => state === "requested");
  // What it is about has changed, so nobody can decide it any more. The list of approvals leaves it out too.
  const outdated = await Promise.all(requested.map((one) => isOutdated(one, api.approvals)));
  const open = requested.filter((_, at) => !outdated[at]);
  const [first] = open;
  if (first === undefined) return { waiting: 0, forYou: 0 };
  return {
    waiting: open.length,
    forYou: open.filter((one) => decisionsOf(one, by, api).includes("grant")).length,
    oldestAt: toIso(epochMillis(Math.min(...open.map(({ requestedAt }) => requestedAt)))),
    // They are read in the order in which they expire.
    firstUntil: toIso(first.until),
  };
}
