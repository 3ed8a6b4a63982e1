import type { ApiResult, Page, Visit } from "../../../shared/console/visit.ts";
import { waitingFor } from "../../../shared/console/waiting.ts";
import type { ListedAccess } from "../../../shared/http/access.ts";
import type { ListedApprovals } from "../../../shared/http/approvals.ts";
import type { BulkPreview, ShownBulkReplay } from "../../../shared/http/bulk-replays.ts";
import type { ListedCredentials } from "../../../shared/http/credentials.ts";
import type { ListedDeliveries, ShownDelivery } from "../../../shared/http/deliveries.ts";
import type { ShownRequest } from "../../../shared/http/delivery-request.ts";
import type { ListedOrders, OrderPreview } from "../../../shared/http/orders.ts";
import type { Overview } from "../../../shared/http/overview.ts";
import type { PromotionPreview } from "../../../shared/http/promotions.ts";
import type { ListedRefusals } from "../../../shared/http/refusals.ts";
import type { RollbackPreview } from "../../../shared/http/rollback-preview.ts";
import type { ListedTargets } from "../../../shared/http/targets.ts";
import type { ShownThread } from "../../../shared/http/threads.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import { testClock } from "../../support/test-doubles.ts";

/** Where an outsider's words may stand: each call gives the next of them. */
type Words = () => string;

const AT = "2026-11-02T08:59:59.000Z";
const person = (word: Words): Principal & { readonly actor: string } => ({
  issuer: word(),
  subject: word(),
  method: "oidc",
  credential: word(),
  trustEntry: "people",
  actor: word(),
  roles: ["on-call"],
  claims: { user_login: word() },
});

/** An account whose name is known. */
const ACCOUNT = "58";

const routes = (word: Words): NonNullable<ShownDelivery["delivery"]["routes"]> => [
  { route: word(), target: word(), state: "given_up", since: AT, why: word() },
  { route: "docs", event: word(), target: "ci", state: "waiting", since: AT, next: AT, why: word(), waitsFor: word() },
  { route: "docs", state: "repeat", since: AT, of: word() },
];

export const deliveries = (word: Words): ListedDeliveries => ({
  deliveries: (["event", "ignored", "unusable", "refused"] as const).map((outcome) => ({
    id: `d-${outcome}`,
    source: "wiki",
    receivedAt: AT,
    outcome,
    what: word(),
    subject: word(),
    principal: person(word),
    state: outcome === "event" ? ("given_up" as const) : outcome,
    stateSince: AT,
    ...(outcome === "event" && { routes: routes(word) }),
    ...(outcome === "event" && { shadowRejection: { reason: "claim_mismatch", claim: word() } as const }),
  })),
  next: word(),
  lookedBackTo: AT,
});

