import * as v from "valibot";
import { LEVELS } from "../model/level.ts";

// The responses of the bridge, as far as the command line shows them. Further members are ignored, so a newer bridge may
// return more.

/** A rejection: its reason, and further members as facts. */
const rejection = v.looseObject({ reason: v.string() });

const principal = v.object({
  issuer: v.string(),
  subject: v.string(),
  method: v.string(),
  credential: v.string(),
  trustEntry: v.exactOptional(v.string()),
  roles: v.array(v.string()),
});
const identity = v.object({ ...principal.entries, actor: v.exactOptional(v.string()) });

const summary = v.object({
  id: v.string(),
  source: v.string(),
  receivedAt: v.string(),
  outcome: v.string(),
  what: v.string(),
  subject: v.exactOptional(v.string()),
  principal,
  repeats: v.exactOptional(v.string()),
  refusedFor: v.exactOptional(rejection),
  excludedFor: v.exactOptional(rejection),
  shadowRejection: v.exactOptional(rejection),
  state: v.exactOptional(v.string()),
  stateSince: v.exactOptional(v.string()),
  routes: v.exactOptional(
    v.array(
      v.object({
        route: v.string(),
        event: v.exactOptional(v.string()),
        target: v.exactOptional(v.string()),
        state: v.string(),
        since: v.string(),
        next: v.exactOptional(v.string()),
        why: v.exactOptional(v.string()),
        waitsFor: v.exactOptional(v.string()),
        of: v.exactOptional(v.string()),
      }),
    ),
  ),
});
export type ShownRouteOutcome = NonNullable<v.InferOutput<typeof summary>["routes"]>[number];

/** `GET /v1/deliveries/{id}/request`. */
export const shownRequest = v.object({
  delivery: v.string(),
  receivedAt: v.string(),
  headers: v.exactOptional(v.array(v.object({ name: v.string(), value: v.exactOptional(v.string()) }))),
  bodyKind: v.string(),
  body: v.exactOptional(v.string()),
  isCut: v.exactOptional(v.literal(true)),
  removed: v.number(),
  bodyBytes: v.number(),
  bodyDigest: v.string(),
  replayOf: v.exactOptional(v.string()),
});
export type ShownRequest = v.InferOutput<typeof shownRequest>;

/** `GET /v1/deliveries`. */
export const listedDeliveries = v.object({
  deliveries: v.array(v.object({ ...summary.entries, noReportSince: v.exactOptional(v.string()) })),
  next: v.exactOptional(v.string()),
  lookedBackTo: v.exactOptional(v.string()),
  matched: v.exactOptional(v.object({ kind: v.string(), value: v.string() })),
  repeatOf: v.exactOptional(v.string()),
});
export type ListedDeliveries = v.InferOutput<typeof listedDeliveries>;
export type ListedDelivery = v.InferOutput<typeof summary>;

const ofRoute = { at: v.string(), route: v.string(), event: v.exactOptional(v.string()) };
const ofAction = { ...ofRoute, action: v.string() };

const progress = v.object({
  needed: v.number(),
  grantedBy: v.array(v.string()),
  missingRoles: v.array(v.string()),
  otherwise: v.exactOptional(v.array(v.string())),
});

const grantingRule = v.object({ id: v.string(), configuration: v.exactOptional(v.string()) });

