import * as v from "valibot";
import { ACCESS_DECISIONS } from "../../shared/approvals/access.ts";
import { DECISIONS } from "../../shared/approvals/decide.ts";
import type { Receipt } from "../../shared/delivery/receive.ts";
import type { Replayed } from "../../shared/delivery/replay.ts";
import type { ListedAccess, PlacedAccess, ShownAccess } from "../../shared/http/access.ts";
import type { ListedApprovals } from "../../shared/http/approvals.ts";
import type { BulkPreview, ListedBulkReplays, ShownBulkReplay } from "../../shared/http/bulk-replays.ts";
import type { ListedCancellations } from "../../shared/http/cancellations.ts";
import type { ListedCredentials } from "../../shared/http/credentials.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import type { DeliveryCounts } from "../../shared/http/delivery-counts.ts";
import type { ShownRequest } from "../../shared/http/delivery-request.ts";
import type { EndedApprovals } from "../../shared/http/ended-approvals.ts";
import { TASK_DECISIONS, type TaskDecision } from "../../shared/http/gates.ts";
import type { ListedOrders, OrderPreview, PlacedOrder } from "../../shared/http/orders.ts";
import type { Overview } from "../../shared/http/overview.ts";
import { SOURCE_STATES } from "../../shared/http/overview-sources.ts";
import type { PromotionPreview } from "../../shared/http/promotions.ts";
import type { ListedRefusals } from "../../shared/http/refusals.ts";
import type { ReplayPreview } from "../../shared/http/replay.ts";
import type { RollbackPreview } from "../../shared/http/rollback-preview.ts";
import type { RevokedSessions } from "../../shared/http/sessions.ts";
import type { ShownApproval } from "../../shared/http/shown-approval.ts";
import type { SubmittedSummary } from "../../shared/http/summaries.ts";
import type { HeldTarget, ListedTargets } from "../../shared/http/targets.ts";
import type { ShownThread } from "../../shared/http/threads.ts";
import type { ExchangedToken } from "../../shared/http/token-exchange.ts";
import { FAILED_STATES, ROUTE_ATTENTION } from "../../shared/model/attention.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { DELIVERY_STATES, ROUTE_STATES } from "../../shared/model/delivery-state.ts";
import { WEAK_ORIGINS } from "../../shared/model/event.ts";
import { LEVELS } from "../../shared/model/level.ts";
import { LOOKUP_KINDS } from "../../shared/model/lookup-terms.ts";
import type { Rejection } from "../../shared/model/rejection.ts";
import { TARGET_STATES } from "../../shared/model/target-state.ts";
import { SPAN_KINDS } from "../../shared/model/thread/span.ts";

// The answers of all calls, for the description in `openapi.json`. No bridge loads this file. Each schema has exactly the
// type that its handler returns: a member that only one of the two has is a type error here.

const text = v.string();
const texts = v.array(text);
const time = v.pipe(text, v.isoTimestamp());
const whole = v.pipe(v.number(), v.integer());
const yes = v.literal(true);
const optional = v.exactOptional;
const optionalText = optional(text);
const optionalTime = optional(time);
const textsByName = v.record(text, text);

/** A rejection in a record: its reason, and facts about it. */
export const rejection = v.custom<Rejection>(() => true);
/** An event as it was published. */
export const busEvent = v.custom<BusEvent>(() => true);

const principalMembers = {
  issuer: text,
  subject: text,
  method: text,
  credential: text,
  trustEntry: optionalText,
  roles: texts,
  access: optional(textsByName),
  claims: optional(textsByName),
};
export const principal = v.object(principalMembers);
/** A principal, with the person if many people use one source. */
export const identity = v.object({ ...principalMembers, actor: optionalText, source: optionalText });
const grantingRule = v.object({ id: text, configuration: optionalText });
const progress = v.object({ needed: v.number(), grantedBy: texts, missingRoles: texts, otherwise: optional(texts) });
const approvalState = [
  "requested",
  "granted",
  "fired",
  "denied",
  "withdrawn",
  "expired",
  "superseded",
  "void",
] as const;