const timeline = (word: Words): ShownDelivery["timeline"] => [
  { at: AT, kind: "scheduled", route: "docs", action: "tekton" },
  { at: AT, kind: "already_scheduled", route: "docs", action: "tekton", by: word() },
  { at: AT, kind: "waiting", route: "docs", action: "tekton", summary: word() },
  ...(["done", "accepted", "retry", "give_up"] as const).map((outcome) => ({
    ...({ at: AT, kind: "attempt", route: "docs", action: "tekton", attempt: 1, outcome } as const),
    summary: word(),
    unknownOutcome: true,
    durationMs: 12,
    nextAt: AT,
    facts: { eventID: word(), [word()]: word() },
  })),
  ...(["superseded", "not_fired", "nothing_to_do"] as const).map((endedAs) => ({
    ...({ at: AT, kind: "attempt", route: "docs", action: "tekton", attempt: 1, outcome: "done" } as const),
    ...{ summary: word(), durationMs: 0, endedAs },
  })),
  ...(["asked", "failed", "cancelled"] as const).map((state) => ({
    ...({ at: AT, kind: "cancel", route: "docs", action: "tekton", by: "d-2" } as const),
    ...{ state, summary: word() },
  })),
  { at: AT, kind: "cut", route: "docs", action: "tekton", hops: 8 },
  ...(["enforce", "shadow"] as const).map((mode) => ({
    ...({ at: AT, kind: "denied", route: "docs", mode } as const),
    refusal: { reason: "role_missing", role: word() } as const,
  })),
  ...(
    ["requested", "granted", "fired", "denied", "withdrawn", "expired", "superseded", "void", "not_asked"] as const
  ).map((state) => ({
    ...({ at: AT, kind: "approval", route: "docs", approval: "p-1", state } as const),
    by: { ...person(word), actor: ACCOUNT },
    comment: word(),
    ...(state === "superseded" && { endedFor: word() }),
  })),
  {
    ...({ at: AT, kind: "approval", route: "docs", approval: "p-1", state: "granted", emergency: true } as const),
    by: person(word),
    comment: word(),
  },
  { at: AT, kind: "decided", about: word(), decision: "grant", by: person(word) },
  { at: AT, kind: "decided", about: word(), decision: "deny", by: person(word), refusal: { reason: "self_approval" } },
  { at: AT, kind: "replayed", delivery: word(), routes: ["docs"], by: person(word), isRollback: true },
  { at: AT, kind: "ignored", reason: "own_account", account: word() },
  { at: AT, kind: "token_exchanged", upstream: "registry", scope: word(), by: person(word) },
  { at: AT, kind: "followed_by", delivery: word(), what: word() },
  ...(["missing", "not_created", "reported"] as const).map(
    (state) => ({ at: AT, kind: "run", route: "docs", action: "tekton", state, summary: word() }) as const,
  ),
];

export const delivery = (word: Words): ShownDelivery => ({
  delivery: {
    id: word(),
    source: "wiki",
    provider: "confluence",
    receivedAt: AT,
    outcome: "event",
    state: "given_up",
    stateSince: AT,
    routes: routes(word),
    what: word(),
    subject: word(),
    about: { title: word(), place: word(), ref: word(), commit: word(), person: word() },
    principal: person(word),
    requestId: word(),
    bodyDigest: word(),
    bodyBytes: 12,
    relayedAt: AT,
    refusedFor: { reason: "tenant_mismatch", claim: word() },
  },
  events: [
    {
      source: "drawbridge.confluence",
      "detail-type": "build.failed",
      time: AT,
      detail: {
        type: "build.failed",
        time: AT,
        subject: word(),
        id: word(),
        source: "/sources/wiki",
        delivery: word(),
        eventKey: word(),
        principal: { ...person(word), id: word() },
        actor: { id: ACCOUNT, name: word() },
        build: {
          system: word(),
          id: word(),
          pipeline: word(),
          state: "failed",
          url: word(),
          title: word(),
          change: { id: word(), sourceBranch: word(), fork: true },
          protected: false,
          results: { [word()]: word() },
        },
        replay: { of: word(), routes: [word()], isRollback: false },
      },
    },
    {
      source: "drawbridge.gitlab",
      "detail-type": "code.pushed",
      time: AT,
      detail: {
        type: "code.pushed",
        time: AT,
        subject: word(),
        id: word(),
        source: "/sources/code",
        delivery: word(),
        eventKey: word(),
        principal: { ...person(word), id: word() },
        code: {
          project: word(),
          ref: word(),
          name: word(),
          change: "updated",
          commits: [{ id: word(), message: word(), url: word(), author: word() }],
          commitCount: 1,
        },
      },
    },
  ],
  timeline: timeline(word),
  explanation: {
    answer: word(),
    mark: "bad",
    steps: [{ mark: "good", text: word() }],
    routes: [true, false, false, false, false].map((matched) => ({
      route: word(),
      event: word(),
      target: word(),
      matched,
      steps: [{ mark: "warn", text: word() }],
      checks: [{ text: word(), command: word() }],
    })),
    otherRoutes: 2,
    followed: [word()],
    checks: [{ text: word(), command: word() }],
  },
});