const timelineEvent = v.variant("kind", [
  v.object({ kind: v.literal("scheduled"), ...ofAction, occurrence: v.exactOptional(v.number()) }),
  v.object({ kind: v.literal("already_scheduled"), ...ofAction, by: v.string() }),
  v.object({ kind: v.literal("waiting"), ...ofAction, summary: v.string(), waitsFor: v.exactOptional(v.string()) }),
  v.object({
    kind: v.literal("attempt"),
    ...ofAction,
    attempt: v.number(),
    outcome: v.string(),
    summary: v.string(),
    unknownOutcome: v.exactOptional(v.boolean()),
    durationMs: v.number(),
    nextAt: v.exactOptional(v.string()),
    endedAs: v.exactOptional(v.string()),
    facts: v.exactOptional(v.record(v.string(), v.string())),
  }),
  v.object({ kind: v.literal("run"), ...ofAction, state: v.string(), summary: v.string() }),
  v.object({ kind: v.literal("cancel"), ...ofAction, state: v.string(), by: v.string(), summary: v.string() }),
  v.object({ kind: v.literal("cut"), ...ofAction, hops: v.number() }),
  v.object({ kind: v.literal("denied"), ...ofRoute, refusal: rejection, mode: v.string() }),
  v.object({
    kind: v.literal("approval"),
    ...ofRoute,
    approval: v.string(),
    state: v.string(),
    by: v.exactOptional(identity),
    comment: v.exactOptional(v.string()),
    endedFor: v.exactOptional(v.string()),
    progress: v.exactOptional(progress),
    verifiedWith: v.exactOptional(v.string()),
    emergency: v.exactOptional(v.literal(true)),
    rule: v.exactOptional(grantingRule),
  }),
  v.object({
    kind: v.literal("decided"),
    at: v.string(),
    about: v.string(),
    decision: v.string(),
    by: identity,
    refusal: v.exactOptional(rejection),
  }),
  v.object({
    kind: v.literal("replayed"),
    at: v.string(),
    delivery: v.string(),
    routes: v.array(v.string()),
    by: identity,
    isRollback: v.boolean(),
    promotedTo: v.exactOptional(v.string()),
    reason: v.exactOptional(v.string()),
  }),
  v.object({ kind: v.literal("ignored"), at: v.string(), reason: v.string(), account: v.string() }),
  v.object({
    kind: v.literal("token_exchanged"),
    at: v.string(),
    upstream: v.string(),
    scope: v.string(),
    by: identity,
  }),
  v.object({
    kind: v.literal("followed_by"),
    at: v.string(),
    delivery: v.string(),
    what: v.string(),
    claimed: v.exactOptional(v.literal(true)),
    isReplay: v.exactOptional(v.literal(true)),
  }),
]);
export type ShownTimelineEvent = v.InferOutput<typeof timelineEvent>;

const ofRun = { route: v.string(), event: v.exactOptional(v.string()), action: v.string() };

const mark = v.picklist(["good", "bad", "warn", "busy", "quiet"]);
const step = v.object({ mark, text: v.string() });
export type ExplainedStep = v.InferOutput<typeof step>;

const check = v.object({ text: v.string(), command: v.string() });
export type NextCheck = v.InferOutput<typeof check>;

const explanation = v.object({
  answer: v.string(),
  mark,
  steps: v.array(step),
  routes: v.array(
    v.object({
      route: v.string(),
      event: v.exactOptional(v.string()),
      target: v.exactOptional(v.string()),
      matched: v.boolean(),
      steps: v.array(step),
      checks: v.array(check),
    }),
  ),
  otherRoutes: v.number(),
  followed: v.array(v.string()),
  checks: v.array(check),
});
export type ShownExplanation = v.InferOutput<typeof explanation>;

/** `GET /v1/deliveries/{id}`. */
export const shownDelivery = v.object({
  delivery: v.object({
    ...summary.entries,
    provider: v.string(),
    requestId: v.string(),
    bodyDigest: v.string(),
    bodyBytes: v.number(),
    redacted: v.exactOptional(v.literal(true)),
    unrelayed: v.exactOptional(v.boolean()),
    relayedAt: v.exactOptional(v.string()),
  }),
  // Whole: routes match any field of them, and `--json` prints all.
  events: v.array(
    v.looseObject({
      "detail-type": v.string(),
      detail: v.looseObject({
        id: v.string(),
        subject: v.string(),
        eventKey: v.string(),
        traceparent: v.exactOptional(v.string()),
        replay: v.exactOptional(
          v.object({
            of: v.string(),
            routes: v.array(v.string()),
            isRollback: v.boolean(),
            lastReport: v.exactOptional(v.object({ at: v.string(), isOverdue: v.boolean() })),
          }),
        ),
        promotion: v.exactOptional(v.object({ from: v.exactOptional(v.string()), to: v.string() })),
      }),
    }),
  ),
  timeline: v.array(timelineEvent),
  runs: v.exactOptional(
    v.array(
      v.object({
        ...ofRun,
        state: v.string(),
        acceptedAt: v.string(),
        requests: v.number(),
        next: v.exactOptional(v.string()),
        nextAt: v.exactOptional(v.string()),
        reportedAt: v.exactOptional(v.string()),
        reportedBy: v.exactOptional(v.string()),
        noReportSince: v.exactOptional(v.string()),
      }),
    ),
  ),
});
export type ShownDelivery = v.InferOutput<typeof shownDelivery>;

/** The same with `explain=true`. */
export const explainedDelivery = v.object({ ...shownDelivery.entries, explanation });

