import * as v from "valibot";
import { accessBody, accessVerdict } from "../../shared/http/access.ts";
import { query as openQuery, verdict } from "../../shared/http/approvals.ts";
import { orderBody, previewBody, stopBody } from "../../shared/http/bulk-replays.ts";
import { cancellationsBody } from "../../shared/http/cancellations.ts";
import { query as deliveriesQuery, EXPECTED, ONE_EXPECTED, oneQuery } from "../../shared/http/deliveries.ts";
import { COUNTS_EXPECTED, countsQuery } from "../../shared/http/delivery-counts.ts";
import { query as endedQuery } from "../../shared/http/ended-approvals.ts";
import { opaInput } from "../../shared/http/gateway-forms.ts";
import { introspectionForm } from "../../shared/http/introspection.ts";
import { OPEN_METRICS_TYPE } from "../../shared/http/open-metrics.ts";
import { placingBody } from "../../shared/http/orders.ts";
import { PROMOTION_QUERY, promotionBody, promotionQuery } from "../../shared/http/promotions.ts";
import { EXPECTED as REFUSALS_EXPECTED, query as refusalsQuery } from "../../shared/http/refusals.ts";
import { replayBody, rollbackBody, rollbackQuery } from "../../shared/http/replay.ts";
import { revocation } from "../../shared/http/sessions.ts";
import { summaryBody } from "../../shared/http/summaries.ts";
import { pauseBody, resumeBody } from "../../shared/http/targets.ts";
import { THREADS_EXPECTED, threadsQuery } from "../../shared/http/threads.ts";
import { exchangeForm } from "../../shared/http/token-exchange.ts";
import type { RejectionReason } from "../../shared/model/rejection.ts";
import { statusBody } from "../../shared/providers/status/reading.ts";
import * as answers from "./answers.ts";

/** One call of the HTTP API, as `openapi.json` describes it. */
export interface Operation {
  readonly summary: string;
  /** Markdown. */
  readonly description?: string;
  /** What authenticates the caller: nothing, a bearer token, the credential of a source, or a token in the form. */
  readonly caller: "anyone" | "token" | "sender" | "subject token";
  /** The schema that validates the query, and a sentence for each of its parameters. */
  readonly query?: {
    readonly schema: v.ObjectSchema<v.ObjectEntries, undefined> | v.StrictObjectSchema<v.ObjectEntries, undefined>;
    readonly expected: Readonly<Record<string, string>>;
  };
  /** The schema that validates the body. `any`: JSON in the form of the sender. */
  readonly body?: {
    readonly type: "json" | "form";
    readonly schema: v.GenericSchema | "any";
    readonly required: boolean;
  };
  /** Headers that it needs besides those of every call, with a sentence for each. */
  readonly headers?: Readonly<Record<string, string>>;
  /** It takes the header `Idempotency-Key`, or needs it. */
  readonly isIdempotent?: true | "required";
  /** What succeeds, by status. */
  readonly answers: Readonly<Partial<Record<200 | 202 | 503, Answer>>>;
  /** Reasons of its own for a rejection. Those of every call with this kind of caller or body are added. */
  readonly refusals: readonly RejectionReason[];
  /** Its handler refuses with 401 and 403 only. */
  readonly forbids?: true;
  /** A cache may keep the answer. */
  readonly isCached?: true;
  /** It answers 404 if the configuration does not have it. */
  readonly isOptional?: true;
}

interface Answer {
  readonly what: string;
  /** The type of the answer; JSON if it is left out. */
  readonly type?: string;
  readonly schema: v.GenericSchema;
}

const received: Operation["answers"] = {
  200: { what: "A repeat of a delivery that was recorded before: `duplicate`.", schema: answers.receipt },
  202: {
    what:
      "Recorded. `ignored`: authentic, and of no interest. `unusable`: authentic, and it could not be parsed. " +
      "Neither is sent again by a sender that gets this answer.",
    schema: answers.receipt,
  },
};

const time = "A time in ISO 8601, such as `2026-11-02T09:00:00Z`.";

const HANDED_ON =
  "The answer hands on `X-Drawbridge-Principal`, `-Trust-Entry`, `-Roles`, `-Scope` and `-Token`, or in shadow mode " +
  "`-Would-Refuse`. `id` is a name under `upstreams`.";