const requestOf = (word: Words): ShownRequest => ({
  delivery: word(),
  receivedAt: AT,
  headers: [{ name: word(), value: word() }, { name: word() }],
  bodyKind: "text",
  body: word(),
  removed: 1,
  bodyBytes: 12,
  bodyDigest: word(),
});

export const approvals = (word: Words): ListedApprovals => ({
  approvals: (["requested", "granted"] as const).map((state) => ({
    id: word(),
    route: "docs",
    delivery: word(),
    subject: word(),
    requester: person(word),
    authors: [{ ...person(word), actor: ACCOUNT }],
    state,
    approvers: ["manager"],
    requestedAt: AT,
    until: AT,
    changedAt: AT,
    version: word(),
    shows: {
      requesterName: word(),
      accountNames: { [ACCOUNT]: word() },
      commits: [{ id: word(), title: word(), url: word(), author: word() }],
      commitCount: 3,
      diffUrl: word(),
      title: word(),
      url: word(),
      author: word(),
      params: { [word()]: word() },
    },
    grants: [1, 2].map(() => ({ by: person(word), at: AT, comment: word() })),
    progress: { needed: 3, grantedBy: [word(), word()], missingRoles: [word()] },
    may: ["grant", "withdraw"],
  })),
  hasMore: false,
});

const access = (word: Words): ListedAccess => ({
  roles: [{ role: "incident", maxMinutes: 60, approvers: ["on-call"] }],
  access: (["requested", "granted", "revoked", "expired"] as const).map((state) => ({
    ...({ id: word(), role: "incident", minutes: 30, reason: word(), state, approvers: ["on-call"] } as const),
    ...({ requester: person(word), requestedAt: AT, until: AT, isOwn: true } as const),
    ...(state !== "requested" && { decision: { by: person(word), at: AT, comment: word() } }),
    ...(state === "revoked" && { end: { by: person(word), at: AT, comment: word() } }),
    may: state === "requested" ? ["grant", "deny", "revoke"] : ["revoke"],
  })),
  hasMore: true,
});

export const credentials = (word: Words): ListedCredentials => ({
  credentials: [{ kind: "source", name: "wiki", method: word(), credential: word(), lastUsedAt: AT }],
});

const refusals = (word: Words): ListedRefusals => ({
  refusals: [
    { source: word(), reason: word(), count: 31, since: AT, lastAt: AT, requests: [word()], hint: word() },
    { source: "wiki", reason: "signature_mismatch", count: 1, since: AT, lastAt: AT, requests: [] },
  ],
  sources: [{ source: "wiki", lastGoodAt: AT, unusedNext: true }],
  from: AT,
});

const bulkPreview = (word: Words): BulkPreview => ({
  deliveries: 3,
  total: 2,
  routes: (["given_up", "unmatched"] as const).map((state) => ({
    ...({ route: word(), state, runs: 1, unsafe: 1, replayed: 1, unmatched: 1, forbidden: 1 } as const),
    ...(state === "given_up" && { needsApproval: true }),
  })),
  isCut: true,
});

const bulkReplay = (word: Words): ShownBulkReplay => ({
  id: word(),
  state: "stopped",
  orderedAt: AT,
  by: { id: word(), issuer: word(), subject: word() },
  reason: word(),
  isForced: true,
  routes: [word()],
  total: 10,
  handled: 4,
  counts: { accepted: 1, duplicate: 1, outdated: 1, refused: 1 },
  endedAt: AT,
  stoppedBy: { id: word(), issuer: word(), subject: word() },
});