const summaryMembers = {
  id: text,
  source: text,
  receivedAt: time,
  outcome: v.picklist(["event", "ignored", "unusable", "refused", "audit"]),
  what: text,
  subject: optionalText,
  principal,
  repeats: optionalText,
  refusedFor: optional(rejection),
  excludedFor: optional(rejection),
  shadowRejection: optional(rejection),
};

const routeOutcome = v.object({
  route: text,
  event: optionalText,
  target: optionalText,
  state: v.picklist(ROUTE_STATES),
  since: time,
  next: optionalTime,
  why: optionalText,
  waitsFor: optionalText,
  of: optionalText,
});
const outcomeMembers = {
  state: optional(v.picklist(DELIVERY_STATES)),
  stateSince: optionalTime,
  routes: optional(v.array(routeOutcome)),
};

const shownAbout = v.pipe(
  v.object({
    title: optionalText,
    place: optionalText,
    ref: optionalText,
    commit: optionalText,
    person: optionalText,
  }),
  v.description(
    "What the first event is about, in its sender's words. `place`: the project, pipeline or space. `ref`: the branch, tag or version.",
  ),
);

export const listedDeliveries = answer<ListedDeliveries>()(
  v.object({
    deliveries: v.array(
      v.object({ ...summaryMembers, about: optional(shownAbout), ...outcomeMembers, noReportSince: optionalTime }),
    ),
    next: optional(v.pipe(text, v.description("The `cursor` of the next page. Absent on the last page."))),
    lookedBackTo: v.pipe(time, v.description("Everything received since then was looked at.")),
    matched: optional(
      v.pipe(
        v.object({ kind: v.picklist(["delivery", ...LOOKUP_KINDS]), value: text }),
        v.description("What the text of `find` is. Absent if nothing was found."),
      ),
    ),
    repeatOf: optional(
      v.pipe(text, v.description("The delivery of an earlier refusal, which the request that was looked up repeated.")),
    ),
  }),
);

const described = <Schema extends v.GenericSchema>(schema: Schema, what: string) => v.pipe(schema, v.description(what));

export const deliveryCounts = answer<DeliveryCounts>()(
  v.object({
    intervalSeconds: v.pipe(v.number(), v.description("A multiple of five minutes.")),
    intervals: v.array(
      v.object({
        from: time,
        source: optionalText,
        counts: v.object({ event: whole, ignored: whole, unusable: whole, refused: whole, audit: whole }),
        refusedRequests: optional(
          described(whole, "Requests that nobody proved, which have no delivery. Without `by`."),
        ),
        attention: optional(
          described(
            v.array(v.object({ state: v.picklist(ROUTE_ATTENTION), count: whole })),
            "Routes that began to need a person then and still do, by state. Without `by`.",
          ),
        ),
      }),
    ),
    totals: optional(
      described(
        v.object({
          sources: v.array(v.object({ source: text, count: whole })),
          states: v.array(v.object({ state: v.picklist(ROUTE_ATTENTION), count: whole })),
          routes: v.array(v.object({ route: text, count: whole })),
          targets: v.array(v.object({ target: text, count: whole })),
        }),
        "Of the whole range: the deliveries of each source, and the routes that need a person, by state, route and target. Without `by`.",
      ),
    ),
    atLeastBefore: optional(
      described(
        time,
        "`attention` and `refusedRequests` of the interval of this time and before are at least what is said: the newest " +
          "5,000 of each are counted. Absent if all are.",
      ),
    ),
  }),
);

const spanKind = v.picklist(SPAN_KINDS);

