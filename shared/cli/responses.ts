import * as v from "valibot";

// The responses of the bridge, as far as the command line shows them. Further members are ignored, so a newer bridge may
// return more.

/** A rejection: its reason, and further members as facts. */
const rejection = v.looseObject({ reason: v.string() });

const principal = v.object({
  issuer: v.string(),
  subject: v.string(),
  method: v.string(),
  credential: v.string(),
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
});

/** `GET /v1/deliveries`. */
export const listedDeliveries = v.object({ deliveries: v.array(summary), next: v.exactOptional(v.string()) });
export type ListedDeliveries = v.InferOutput<typeof listedDeliveries>;
export type ListedDelivery = v.InferOutput<typeof summary>;

const ofRoute = { at: v.string(), route: v.string(), event: v.exactOptional(v.string()) };
const ofAction = { ...ofRoute, action: v.string() };

const timelineEvent = v.variant("kind", [
  v.object({ kind: v.literal("scheduled"), ...ofAction, occurrence: v.exactOptional(v.number()) }),
  v.object({ kind: v.literal("already_scheduled"), ...ofAction, by: v.string() }),
  v.object({ kind: v.literal("waiting"), ...ofAction, summary: v.string() }),
  v.object({
    kind: v.literal("attempt"),
    ...ofAction,
    attempt: v.number(),
    outcome: v.string(),
    summary: v.string(),
    unknownOutcome: v.exactOptional(v.boolean()),
    durationMs: v.number(),
    nextAt: v.exactOptional(v.string()),
    facts: v.exactOptional(v.record(v.string(), v.string())),
  }),
  v.object({ kind: v.literal("cut"), ...ofAction, hops: v.number() }),
  v.object({ kind: v.literal("denied"), ...ofRoute, refusal: rejection, mode: v.string() }),
  v.object({
    kind: v.literal("approval"),
    ...ofRoute,
    approval: v.string(),
    state: v.string(),
    by: v.exactOptional(identity),
    comment: v.exactOptional(v.string()),
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
  }),
  v.object({ kind: v.literal("ignored"), at: v.string(), reason: v.string(), account: v.string() }),
  v.object({ kind: v.literal("followed_by"), at: v.string(), delivery: v.string(), what: v.string() }),
]);
export type ShownTimelineEvent = v.InferOutput<typeof timelineEvent>;

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
        replay: v.exactOptional(v.object({ of: v.string(), routes: v.array(v.string()), isRollback: v.boolean() })),
      }),
    }),
  ),
  timeline: v.array(timelineEvent),
});
export type ShownDelivery = v.InferOutput<typeof shownDelivery>;

/** `GET /v1/approvals`. */
export const listedApprovals = v.object({
  approvals: v.array(
    v.object({
      id: v.string(),
      state: v.string(),
      route: v.string(),
      subject: v.string(),
      version: v.exactOptional(v.string()),
      requester: identity,
      requestedAt: v.string(),
      until: v.string(),
      approvers: v.array(v.string()),
      decision: v.exactOptional(v.object({ by: identity, at: v.string(), comment: v.exactOptional(v.string()) })),
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

/** `POST /v1/approvals/{id}`. */
export const decidedApproval = v.object({ state: v.string(), route: v.string() });

/** `POST /v1/deliveries/{id}/replay` and `POST /v1/rollbacks`. */
export const replayed = v.object({ delivery: v.string(), replayOf: v.string() });

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

/** `POST /webhooks/{source}`. */
export const receipt = v.object({ delivery: v.string() });