export const targets = (word: Words): ListedTargets => ({
  targets: [
    {
      target: "listener",
      state: "paused",
      level: "attention",
      why: word(),
      since: AT,
      lastUsedAt: AT,
      retrying: 2,
      removed: true,
      pause: { since: AT, by: { id: word(), issuer: word(), subject: word() }, reason: word() },
      breaker: { failures: 6, why: word(), since: AT, retryAt: AT },
      due: 3,
      may: ["resume"],
    },
    {
      target: "wiki",
      state: "failing",
      level: "failing",
      why: word(),
      retrying: 0,
      breaker: { failures: 6, why: word(), since: AT, retryAt: AT },
      due: 100,
      may: ["pause"],
    },
    {
      target: "code",
      state: "stumbling",
      level: "attention",
      why: word(),
      retrying: 1,
      breaker: { failures: 1, why: word() },
      due: 1,
      may: ["pause"],
    },
  ],
});

const rollbacks = (word: Words): RollbackPreview => ({ route: word(), places: [] });

const promotion = (word: Words): PromotionPreview => {
  const run = { delivery: word(), firedAt: AT, state: "succeeded" as const, what: word(), title: word(), url: word() };
  const runs = { run: { ...run, reference: word(), digest: word() }, newest: run, good: run };
  const approval = { people: 1, roles: [word()] };
  return { route: word(), from: word(), to: word(), ...runs, behind: word(), commits: 3, approval };
};

const orders = (word: Words): ListedOrders => ({
  orders: [
    {
      order: "deploy-docs",
      description: word(),
      inputs: [
        { name: "environment", kind: "choice", choices: [word(), word()], description: word() },
        { name: "reason", kind: "pattern", pattern: word(), maxLength: 80 },
        { name: "page", kind: "page", target: word() },
        { name: "commit", kind: "ref", of: "commit" },
      ],
    },
  ],
});

const orderPreview = (word: Words): OrderPreview => ({
  order: "deploy-docs",
  routes: [
    { route: word(), target: word() },
    { route: word(), target: word(), approval: { people: 2, roles: [word()] } },
    { route: word(), target: word(), problem: word() },
  ],
});

const STEP = { depth: 0, state: "ran", tone: "failed", start: AT, delivery: "d-1" } as const;
export const thread = (word: Words): ShownThread => ({
  now: AT,
  totals: {
    start: AT,
    durationMs: 100_000,
    steps: 4,
    deliveries: 2,
    omitted: 1,
    attempts: 1,
    failedAttempts: 1,
    pageVersions: 1,
    path: [{ kind: "approval", ms: 90_000 }],
    people: [word()],
  },
  spans: [
    { ...STEP, id: "1", kind: "delivery", what: word(), delivery: word(), url: word(), by: word(), proof: word() },
    { ...STEP, id: "2", parent: "1", kind: "route", what: word(), route: word(), summary: word(), end: AT },
    { ...STEP, id: "3", parent: "2", kind: "approval", what: word(), by: word(), onPathMs: 90_000, isLongest: true },
    { ...STEP, id: "4", parent: "2", kind: "run", what: word(), url: word(), state: word(), isMinor: true },
  ],
  isCut: true,
  isConfined: true,
  others: [{ delivery: word(), what: word(), subject: word(), receivedAt: AT }],
});