export const shownThread = answer<ShownThread>()(
  v.object({
    now: described(time, "When the bridge answered. A step without an `end` goes on until then."),
    totals: v.object({
      start: time,
      end: optional(described(time, "Absent while a step goes on.")),
      durationMs: whole,
      steps: described(whole, "All steps, also those that are left out."),
      deliveries: whole,
      omitted: described(whole, "Steps that are left out, because there are too many."),
      attempts: whole,
      failedAttempts: whole,
      pageVersions: described(whole, "Page versions that were written."),
      path: described(
        v.array(v.object({ kind: spanKind, ms: whole })),
        "On what the time went while everything waited for it, the longest first.",
      ),
      people: texts,
    }),
    spans: v.array(
      v.object({
        id: text,
        parent: optionalText,
        depth: whole,
        kind: spanKind,
        what: text,
        state: text,
        tone: v.picklist(["failed", "attention", "open", "good", "quiet"]),
        start: time,
        end: optionalTime,
        delivery: text,
        route: optionalText,
        by: optionalText,
        proof: optionalText,
        summary: optionalText,
        url: optionalText,
        run: optional(
          v.object({
            system: text,
            pipeline: text,
            id: text,
            job: optional(v.object({ id: text, name: text })),
          }),
        ),
        onPathMs: optional(described(whole, "For how long everything waited for this step itself.")),
        isLongest: optional(yes),
        isMinor: optional(described(yes, "The console leaves it out at first.")),
      }),
    ),
    isCut: optional(described(yes, "More deliveries belong to the thread, or have what was asked for, than are read.")),
    isConfined: optional(described(yes, "The caller may read only some deliveries, so steps may be missing.")),
    others: optional(v.array(v.object({ delivery: text, what: text, subject: optionalText, receivedAt: time }))),
  }),
);

const about = { at: time, route: text, event: optionalText };
const ofAction = { ...about, action: text };

export const timelineEvent = v.variant("kind", [
  v.object({ kind: v.literal("scheduled"), ...ofAction, occurrence: optional(whole) }),
  v.object({ kind: v.literal("already_scheduled"), ...ofAction, by: text }),
  v.object({ kind: v.literal("waiting"), ...ofAction, summary: text, waitsFor: optionalText }),
  v.object({
    kind: v.literal("attempt"),
    ...ofAction,
    attempt: whole,
    outcome: v.picklist(["done", "accepted", "retry", "give_up"]),
    summary: text,
    unknownOutcome: optional(v.boolean()),
    durationMs: v.number(),
    nextAt: optionalTime,
    facts: optional(textsByName),
    endedAs: optional(v.picklist(["superseded", "not_fired", "nothing_to_do"])),
    supersededBy: optional(v.string()),
  }),
  v.object({
    kind: v.literal("run"),
    ...ofAction,
    state: v.picklist(["missing", "not_created", "reported"]),
    summary: text,
  }),
  v.object({ kind: v.literal("denied"), ...about, refusal: rejection, mode: v.picklist(["enforce", "shadow"]) }),
  v.object({
    kind: v.literal("cancel"),
    ...ofAction,
    state: v.picklist(["asked", "left", "failed", "cancelled"]),
    by: text,
    summary: text,
  }),
  v.object({ kind: v.literal("cut"), ...ofAction, hops: whole }),
  v.object({
    kind: v.literal("approval"),
    ...about,
    approval: text,
    state: v.picklist([...approvalState, "not_asked", "partly_granted", "would_grant"]),
    by: optional(identity),
    comment: optionalText,
    endedFor: optionalText,
    progress: optional(progress),
    verifiedWith: optionalText,
    emergency: optional(yes),
    rule: optional(grantingRule),
  }),
  v.object({
    kind: v.literal("decided"),
    at: time,
    about: text,
    decision: v.picklist(["grant", "deny", "rollback", "promote", "order"]),
    by: identity,
    refusal: optional(rejection),
  }),
  v.object({
    kind: v.literal("replayed"),
    at: time,
    delivery: text,
    routes: texts,
    by: identity,
    isRollback: v.boolean(),
    promotedTo: optionalText,
    reason: optionalText,
  }),
  v.object({ kind: v.literal("ignored"), at: time, reason: v.literal("own_account"), account: text }),
  v.object({ kind: v.literal("token_exchanged"), at: time, upstream: text, scope: text, by: identity }),
  v.object({
    kind: v.literal("followed_by"),
    at: time,
    delivery: text,
    what: text,
    claimed: optional(yes),
    isReplay: optional(yes),
  }),
]);

export const expectedRun = v.object({
  route: text,
  event: optionalText,
  action: text,
  state: v.picklist(["expecting_run", "accepted_without_run", "reported"]),
  acceptedAt: time,
  requests: whole,
  next: optional(v.picklist(["repeat", "end"])),
  nextAt: optionalTime,
  reportedAt: optionalTime,
  reportedBy: optionalText,
  noReportSince: optionalTime,
});

const mark = v.picklist(["good", "bad", "warn", "busy", "quiet"]);
const steps = v.array(v.object({ mark, text }));
const checks = v.array(v.object({ text, command: text }));