/** `GET /v1/refusals`. */
export const listedRefusals = v.object({
  refusals: v.array(
    v.object({
      source: v.string(),
      reason: v.string(),
      count: v.number(),
      since: v.string(),
      lastAt: v.string(),
      requests: v.array(v.string()),
      hint: v.exactOptional(v.string()),
    }),
  ),
  sources: v.array(
    v.object({
      source: v.string(),
      lastGoodAt: v.exactOptional(v.string()),
      unusedNext: v.exactOptional(v.literal(true)),
    }),
  ),
  from: v.string(),
  isConfined: v.exactOptional(v.literal(true)),
});
export type ListedRefusals = v.InferOutput<typeof listedRefusals>;

/** `GET /v1/approvals`. */
export const listedApprovals = v.object({
  approvals: v.array(
    v.object({
      id: v.string(),
      state: v.string(),
      route: v.string(),
      subject: v.string(),
      version: v.exactOptional(v.string()),
      approvedRef: v.exactOptional(v.string()),
      verifyWith: v.exactOptional(v.string()),
      requester: identity,
      authors: v.exactOptional(v.array(identity)),
      requestedAt: v.string(),
      until: v.string(),
      approvers: v.array(v.string()),
      grants: v.optional(
        v.array(
          v.object({
            by: identity,
            at: v.string(),
            comment: v.exactOptional(v.string()),
            emergency: v.exactOptional(v.literal(true)),
            rule: v.exactOptional(grantingRule),
          }),
        ),
        [],
      ),
      progress: v.exactOptional(progress),
      opensAt: v.exactOptional(v.string()),
      needsReason: v.exactOptional(v.boolean()),
      delivery: v.string(),
      shows: v.exactOptional(
        v.object({
          requesterName: v.exactOptional(v.string()),
          commits: v.exactOptional(
            v.array(
              v.object({
                id: v.string(),
                title: v.string(),
                url: v.exactOptional(v.string()),
                author: v.exactOptional(v.string()),
              }),
            ),
          ),
          commitCount: v.exactOptional(v.number()),
          diffUrl: v.exactOptional(v.string()),
          title: v.exactOptional(v.string()),
          url: v.exactOptional(v.string()),
          author: v.exactOptional(v.string()),
          params: v.exactOptional(v.record(v.string(), v.string())),
        }),
      ),
      may: v.array(v.string()),
    }),
  ),
  hasMore: v.boolean(),
});

export type ListedApproval = v.InferOutput<typeof listedApprovals>["approvals"][number];

const decided = v.object({ by: identity, at: v.string(), comment: v.exactOptional(v.string()) });

/** `GET /v1/approvals?state=ended`. */
export const endedApprovals = v.object({
  approvals: v.array(
    v.object({
      id: v.string(),
      state: v.string(),
      route: v.string(),
      subject: v.string(),
      grants: v.optional(v.array(decided), []),
      decision: v.exactOptional(decided),
    }),
  ),
  earlier: v.exactOptional(v.string()),
});
export type EndedApproval = v.InferOutput<typeof endedApprovals>["approvals"][number];

/** `POST /v1/approvals/{id}`. */
export const decidedApproval = v.object({ state: v.string(), route: v.string() });

/** `POST /v1/deliveries/{id}/replay`, `POST /v1/rollbacks` and `POST /v1/promotions`. */
export const replayed = v.object({
  delivery: v.string(),
  replayOf: v.string(),
  status: v.picklist(["accepted", "duplicate"]),
});

const neededApproval = v.object({
  people: v.number(),
  roles: v.array(v.string()),
  rules: v.exactOptional(v.array(v.string())),
});

const runOfRoute = v.object({
  delivery: v.string(),
  firedAt: v.string(),
  state: v.picklist(["running", "succeeded", "failed"]),
  what: v.exactOptional(v.string()),
  subject: v.exactOptional(v.string()),
  title: v.exactOptional(v.string()),
  reference: v.exactOptional(v.string()),
  tag: v.exactOptional(v.string()),
  commits: v.exactOptional(v.array(v.object({ id: v.string(), title: v.string() }))),
  approval: v.exactOptional(neededApproval),
  problem: v.exactOptional(v.string()),
});
export type RunOfRoute = v.InferOutput<typeof runOfRoute>;

/** `GET /v1/rollbacks`. */
export const rollbackPreview = v.object({
  places: v.array(
    v.object({ environment: v.exactOptional(v.string()), newest: runOfRoute, good: v.array(runOfRoute) }),
  ),
});
export type RollbackPlace = v.InferOutput<typeof rollbackPreview>["places"][number];