export const overviewOf = (word: Words): Overview => ({
  level: "failing",
  at: AT,
  version: "0.1.0",
  configuration: "3f2a9c1b77aa",
  bridge: { level: "attention", checks: { store: "ok", lanes: word() } },
  sources: [
    {
      source: "wiki",
      state: "refused",
      level: "failing",
      why: word(),
      lastGoodAt: AT,
      lastHour: 0,
      weekAgo: 12,
      refusals: [{ reason: word(), count: 31, since: AT, lastAt: AT }],
    },
    { source: "code", state: "never_seen", level: "unknown", why: word(), lastHour: 0, weekAgo: 0, refusals: [] },
  ],
  targets: [
    {
      target: "listener",
      removed: true,
      state: "paused",
      level: "attention",
      why: word(),
      since: AT,
      due: 100,
      retrying: 2,
      oldestAt: AT,
      may: ["resume"],
    },
    {
      target: "pages",
      pages: true,
      state: "working",
      level: "well",
      why: word(),
      lastUsedAt: AT,
      due: 0,
      retrying: 0,
      latency: { attempts: 128, p95AtMostMs: 300 },
      may: ["pause"],
    },
  ],
  pages: { level: "failing", notWritable: 1, overdue: 2, waiting: 3 },
  reported: {
    since: AT,
    newest: [
      {
        delivery: word(),
        what: "build.failed",
        subject: word(),
        about: { title: word(), place: word() },
        receivedAt: AT,
      },
    ],
  },
  ended: {
    level: "failing",
    since: AT,
    counts: { given_up: 3, accepted_without_run: 1, cut: 0 },
    hasMore: true,
    newest: [
      {
        delivery: word(),
        what: word(),
        subject: word(),
        about: { title: word() },
        route: "docs",
        target: "listener",
        state: "given_up",
        since: AT,
        reason: word(),
      },
    ],
  },
  approvals: { waiting: 2, forYou: 1, oldestAt: AT, firstUntil: AT },
});

/** A visit of somebody who may do everything, at a bridge that shows these words wherever it shows what others wrote. */
export function visitOf(word: Words, changes: Partial<Visit> = {}): Visit {
  const responses: readonly (readonly [RegExp, (word: Words) => object])[] = [
    [/^\/v1\/deliveries\?/, deliveries],
    [/^\/v1\/deliveries\/[^/]*\/request/, requestOf],
    [/^\/v1\/deliveries\//, delivery],
    [/^\/v1\/approvals/, approvals],
    [/^\/v1\/access/, access],
    [/^\/v1\/credentials/, credentials],
    [/^\/v1\/refusals/, refusals],
    [/^\/v1\/targets/, targets],
    [/^\/v1\/threads/, thread],
    [/^\/v1\/rollbacks/, rollbacks],
    [/^\/v1\/promotions/, promotion],
    [/^\/v1\/orders$/, orders],
    [/^\/v1\/orders\//, orderPreview],
    [/^\/v1\/overview/, overviewOf],
    [/^\/v1\/replay-preview/, bulkPreview],
    [/^\/v1\/replays$/, (words) => ({ replays: [bulkReplay(words)] })],
    [/^\/v1\/replays\//, bulkReplay],
  ];
  // What stands in for the interface gives each path its own shape.
  const ask: Visit["ask"] = async <T>(path: string) => ({
    ok: true,
    value: responses.find(([of]) => of.test(path))?.[1](word) as T,
  });
  const { ask: asks = ask, routes = ["docs"], may = () => true, hasAccess = false } = changes;
  return {
    url: new URL("https://bridge.example.test/console"),
    now: testClock().now(),
    me: person(word),
    name: word(),
    formToken: "form-token",
    routes: ["docs"],
    promotions: [{ route: "docs", from: word(), to: word() }],
    may: () => true,
    mayReadDeliveries: true,
    mayReadBridge: true,
    mayReadPayload: () => true,
    hasAccess: false,
    isMe: () => false,
    ask,
    waiting: waitingFor({ ask: asks, routes, may, hasAccess }),
    ...changes,
  };
}

export function shownBy(answer: ApiResult<string | Page>): Page {
  if (!answer.ok) throw new Error(answer.problem.title);
  if (typeof answer.value === "string") throw new Error(`the answer is at ${answer.value}`);
  return answer.value;
}

/** Markup without its words: each tag by its name and the names of its attributes. */
export const skeletonOf = (markup: string): readonly string[] =>
  Array.from(markup.matchAll(/<([^\s>]*)([^>]*)>/g), ([, tag = "", attributes = ""]) =>
    [tag, ...Array.from(attributes.matchAll(/([^\s="]+)(?:="[^"]*")?/g), ([, name]) => name)].join(" "),
  );