export const explanation = v.object({
  answer: text,
  mark,
  steps,
  routes: v.array(
    v.object({ route: text, event: optionalText, target: optionalText, matched: v.boolean(), steps, checks }),
  ),
  otherRoutes: whole,
  followed: texts,
  checks,
});

export const shownDelivery = answer<ShownDelivery>()(
  v.object({
    delivery: v.object({
      ...summaryMembers,
      about: optional(shownAbout),
      ...outcomeMembers,
      provider: text,
      requestId: text,
      bodyDigest: text,
      bodyBytes: whole,
      redacted: optional(yes),
      unrelayed: optional(yes),
      relayedAt: optionalTime,
    }),
    events: v.array(busEvent),
    timeline: v.array(timelineEvent),
    runs: optional(v.array(expectedRun)),
    explanation: optional(explanation),
  }),
);

export const decision = v.object({
  by: identity,
  at: time,
  as: optional(texts),
  emergency: optional(yes),
  rule: optional(grantingRule),
  comment: optionalText,
  verifiedWith: optionalText,
  fromGroups: optional(v.object({ source: text, target: text, groups: texts, askedAt: time })),
});

export const shownRequest = answer<ShownRequest>()(
  v.object({
    delivery: text,
    receivedAt: time,
    headers: optional(v.array(v.object({ name: text, value: optionalText }))),
    bodyKind: v.picklist(["json", "text", "bytes", "none"]),
    body: optionalText,
    isCut: optional(yes),
    removed: whole,
    bodyBytes: whole,
    bodyDigest: text,
    replayOf: optionalText,
  }),
);

const shownRunMembers = {
  requesterName: optionalText,
  accountNames: optional(textsByName),
  commits: optional(v.array(v.object({ id: text, title: text, url: optionalText, author: optionalText }))),
  commitCount: optional(whole),
  diffUrl: optionalText,
  title: optionalText,
  url: optionalText,
  author: optionalText,
  params: optional(textsByName),
};

const approvalMembers = {
  id: text,
  route: text,
  delivery: text,
  event: optionalText,
  cause: optionalText,
  causeProof: optional(v.picklist(WEAK_ORIGINS)),
  subject: text,
  requester: identity,
  authors: optional(v.array(identity)),
  shows: optional(v.object(shownRunMembers)),
  page: optional(v.object({ site: text, id: text })),
  requestedAt: time,
  until: time,
  approvers: texts,
  state: v.picklist(approvalState),
  grants: v.array(decision),
  decision: optional(decision),
  endedAt: optionalTime,
  endedFor: optionalText,
  approvedRef: optionalText,
  verifyWith: optionalText,
  changedAt: optionalText,
  version: optionalText,
  progress: optional(progress),
  opensAt: optionalTime,
  needsReason: optional(v.boolean()),
};

export const approval = answer<ShownApproval>()(v.object(approvalMembers));

export const listedApprovals = answer<ListedApprovals>()(
  v.object({
    approvals: v.array(v.object({ ...approvalMembers, may: v.array(v.picklist(DECISIONS)) })),
    hasMore: v.boolean(),
  }),
);

export const endedApprovals = answer<EndedApprovals>()(
  v.object({
    approvals: v.array(v.object(approvalMembers)),
    earlier: optional(v.pipe(time, v.description("The `until` of the next request. Absent if the list is whole."))),
  }),
);

export const taskDecision = answer<TaskDecision>()(
  v.object({ delivery: text, decision: v.picklist(TASK_DECISIONS), message: optionalText }),
);

export const listedCancellations = answer<ListedCancellations>()(
  v.object({
    cancellations: v.array(v.object({ id: text, run: text, namespaces: texts, delivery: text, by: text, until: time })),
  }),
);

const accessDecision = v.object({ by: principal, at: time, comment: optionalText });
const accessMembers = {
  id: text,
  role: text,
  minutes: whole,
  reason: text,
  state: v.picklist(["requested", "granted", "denied", "withdrawn", "revoked", "expired", "ended"]),
  requester: principal,
  requestedAt: time,
  until: v.pipe(
    time,
    v.description("While it is `requested`, until when it can be decided. Then, the end of the role."),
  ),
  decision: optional(accessDecision),
  end: optional(accessDecision),
  approvers: texts,
  isOwn: optional(yes),
  may: v.array(v.picklist(ACCESS_DECISIONS)),
};