const METHOD = "The method of the client's request.";
const TARGET = "Path and query of the client's request, as it was sent.";
const DECISIONS = [
  ...(["asked_request_missing", "asked_request_ambiguous", "asked_request_not_listed", "upstream_unknown"] as const),
  ...(["role_missing", "scope_forbidden", "run_missing", "run_ended"] as const),
] as const;

/**
 * Every call of the HTTP API, by method and path. A call that is not here is described by nothing, and a test fails. The
 * schemas of queries and bodies are those with which the handlers validate.
 */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /webhooks/{source}": {
    summary: "Receive a webhook of a configured source",
    description:
      "The body is in the form of the sender. `source` is a name under `sources` of the configuration, and its provider " +
      "decides which credential proves the request: see the security schemes. A request that proves nothing is answered " +
      "401 and causes no write.",
    caller: "sender",
    body: { type: "json", schema: "any", required: true },
    answers: received,
    refusals: ["source_unknown", "tenant_mismatch", "groups_omitted", "role_missing", "rate_exceeded"],
  },
  "POST /v1/status": {
    summary: "Report the state of a CI job's own build",
    description: "Only the token identifies the build, never a member of the body.",
    caller: "token",
    body: { type: "json", schema: statusBody, required: true },
    answers: received,
    refusals: ["body_invalid", "namespace_not_listed", "project_not_listed", "pipeline_not_listed"],
  },
  "GET /v1/deliveries": {
    summary: "List deliveries, the newest first",
    description:
      "Of the last seven days unless `since` is given; a look-up (`find`, `commit` and so on) as far back as records are " +
      "kept. One page reads the list for two seconds at most, so it may have fewer than `limit` deliveries, or none, and " +
      "still a `next`: pass it as `cursor` to go on. The last page has no `next`. What is outside a confined role is left out.",
    caller: "token",
    query: { schema: deliveriesQuery, expected: EXPECTED },
    answers: { 200: { what: "A page of deliveries.", schema: answers.listedDeliveries } },
    refusals: ["query_invalid"],
  },
  "GET /v1/deliveries/counts": {
    summary: "Count deliveries by time and outcome",
    description:
      "Of the last seven days unless `since` is given, in at most 60 intervals, with what was refused without a " +
      "delivery and what still needs a person. With `route` or `target`, only what needs a person of it is " +
      "counted. A role that sees only some deliveries " +
      "may not count them.",
    caller: "token",
    query: { schema: countsQuery, expected: COUNTS_EXPECTED },
    answers: { 200: { what: "The intervals in which something was counted.", schema: answers.deliveryCounts } },
    refusals: ["query_invalid"],
  },
  "GET /v1/threads": {
    summary: "Show everything that followed from one cause",
    description:
      "The thread of a delivery, or of the newest delivery with this commit, page and run that had an effect; `others` names " +
      "the rest. A commit alone, or an id of a request, has one thread with everything that has it. At most 200 deliveries are read and 1,000 steps are " +
      "shown; the answer says what it leaves out. Times of a sender whose clock is wrong are moved, and the step says so.",
    caller: "token",
    query: { schema: threadsQuery, expected: THREADS_EXPECTED },
    answers: { 200: { what: "The steps, each before the steps below it.", schema: answers.shownThread } },
    refusals: ["delivery_unknown", "query_invalid"],
  },
  "GET /v1/refusals": {
    summary: "Count the requests that nobody proved, by source, reason and five minutes",
    description:
      "Of the last day unless `since` is given; for a `request`, of all that is kept. It says nothing of a request but its id " +
      "and the reason. Empty for a confined role.",
    caller: "token",
    query: { schema: refusalsQuery, expected: REFUSALS_EXPECTED },
    answers: {
      200: {
        what: "The refusals, the newest first, and when each source was last proved.",
        schema: answers.listedRefusals,
      },
    },
    refusals: ["query_invalid"],
  },
  "GET /v1/deliveries/{id}": {
    summary: "Get a delivery with its events, its timeline and its runs",
    caller: "token",
    query: { schema: oneQuery, expected: ONE_EXPECTED },
    answers: { 200: { what: "The delivery.", schema: answers.shownDelivery } },
    refusals: ["query_invalid", "delivery_unknown"],
  },
  "GET /v1/deliveries/{id}/request": {
    summary: "Get the headers and the body of a delivery as they arrived, without credentials",
    description:
      "Needs a role that has `call: [payloads]` besides `call: [deliveries]`. Each answer is recorded in the audit log " +
      "before it is sent; while nothing can be recorded, the answer is 503. Of a header without `value`, a credential was not " +
      "kept. `body` is the text as it arrived, except the values that were removed, and at most 1,000,000 characters of it.",
    caller: "token",
    answers: { 200: { what: "The request.", schema: answers.shownRequest } },
    refusals: ["delivery_unknown"],
  },
  "POST /v1/deliveries/{id}/replay": {
    summary: "Run a delivery again, for all of its routes or for one",
    description:
      "An empty body is an empty object. `today`: also for routes that did not match then and do with today's configuration. " +
      "`reason` is recorded in the timeline. `expected` needs `route`: the route runs again only if it has this state since " +
      "this time, and once for that state, whoever asks and with whichever idempotency key; the state `unmatched` has no " +
      "time. `force`: also if something may have run already, or still runs.",
    caller: "token",
    body: { type: "json", schema: replayBody, required: false },
    isIdempotent: true,
    answers: { 202: { what: "Recorded as a new delivery.", schema: answers.replayed } },
    refusals: ["body_invalid", "delivery_unknown", "replay_impossible", "replay_outdated", "replay_unsafe"],
  },
  "GET /v1/deliveries/{id}/replay": {
    summary: "Get what a replay of a delivery would do now",
    caller: "token",
    answers: { 200: { what: "The routes that the caller may run again.", schema: answers.replayPreview } },
    refusals: ["delivery_unknown"],
  },
  "GET /v1/targets": {
    summary: "List the targets: how each is, its pause, its circuit breaker and its due actions",
    caller: "token",
    answers: { 200: { what: "The targets, by name.", schema: answers.listedTargets } },
    refusals: [],
  },
  "GET /metrics": {
    summary: "Get the metrics of one machine, in the OpenMetrics text format",
    description:
      "Needs a role that has `call: [metrics]`; at the port of `start --metrics-port` no token. " +
      "In AWS there is no such call: CloudWatch has the metrics.",
    caller: "token",
    answers: { 200: { what: "The metrics.", type: OPEN_METRICS_TYPE, schema: answers.metrics } },
    refusals: [],
    isOptional: true,
  },
  "GET /v1/overview": {
    summary: "Get whether the bridge is well, and how each source and target is",
    description:
      "`level` is the worst of all parts: `failing`, `attention`, `unknown` or `well`. What is not known is never `well`. It " +
      "reads counts and indexes, so it costs the same however many deliveries there are. A confined role sees only what is " +
      "its own, and `hidden` names the rest.",
    caller: "token",
    answers: { 200: { what: "The bridge, its sources and targets, the worst first.", schema: answers.overview } },
    refusals: [],
  },
  "POST /v1/targets/{target}/pause": {
    summary: "Pause a target: no attempt at it begins until it is resumed",
    description: "A target that is paused already stays as it is. Needs `pause` for the target under a role.",
    caller: "token",
    body: { type: "json", schema: pauseBody, required: true },
    answers: { 200: { what: "The target.", schema: answers.target } },
    refusals: ["body_invalid", "target_unknown"],
  },
  "POST /v1/targets/{target}/resume": {
    summary: "Resume a target; one that keeps failing is tried at once",
    description: "An empty body is an empty object. Needs `pause` for the target under a role.",
    caller: "token",
    body: { type: "json", schema: resumeBody, required: false },
    answers: { 200: { what: "The target.", schema: answers.target } },
    refusals: ["body_invalid", "target_unknown"],
  },
  "GET /v1/orders": {
    summary: "List the orders that the caller may place, with their inputs",
    caller: "token",
    answers: { 200: { what: "The orders, by name.", schema: answers.listedOrders } },
    refusals: [],
  },
  "POST /v1/orders/{id}": {
    summary: "Place an order: start by identity what routes lead from it",
    description:
      "`id` is a name under `orders` of the configuration. Needs one of its roles, and an `Idempotency-Key`: the same key " +
      "with the same inputs gets the same answer and runs nothing again; with other inputs it is refused.",
    caller: "token",
    body: { type: "json", schema: placingBody, required: false },
    isIdempotent: "required",
    answers: { 202: { what: "Recorded as a delivery.", schema: answers.placedOrder } },
    refusals: [
      ...(["body_invalid", "order_unknown", "input_invalid", "order_confined"] as const),
      ...(["idempotency_key_missing", "idempotency_key_reused"] as const),
    ],
  },
  "POST /v1/orders/{id}/preview": {
    summary: "Get what an order with these inputs would do now",
    description: "The routes that match it, and who has to approve each run. Records nothing.",
    caller: "token",
    body: { type: "json", schema: placingBody, required: false },
    answers: { 200: { what: "The routes.", schema: answers.orderPreview } },
    refusals: ["body_invalid", "order_unknown", "input_invalid", "order_confined"],
  },
  "GET /v1/replays": {
    summary: "List the orders to run many deliveries again",
    caller: "token",
    answers: {
      200: { what: "Of the newest 100 orders, those the caller may know.", schema: answers.listedBulkReplays },
    },
    refusals: [],
  },
  "POST /v1/replay-preview": {
    summary: "Get what an order to run many deliveries again would do now",
    description:
      "`deliveries`: ids. Or `query`: filters of `GET /v1/deliveries`. With both, `state`, `route` and `target` select the " +
      "routes. `today`: also routes that did not match then and do with today's configuration. `force`: also what may have " +
      "run already, or still runs. Not counted in `total`: what was run again in this state already, and, with a query, " +
      "such runs themselves that did not fail (`replayed`). `needsApproval`: each run of the route waits for an approval. " +
      "Records nothing.",
    caller: "token",
    body: { type: "json", schema: previewBody, required: true },
    answers: { 200: { what: "The counts.", schema: answers.bulkPreview } },
    refusals: ["body_invalid", "query_invalid"],
  },
  "POST /v1/replays": {
    summary: "Run many deliveries again, in the background",
    description:
      "Selects as the preview does, at most 1,000 replays, and runs `rate` in a second (1 to 10, else 10). The same request again returns the first order, also if that " +
      "selected nothing. Needs `replay` for a route under a role.",
    caller: "token",
    body: { type: "json", schema: orderBody, required: true },
    isIdempotent: true,
    answers: { 202: { what: "The order. A short one is done already.", schema: answers.bulkReplay } },
    refusals: ["body_invalid", "query_invalid"],
  },
  "GET /v1/replays/{id}": {
    summary: "Get the progress of an order",
    caller: "token",
    answers: { 200: { what: "The order.", schema: answers.bulkReplay } },
    refusals: ["replay_unknown"],
  },
  "POST /v1/replays/{id}/stop": {
    summary: "Stop an order: it runs nothing more",
    description: "An empty body is an empty object. One that has ended stays as it is.",
    caller: "token",
    body: { type: "json", schema: stopBody, required: false },
    answers: { 200: { what: "The order.", schema: answers.bulkReplay } },
    refusals: ["body_invalid", "replay_unknown"],
  },
  "GET /v1/rollbacks": {
    summary: "Get where a route can be rolled back, and to what",
    description:
      "Each environment in which a run of the route succeeded, with the run that a rollback replaces and those that it can " +
      "go back to. Without an environment: runs that reported none. What a run was for is shown only to a caller who may read " +
      "its delivery.",
    caller: "token",
    query: { schema: rollbackQuery, expected: { route: "the name of a route" } },
    answers: { 200: { what: "The runs, newest first.", schema: answers.rollbackPreview } },
    refusals: ["query_invalid", "rollback_impossible"],
  },
  "POST /v1/rollbacks": {
    summary: "Fire a route again as its last successful run before the newest one",
    description: "`environment`: as the route's events name it. `to`: the run to return to, if it is not the last one.",
    caller: "token",
    body: { type: "json", schema: rollbackBody, required: true },
    isIdempotent: true,
    answers: { 202: { what: "Recorded as a new delivery.", schema: answers.replayed } },
    refusals: ["body_invalid", "rollback_impossible"],
  },
  "GET /v1/promotions": {
    summary: "Get what a promotion of a route's last good run would do now",
    description:
      "The last good run in `from`, what `to` has, and why the promotion would be refused (`problem`). `commits` is absent " +
      "if the recorded pushes do not say how many. With a `key` that the caller promoted with before: `placed`, the delivery " +
      "and the run of that promotion, and nothing else. Needs `promote` for the route under a role. Records nothing.",
    caller: "token",
    query: { schema: promotionQuery, expected: PROMOTION_QUERY },
    answers: { 200: { what: "The runs.", schema: answers.promotionPreview } },
    refusals: ["query_invalid", "promotion_impossible"],
  },
  "POST /v1/promotions": {
    summary: "Fire a route for its last good run in one environment again, for the next environment",
    description:
      "`run`: the delivery of that run, as the preview names it. Refused if it is not the newest good one any more. Needs " +
      "`promote` for the route under a role, and an `Idempotency-Key`. Somebody else's promotion of the same run that is not " +
      "over is the answer too, as a duplicate.",
    caller: "token",
    body: { type: "json", schema: promotionBody, required: true },
    isIdempotent: "required",
    answers: { 202: { what: "Recorded as a new delivery.", schema: answers.replayed } },
    refusals: [
      ...(["body_invalid", "idempotency_key_missing"] as const),
      ...(["promotion_impossible", "promotion_outdated", "promotion_running"] as const),
    ],
  },
  "GET /v1/approvals": {
    summary: "List approvals",
    description:
      "Without `state`, or with an open state: the open approvals that the caller may decide or withdraw, with the decisions " +
      "in `may`. With `all=true` also those that only others may decide, of deliveries that the caller may read. With " +
      "`state=ended`: all that were decided, fired, expired or superseded in a period, for whoever may read the log, after " +
      "those that are granted and have not fired yet, unless `until` is given; pass `earlier` as `until` to go on.",
    caller: "token",
    query: {
      schema: v.strictObject({
        state: v.optional(v.picklist([...openQuery.entries.state.wrapped.options, endedQuery.entries.state.literal])),
        all: openQuery.entries.all,
        since: endedQuery.entries.since,
        until: endedQuery.entries.until,
      }),
      expected: {
        all: "`true`: also the open approvals that only others may decide. Not with `state=ended`.",
        state: "`requested` or `granted`: only open approvals in this state. `ended`: those that ended.",
        since: `${time} Only with \`state=ended\`; 30 days before \`until\` if left out.`,
        until: `${time} Only with \`state=ended\`; now if left out.`,
      },
    },
    answers: {
      200: {
        what: "The approvals, with `hasMore` if they are open and there are more than were looked at.",
        schema: v.union([answers.listedApprovals, answers.endedApprovals]),
      },
    },
    refusals: ["query_invalid"],
  },
  "POST /v1/approvals/{id}": {
    summary: "Grant, deny or withdraw an approval, or grant it in an emergency",
    description: "An `emergency` needs a `comment`. So does a `grant` of a route with `approval.reason: required`.",
    caller: "token",
    body: { type: "json", schema: verdict, required: true },
    answers: { 200: { what: "The approval after the decision.", schema: answers.approval } },
    refusals: [
      ...(["body_invalid", "approval_unknown", "self_approval", "approval_closed", "outside_window"] as const),
      ...(["approval_outdated", "approval_too_recent", "reason_missing", "reference_unverified"] as const),
    ],
  },
  "GET /v1/gates/{id}": {
    summary: "Ask what is decided about a task that waits inside a run",
    description:
      "`id` is the delivery that reported the task. Needs `call: [gates]` under a role, and only the principal that reported " +
      "the task gets an answer: the process in the cluster, which then writes the decision there.",
    caller: "token",
    answers: { 200: { what: "The decision.", schema: answers.taskDecision } },
    refusals: ["delivery_unknown"],
  },
  "POST /v1/cancellations": {
    summary: "Ask which runs have to be cancelled, and report those that could not be",
    description:
      "Needs `call: [cancellations]` under a role. The answer has the runs of the cluster whose tokens the trust entry of the " +
      "caller accepts, for the process in that cluster. `failed`: what it could not cancel, and why. A run is listed while " +
      "something newer waits for its end, until that was reported, or until the time after which its place is free.",
    caller: "token",
    body: { type: "json", schema: cancellationsBody, required: false },
    answers: { 200: { what: "The runs.", schema: answers.listedCancellations } },
    refusals: ["body_invalid"],
  },
  "GET /v1/access": {
    summary: "List who holds which role for a time, and who requested one",
    description:
      "Requests of the last 25 hours, the newest first: the caller's own, those that the caller may decide about, and, for " +
      "whoever may read what is about no event, all. Of those that are over, the newest 500. `roles` has what the caller may request.",
    caller: "token",
    answers: { 200: { what: "The requests, and what the caller may request.", schema: answers.listedAccess } },
    refusals: [],
  },
  "POST /v1/access": {
    summary: "Request a role for a time",
    description:
      "Needs one of the roles under `onRequest.by` of the role, and an `Idempotency-Key`. While a request for the role waits, " +
      "or the role is held, the answer is that request, as `duplicate`.",
    caller: "token",
    body: { type: "json", schema: accessBody, required: true },
    isIdempotent: "required",
    answers: { 202: { what: "The request.", schema: answers.placedAccess } },
    refusals: [
      ...(["body_invalid", "person_needed", "idempotency_key_missing", "idempotency_key_reused"] as const),
      "access_too_many",
    ],
  },
  "GET /v1/access/{id}": {
    summary: "Get a request for a role",
    caller: "token",
    answers: { 200: { what: "The request, and what became of it.", schema: answers.access } },
    refusals: ["approval_unknown"],
  },
  "POST /v1/access/{id}": {
    summary: "Grant, deny or revoke a role for a time",
    description: "`revoke` ends a role before its time; of its requester, it takes back a request that waits, too.",
    caller: "token",
    body: { type: "json", schema: accessVerdict, required: true },
    answers: { 200: { what: "The request after the decision.", schema: answers.access } },
    refusals: ["body_invalid", "approval_unknown", "self_approval", "person_needed", "approval_closed"],
  },
  "GET /v1/credentials": {
    summary: "List when each credential was last used",
    description: "Never its value. Credentials that were used within the retention time.",
    caller: "token",
    answers: { 200: { what: "The credentials.", schema: answers.listedCredentials } },
    refusals: [],
  },
  "POST /v1/sessions/revoke": {
    summary: "End the console sessions of a person",
    description: "Without a `subject` the caller's own, which needs no role. An empty body is an empty object.",
    caller: "token",
    body: { type: "json", schema: revocation, required: false },
    answers: { 200: { what: "Sessions that began before `notBefore` have ended.", schema: answers.revokedSessions } },
    refusals: ["body_invalid"],
  },
  "PUT /v1/targets/{target}/pages/{id}/summary": {
    summary: "Submit a machine's text for a page",
    description: "`sources` are the deliveries that the text summarises. A route writes the text to the page.",
    caller: "token",
    body: { type: "json", schema: summaryBody, required: true },
    isIdempotent: true,
    answers: { 202: { what: "Recorded as a delivery.", schema: answers.submittedSummary } },
    refusals: ["body_invalid", "target_unknown", "delivery_unknown"],
  },
  "POST /oauth/token": {
    summary: "Exchange a run's token for an access token of an upstream (RFC 8693)",
    description:
      "`audience` is the name of an upstream of the configuration. The subject token is the only credential. A rejection has " +
      "the form of RFC 6749, and its status is 400 instead of 401, 403 or 404.",
    caller: "subject token",
    body: { type: "form", schema: exchangeForm, required: true },
    answers: { 200: { what: "The access token.", schema: answers.exchangedToken } },
    refusals: [
      ...(["body_invalid", "grant_type_unsupported", "upstream_unknown", "role_missing", "scope_forbidden"] as const),
      ...(["run_missing", "run_ended"] as const),
    ],
  },
  "POST /oauth/introspect": {
    summary: "Ask whether an access token of the bridge is active (RFC 7662)",
    caller: "token",
    body: { type: "form", schema: introspectionForm, required: true },
    answers: {
      200: { what: "With the claims of the token if it is active, else only `active`.", schema: answers.introspection },
    },
    refusals: ["body_invalid"],
  },
  "GET /v1/authorize/nginx/{id}": {
    summary: "Ask whether a request may pass to an upstream, as nginx's auth_request does",
    description: `The token is that of the client. A refusal is 401 or 403, whatever its reason. ${HANDED_ON}`,
    caller: "token",
    headers: { "X-Original-Method": METHOD, "X-Original-URI": TARGET },
    forbids: true,
    answers: { 200: { what: "It may pass. The headers name the caller.", schema: answers.gatewayDecision } },
    refusals: DECISIONS,
  },
  "GET /v1/authorize/forward/{id}": {
    summary: "Ask whether a request may pass to an upstream, as Traefik's ForwardAuth and Caddy's forward_auth do",
    description: `The token is that of the client, who gets a refusal as it is. ${HANDED_ON}`,
    caller: "token",
    headers: { "X-Forwarded-Method": METHOD, "X-Forwarded-Uri": TARGET },
    answers: { 200: { what: "It may pass. The headers name the caller.", schema: answers.gatewayDecision } },
    refusals: DECISIONS,
  },
  "POST /v1/authorize/opa/{id}": {
    summary: "Ask whether a request may pass to an upstream, as Kong's plugin opa does",
    description:
      "The token is `input.request.http.headers.authorization`. Every decision is answered 200, a refusal too. " +
      HANDED_ON,
    caller: "anyone",
    body: { type: "json", schema: opaInput, required: true },
    answers: { 200: { what: "The decision, in the form of Open Policy Agent.", schema: answers.opaDecision } },
    refusals: ["asked_request_missing"],
  },
  "GET /.well-known/openid-configuration": {
    summary: "Get the discovery document of the bridge as an issuer of tokens",
    description: "Answers 404 if the configuration has no `identity`.",
    caller: "anyone",
    answers: { 200: { what: "The document (OpenID Connect Discovery 1.0).", schema: answers.discovery } },
    refusals: [],
    isCached: true,
    isOptional: true,
  },
  "GET /.well-known/jwks.json": {
    summary: "Get the public keys of the bridge",
    description: "Answers 404 if the configuration has no `identity`.",
    caller: "anyone",
    answers: { 200: { what: "The JWK set (RFC 7517).", schema: answers.keySet } },
    refusals: [],
    isCached: true,
    isOptional: true,
  },
  "GET /healthz": {
    summary: "Ask whether the process answers",
    caller: "anyone",
    answers: { 200: { what: "It does.", schema: answers.health } },
    refusals: [],
  },
  "GET /readyz": {
    summary: "Ask whether the bridge can take requests",
    caller: "anyone",
    answers: {
      200: { what: "It can. `degraded`: and work waits for too long.", schema: answers.readiness },
      503: { what: "It cannot.", schema: answers.readiness },
    },
    refusals: [],
  },
  "GET /openapi.json": {
    summary: "Get this description",
    caller: "anyone",
    answers: { 200: { what: "An OpenAPI 3.1 document.", schema: v.looseObject({ openapi: v.string() }) } },
    refusals: [],
    isCached: true,
  },
};