const { problem: _problem, approval: _approval, ...runMembers } = runOfRoute.entries;
const promotableRun = v.object({
  ...runMembers,
  digest: v.exactOptional(v.string()),
});
export type PromotableRun = v.InferOutput<typeof promotableRun>;

/** `GET /v1/promotions`. */
export const promotionPreview = v.object({
  route: v.string(),
  from: v.string(),
  to: v.string(),
  run: v.exactOptional(promotableRun),
  newest: v.exactOptional(promotableRun),
  good: v.exactOptional(promotableRun),
  behind: v.exactOptional(v.string()),
  commits: v.exactOptional(v.number()),
  approval: v.exactOptional(neededApproval),
  placed: v.exactOptional(v.object({ delivery: v.string(), replayOf: v.string() })),
  problem: v.exactOptional(v.object({ reason: v.string(), title: v.string() })),
});
export type PromotionPreview = v.InferOutput<typeof promotionPreview>;

const inputMembers = { name: v.string(), description: v.exactOptional(v.string()) };
const orderInput = v.variant("kind", [
  v.object({ ...inputMembers, kind: v.literal("choice"), choices: v.array(v.string()) }),
  v.object({ ...inputMembers, kind: v.literal("pattern"), pattern: v.string(), maxLength: v.number() }),
  v.object({ ...inputMembers, kind: v.literal("page"), target: v.string() }),
  v.object({ ...inputMembers, kind: v.literal("ref"), of: v.picklist(["branch", "tag", "commit"]) }),
]);
export type OrderInput = v.InferOutput<typeof orderInput>;

/** `GET /v1/orders`. */
export const listedOrders = v.object({
  orders: v.array(
    v.object({ order: v.string(), description: v.exactOptional(v.string()), inputs: v.array(orderInput) }),
  ),
});
export type ListedOrders = v.InferOutput<typeof listedOrders>;

/** `POST /v1/orders/{order}/preview`. */
export const orderPreview = v.object({
  order: v.string(),
  routes: v.array(
    v.object({
      route: v.string(),
      target: v.string(),
      approval: v.exactOptional(neededApproval),
      problem: v.exactOptional(v.string()),
    }),
  ),
});
export type OrderPreview = v.InferOutput<typeof orderPreview>;

/** `POST /v1/orders/{order}`. */
export const placedOrder = v.object({ delivery: v.string(), status: v.picklist(["accepted", "duplicate"]) });

const holds = {
  pause: v.exactOptional(
    v.object({
      since: v.string(),
      by: v.object({
        id: v.string(),
        issuer: v.string(),
        subject: v.string(),
        trustEntry: v.exactOptional(v.string()),
      }),
      reason: v.string(),
    }),
  ),
  breaker: v.exactOptional(
    v.object({
      failures: v.number(),
      why: v.string(),
      since: v.exactOptional(v.string()),
      retryAt: v.exactOptional(v.string()),
    }),
  ),
};

/** `POST /v1/targets/{target}/pause` and `/resume`. */
export const heldTarget = v.object({
  target: v.string(),
  removed: v.exactOptional(v.literal(true)),
  ...holds,
});

const level = v.picklist(LEVELS);

const targetEntries = {
  target: v.string(),
  removed: v.exactOptional(v.literal(true)),
  pages: v.exactOptional(v.literal(true)),
  state: v.string(),
  level,
  why: v.string(),
  since: v.exactOptional(v.string()),
  lastUsedAt: v.exactOptional(v.string()),
  due: v.number(),
  retrying: v.number(),
  oldestAt: v.exactOptional(v.string()),
  latency: v.exactOptional(v.object({ attempts: v.number(), p95AtMostMs: v.exactOptional(v.number()) })),
  may: v.array(v.string()),
};

/** `GET /v1/targets`. */
export const listedTargets = v.object({ targets: v.array(v.object({ ...targetEntries, ...holds })) });
export type ListedTarget = v.InferOutput<typeof listedTargets>["targets"][number];