export const access = answer<ShownAccess>()(v.object(accessMembers));
export const placedAccess = answer<PlacedAccess>()(
  v.object({ ...accessMembers, status: v.picklist(["accepted", "duplicate"]) }),
);
export const listedAccess = answer<ListedAccess>()(
  v.object({
    roles: v.array(v.object({ role: text, maxMinutes: whole, approvers: texts })),
    access: v.array(v.object(accessMembers)),
    hasMore: v.boolean(),
  }),
);

export const listedCredentials = answer<ListedCredentials>()(
  v.object({
    credentials: v.array(
      v.object({
        kind: v.picklist(["source", "target"]),
        name: text,
        method: text,
        credential: text,
        lastUsedAt: time,
      }),
    ),
  }),
);

export const replayPreview = answer<ReplayPreview>()(
  v.object({
    delivery: text,
    routes: v.array(v.object({ route: text, recorded: v.boolean(), fires: v.boolean() })),
    problem: optionalText,
  }),
);

const namedPrincipal = v.object({
  id: text,
  issuer: text,
  subject: text,
  trustEntry: optionalText,
});
const seenState = v.picklist([...ROUTE_STATES, "unmatched"]);

export const bulkPreview = answer<BulkPreview>()(
  v.object({
    deliveries: whole,
    total: whole,
    routes: v.array(
      v.object({
        route: text,
        state: seenState,
        runs: whole,
        unsafe: whole,
        replayed: whole,
        unmatched: whole,
        forbidden: whole,
        needsApproval: optional(yes),
      }),
    ),
    isCut: optional(yes),
  }),
);

export const bulkReplay = answer<ShownBulkReplay>()(
  v.object({
    id: text,
    state: v.picklist(["running", "done", "stopped"]),
    orderedAt: time,
    by: namedPrincipal,
    reason: text,
    isForced: optional(yes),
    routes: texts,
    total: whole,
    handled: whole,
    counts: v.object({ accepted: whole, duplicate: whole, outdated: whole, refused: whole }),
    endedAt: optionalTime,
    stoppedBy: optional(namedPrincipal),
  }),
);

export const listedBulkReplays = answer<ListedBulkReplays>()(v.object({ replays: v.array(bulkReplay) }));

const neededApproval = v.object({ people: whole, roles: texts, rules: optional(texts) });

const runOfRoute = v.object({
  ...shownRunMembers,
  delivery: text,
  firedAt: time,
  state: v.picklist(["running", "succeeded", "failed"]),
  endedAt: optionalTime,
  what: optionalText,
  subject: optionalText,
  reference: optionalText,
  tag: optionalText,
  approval: optional(neededApproval),
  problem: optional(v.pipe(text, v.description("Why a rollback to it would run nothing."))),
});

export const rollbackPreview = answer<RollbackPreview>()(
  v.object({
    route: text,
    places: v.array(v.object({ environment: optionalText, newest: runOfRoute, good: v.array(runOfRoute) })),
  }),
);

const { problem: _problem, approval: _approval, ...runMembers } = runOfRoute.entries;
const promotableRun = v.object({ ...runMembers, digest: optionalText });

export const promotionPreview = answer<PromotionPreview>()(
  v.object({
    route: text,
    from: text,
    to: text,
    run: optional(promotableRun),
    newest: optional(promotableRun),
    good: optional(promotableRun),
    behind: optionalText,
    commits: optional(whole),
    approval: optional(neededApproval),
    placed: optional(v.object({ delivery: text, replayOf: text })),
    problem: optional(v.object({ reason: text, title: text })),
  }),
);

export const receipt = answer<Receipt>()(
  v.object({ delivery: optionalText, status: v.picklist(["accepted", "duplicate", "ignored", "unusable"]) }),
);

export const replayed = answer<Replayed>()(
  v.object({ delivery: text, replayOf: text, status: v.picklist(["accepted", "duplicate"]) }),
);

export const submittedSummary = answer<SubmittedSummary>()(
  v.object({ delivery: text, status: v.picklist(["accepted", "duplicate"]) }),
);