/** The parameters in the paths. */
export const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  source: "The name of a configured source.",
  id: "The id of the delivery, of the approval or, below a target, of the page.",
  target: "The name of a configured target.",
};

/** How senders of each provider prove themselves: the header, then which credential it has. */
export const SENDER_CREDENTIALS: Readonly<Record<string, readonly [header: string, scheme: string]>> = {
  buildkite: [
    "X-Buildkite-Signature",
    "`timestamp=<Unix seconds>,signature=<hex>`: HMAC-SHA256 of `<timestamp>.<body>` with the webhook's token, five minutes " +
      "either way. Or the token itself in `X-Buildkite-Token`.",
  ],
  confluence: [
    "X-Hub-Signature",
    "`sha256=<hex>`: HMAC-SHA256 of the body (Data Center). Or in `Authorization`: the JWT of a Forge app or of a Connect " +
      "app, or the fixed token of an Automation rule.",
  ],
  github: ["X-Hub-Signature-256", "`sha256=<hex>`: HMAC-SHA256 of the body with the webhook's secret."],
  gitlab: [
    "webhook-signature",
    "Standard Webhooks `v1`: HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`, five minutes either way. Or the " +
      "secret token itself in `X-Gitlab-Token`.",
  ],
  kong: ["X-Kong-Token", "The token of the source, which the http-log plugin sends as it is."],
  tekton: [
    "Authorization",
    "`Basic`: the user name and the password in the address of the cluster's sink. Or `Bearer`: a service-account token.",
  ],
};