/** `GET /v1/overview`. */
export const overview = v.object({
  level,
  at: v.string(),
  version: v.string(),
  configuration: v.exactOptional(v.string()),
  hidden: v.exactOptional(v.array(v.string())),
  bridge: v.exactOptional(v.object({ level, checks: v.record(v.string(), v.string()) })),
  sources: v.exactOptional(
    v.array(
      v.object({
        source: v.string(),
        state: v.string(),
        level,
        why: v.string(),
        lastGoodAt: v.exactOptional(v.string()),
        lastHour: v.number(),
        weekAgo: v.number(),
        refusals: v.array(v.object({ reason: v.string(), count: v.number(), since: v.string(), lastAt: v.string() })),
      }),
    ),
  ),
  targets: v.exactOptional(v.array(v.object(targetEntries))),
  pages: v.exactOptional(
    v.object({
      level,
      notWritable: v.number(),
      hasMore: v.exactOptional(v.literal(true)),
      overdue: v.number(),
      waiting: v.number(),
    }),
  ),
  ended: v.object({
    level,
    since: v.string(),
    counts: v.record(v.string(), v.number()),
    hasMore: v.exactOptional(v.literal(true)),
    newest: v.array(
      v.object({
        delivery: v.string(),
        what: v.string(),
        subject: v.exactOptional(v.string()),
        route: v.string(),
        target: v.exactOptional(v.string()),
        state: v.string(),
        since: v.string(),
        reason: v.exactOptional(v.string()),
      }),
    ),
  }),
  reported: v.exactOptional(
    v.object({
      since: v.string(),
      newest: v.array(
        v.object({
          delivery: v.string(),
          what: v.string(),
          subject: v.exactOptional(v.string()),
          receivedAt: v.string(),
        }),
      ),
    }),
  ),
  approvals: v.object({
    waiting: v.number(),
    forYou: v.number(),
    oldestAt: v.exactOptional(v.string()),
    firstUntil: v.exactOptional(v.string()),
  }),
});
export type ShownOverview = v.InferOutput<typeof overview>;

/** `GET /v1/credentials`. */
export const listedCredentials = v.object({
  credentials: v.array(
    v.object({
      kind: v.picklist(["source", "target"]),
      name: v.string(),
      method: v.string(),
      credential: v.string(),
      lastUsedAt: v.string(),
    }),
  ),
});

const accessDecision = v.object({ by: principal, at: v.string(), comment: v.exactOptional(v.string()) });

/** `GET /v1/access/{id}`. */
export const shownAccess = v.object({
  id: v.string(),
  role: v.string(),
  minutes: v.number(),
  reason: v.string(),
  state: v.string(),
  requester: principal,
  requestedAt: v.string(),
  until: v.string(),
  decision: v.exactOptional(accessDecision),
  end: v.exactOptional(accessDecision),
  approvers: v.array(v.string()),
  isOwn: v.exactOptional(v.literal(true)),
  may: v.array(v.string()),
});
export type ShownAccess = v.InferOutput<typeof shownAccess>;

/** `POST /v1/access`. */
export const placedAccess = v.object({ ...shownAccess.entries, status: v.string() });

/** `GET /v1/access`. */
export const listedAccess = v.object({
  roles: v.array(v.object({ role: v.string(), maxMinutes: v.number(), approvers: v.array(v.string()) })),
  access: v.array(shownAccess),
  hasMore: v.boolean(),
});
export type ListedAccess = v.InferOutput<typeof listedAccess>;

/** `POST /webhooks/{source}`. */
export const receipt = v.object({ delivery: v.optional(v.string(), "") });

/** `GET /v1/threads`. */
export const shownThread = v.object({
  now: v.string(),
  totals: v.object({
    start: v.string(),
    end: v.exactOptional(v.string()),
    durationMs: v.number(),
    steps: v.number(),
    deliveries: v.number(),
    omitted: v.number(),
    attempts: v.number(),
    failedAttempts: v.number(),
    pageVersions: v.number(),
    path: v.array(v.object({ kind: v.string(), ms: v.number() })),
    people: v.array(v.string()),
  }),
  spans: v.array(
    v.object({
      id: v.string(),
      parent: v.exactOptional(v.string()),
      kind: v.string(),
      what: v.string(),
      state: v.string(),
      tone: v.string(),
      start: v.string(),
      end: v.exactOptional(v.string()),
      delivery: v.string(),
      by: v.exactOptional(v.string()),
      summary: v.exactOptional(v.string()),
      route: v.exactOptional(v.string()),
      onPathMs: v.exactOptional(v.number()),
      isLongest: v.exactOptional(v.literal(true)),
      isMinor: v.exactOptional(v.literal(true)),
    }),
  ),
  isCut: v.exactOptional(v.literal(true)),
  isConfined: v.exactOptional(v.literal(true)),
  others: v.exactOptional(v.array(v.object({ delivery: v.string(), what: v.string(), receivedAt: v.string() }))),
});
export type ShownThread = v.InferOutput<typeof shownThread>;