export const placedOrder = answer<PlacedOrder>()(
  v.object({ delivery: text, status: v.picklist(["accepted", "duplicate"]) }),
);

const inputMembers = { name: text, description: optionalText };
export const listedOrders = answer<ListedOrders>()(
  v.object({
    orders: v.array(
      v.object({
        order: text,
        description: optionalText,
        inputs: v.array(
          v.union([
            v.object({ ...inputMembers, kind: v.literal("choice"), choices: v.array(text) }),
            v.object({ ...inputMembers, kind: v.literal("pattern"), pattern: text, maxLength: v.number() }),
            v.object({ ...inputMembers, kind: v.literal("page"), target: text }),
            v.object({ ...inputMembers, kind: v.literal("ref"), of: v.picklist(["branch", "tag", "commit"]) }),
          ]),
        ),
      }),
    ),
  }),
);

export const orderPreview = answer<OrderPreview>()(
  v.object({
    order: text,
    routes: v.array(
      v.object({
        route: text,
        target: text,
        approval: optional(neededApproval),
        problem: optional(v.pipe(text, v.description("Why it would not fire."))),
      }),
    ),
  }),
);

const holds = {
  pause: optional(
    v.object({
      since: time,
      by: namedPrincipal,
      reason: text,
    }),
  ),
  breaker: optional(v.object({ failures: whole, why: text, since: optionalTime, retryAt: optionalTime })),
};

export const listedRefusals = answer<ListedRefusals>()(
  v.object({
    refusals: v.array(
      v.object({
        source: text,
        reason: text,
        count: whole,
        since: time,
        lastAt: time,
        requests: texts,
        hint: optionalText,
      }),
    ),
    sources: v.array(v.object({ source: text, lastGoodAt: optionalTime, unusedNext: optional(yes) })),
    from: time,
    isConfined: optional(described(yes, "The caller may read only some deliveries, so nothing is listed.")),
  }),
);

export const target = answer<HeldTarget>()(v.object({ target: text, removed: optional(yes), ...holds }));

const level = v.picklist(LEVELS);

const targetMembers = {
  target: text,
  removed: optional(yes),
  pages: optional(yes),
  state: v.picklist(TARGET_STATES),
  level,
  why: text,
  since: optionalTime,
  lastUsedAt: optionalTime,
  due: v.pipe(whole, v.description("At most 100.")),
  retrying: whole,
  oldestAt: v.exactOptional(v.pipe(time, v.description("Since when the oldest of them waits."))),
  latency: optional(
    described(
      v.object({
        attempts: whole,
        p95AtMostMs: optional(
          described(whole, "95 % took at most this. Absent without attempts, and above 60 seconds."),
        ),
      }),
      "How long the attempts of the last hour took, as far as this process made them. Absent in AWS, where CloudWatch has it.",
    ),
  ),
  may: v.array(v.picklist(["pause", "resume"])),
};

export const listedTargets = answer<ListedTargets>()(
  v.object({ targets: v.array(v.object({ ...targetMembers, ...holds })) }),
);

/** `GET /metrics`. */
export const metrics = text;

export const overview = answer<Overview>()(
  v.object({
    level,
    at: time,
    version: text,
    configuration: optional(v.pipe(text, v.description("The digest of the configuration in force, if it is known."))),
    hidden: optional(v.pipe(texts, v.description("Parts that the caller's roles do not show."))),
    bridge: optional(v.object({ level, checks: textsByName })),
    sources: optional(
      v.array(
        v.object({
          source: text,
          state: v.picklist(SOURCE_STATES),
          level,
          why: text,
          lastGoodAt: optionalTime,
          lastHour: whole,
          weekAgo: v.pipe(whole, v.description("Deliveries in the same hour a week ago.")),
          refusals: v.array(v.object({ reason: text, count: whole, since: time, lastAt: time })),
        }),
      ),
    ),
    targets: optional(
      v.array(
        v.object({
          ...targetMembers,
        }),
      ),
    ),
    pages: optional(
      v.object({
        level,
        notWritable: whole,
        hasMore: optional(described(yes, "More failures were not looked at, so `notWritable` is at least this.")),
        overdue: whole,
        waiting: whole,
      }),
    ),
    ended: v.object({
      level,
      since: time,
      counts: v.object({ given_up: whole, accepted_without_run: whole, cut: whole }),
      hasMore: optional(yes),
      newest: v.array(
        v.object({
          delivery: text,
          what: text,
          subject: optionalText,
          about: optional(shownAbout),
          route: text,
          target: optionalText,
          state: v.picklist(FAILED_STATES),
          since: time,
          reason: optionalText,
        }),
      ),
    }),
    reported: optional(
      described(
        v.object({
          since: time,
          newest: v.array(
            v.object({
              delivery: text,
              what: text,
              subject: optionalText,
              about: optional(shownAbout),
              receivedAt: time,
            }),
          ),
        }),
        "What ended badly in the systems that send, such as a build: the newest, at most 5. Every delivery since `since` was looked at.",
      ),
    ),
    approvals: v.object({ waiting: whole, forYou: whole, oldestAt: optionalTime, firstUntil: optionalTime }),
  }),
);

export const revokedSessions = answer<RevokedSessions>()(v.object({ subject: text, notBefore: time }));

export const exchangedToken = answer<ExchangedToken>()(
  v.object({
    access_token: text,
    issued_token_type: v.literal("urn:ietf:params:oauth:token-type:access_token"),
    token_type: v.literal("Bearer"),
    expires_in: whole,
    scope: text,
  }),
);

/** With the claims of the token if it is active. */
export const introspection = v.looseObject({ active: v.boolean() });
/** `would_refuse`: it may pass because of shadow mode. */
export const gatewayDecision = v.object({ decision: v.picklist(["allow", "would_refuse"]) });
/** https://docs.konghq.com/hub/kong-inc/opa/: `headers` are for the upstream if `allow`, and for the client otherwise. */
export const opaDecision = v.object({
  result: v.object({
    allow: v.boolean(),
    status: v.optional(v.number()),
    headers: v.record(v.string(), v.string()),
    message: v.optional(v.string()),
  }),
});

export const discovery = v.looseObject({ issuer: v.pipe(text, v.url()), jwks_uri: v.pipe(text, v.url()) });

export const keySet = v.object({
  keys: v.array(v.looseObject({ kty: text, kid: text, alg: text, use: text })),
});

export const health = v.object({ status: v.literal("up") });

export const readiness = v.object({
  status: v.picklist(["ready", "degraded", "unavailable"]),
  checks: textsByName,
  configuration: optionalText,
});

/** A type without intersections, so that two equal types are identical. All members are read-only. */
type Plain<T> = T extends (infer E)[] | readonly (infer E)[]
  ? readonly Plain<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<T[K]> }
    : T;

type IsSame<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;

/** The places at which two types differ, such as `.timeline[](attempt).nextAt`. */
type Difference<A, B, At extends string = ""> =
  IsSame<A, B> extends true
    ? never
    : [A, B] extends [readonly (infer X)[], readonly (infer Y)[]]
      ? Difference<X, Y, `${At}[]`>
      : [A, B] extends [{ kind: string }, { kind: string }]
        ? OfKinds<A & { kind: string }, B & { kind: string }, At>
        : [A, B] extends [object, object]
          ? OfMembers<A, B, At>
          : At;
type OfKinds<A extends { kind: string }, B extends { kind: string }, At extends string> = {
  [K in A["kind"] | B["kind"]]: OfMembers<Extract<A, { kind: K }>, Extract<B, { kind: K }>, `${At}(${K})`>;
}[A["kind"] | B["kind"]];
type OfMembers<A, B, At extends string> = {
  [K in (keyof A | keyof B) & string]: K extends keyof A & keyof B
    ? IsSame<Pick<A, K>, Pick<B, K>> extends true
      ? never
      : Difference<A[K], B[K], `${At}.${K}`>
    : `${At}.${K}`;
}[(keyof A | keyof B) & string];

/** Takes only a schema of exactly the type that a handler returns. */
function answer<Returned>() {
  return <S extends v.GenericSchema>(
    schema: S &
      ([Difference<Plain<v.InferOutput<S>>, Plain<Returned>>] extends [infer Places]
        ? [Places] extends [never]
          ? unknown
          : `it differs from the type of the handler at ${Places & string}`
        : never),
  ): S => schema;
}
