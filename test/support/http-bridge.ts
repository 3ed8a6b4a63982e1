import { randomUUID } from "node:crypto";
import { readinessByRead } from "../../shared/delivery/readiness.ts";
import type { Source } from "../../shared/delivery/receive.ts";
import { RefusalCounts } from "../../shared/delivery/refusal-counts.ts";
import type { Log } from "../../shared/host/log.ts";
import { LogMetrics } from "../../shared/host/metrics.ts";
import { ADMISSION_LIMITS, Admission, type AdmissionLimits } from "../../shared/http/admission.ts";
import { type AppDeps, createApp } from "../../shared/http/app.ts";
import { listen } from "../../shared/http/listen.ts";
import type { TlsSettings } from "../../shared/http/tls.ts";
import { policyOf } from "../../shared/identity/policy.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { gitlab } from "../../shared/providers/gitlab/index.ts";
import type { ProviderDeps } from "../../shared/providers/provider.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import type { ApprovalStore } from "../../shared/store/approvals.ts";
import { signedGitlabHeaders } from "./gitlab-signature.ts";
import { storeWith } from "./memory-stores.ts";
import { noProvedRuns, noSites, providerDeps, secretsOf, testClock, unexpected } from "./test-doubles.ts";

export const CANARY = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";

interface HttpBridgeChanges extends Partial<Omit<AppDeps, "receiving" | "calls">> {
  readonly receiving?: Partial<AppDeps["receiving"]>;
  readonly calls?: Partial<AppDeps["calls"]>;
  /** Of the requests in flight. */
  readonly limits?: Partial<AdmissionLimits>;
}

/** The HTTP interface on loopback with one GitLab source, a store in memory, and all that was logged. */
export async function httpBridge(
  { receiving, calls, limits = {}, ...changes }: HttpBridgeChanges = {},
  tls?: TlsSettings,
) {
  const records = new Map<string, RecordedDelivery>();
  const lines: string[] = [];
  const line: Log["info"] = (fields, message) => void lines.push(JSON.stringify({ ...fields, message }));
  const log: Log = changes.log ?? { info: line, warn: line, error: line };
  const clock = testClock();
  const sourceDeps = providerDeps({ secrets: secretsOf({ GITLAB_SIGNING: CANARY }), clock });
  const { tokens } = sourceDeps;
  const policy = policyOf({});
  const deliveries = memoryDeliveries(records);
  const rejectOverRate = async () => undefined;
  const recorded = () => undefined;
  const refusalCounts = new RefusalCounts({ refusals: { add: async () => undefined }, clock, log });
  const app = createApp({
    receiving: {
      deliveries,
      rejectOverRate,
      runReporters: [],
      origins: noProvedRuns,
      secrets: secretsOf({}),
      recorded,
      log,
      ...receiving,
    },
    calls: {
      deliveries,
      credentialUses: { list: async () => [] },
      approvals: noApprovals,
      actions: {
        wake: unexpected("the wake-up of an action"),
        state: async () => undefined,
        status: async () => undefined,
        dueBetween: noEntries,
        answer: unexpected("the end of a failure"),
      },
      woken: unexpected("the wake-up of an action"),
      orders: async () => ({}),
      bulkReplays: async () => ({
        create: unexpected("a bulk replay"),
        get: async () => undefined,
        list: unexpected("the list of bulk replays"),
        stop: unexpected("the end of a bulk replay"),
        due: unexpected("the due bulk replays"),
        claim: unexpected("the claim of a bulk replay"),
        plan: unexpected("the plan of a bulk replay"),
        advance: unexpected("the progress of a bulk replay"),
      }),
      log,
      targets: {
        get: unexpected("the reading of a target"),
        list: unexpected("the list of targets"),
        save: unexpected("a change of a target"),
      },
      targetNames: [],
      origins: { find: async () => undefined },
      attention: { newestFirst: noEntries, oldest: async () => [] },
      runs: { of: unexpected("the reading of runs") },
      reportedRuns: { get: unexpected("the reading of a run's reports") },
      runReporters: [],
      flows: async () => ({ get: unexpected("the state of a flow") }),
      runCancels: async () => ({
        of: unexpected("the list of cancellations"),
        fail: unexpected("a failed cancellation"),
        replace: unexpected("a change of a cancellation"),
      }),
      targetHosts: {},
      latencyOf: () => undefined,
      rejectionAudit: { record: async () => undefined },
      sourceNames: ["gitlab", "status", "approvals"],
      people: new Map(),
      rules: new Map(),
      patterns: async () => [],
      refusals: { list: async () => [], repeatOf: async () => undefined },
      refusalCounts,
      sourcesWithNext: [],
      ready: () => readinessByRead(async () => undefined),
      sites: noSites,
      tokens,
      trustEntries: [],
      policy,
      rejectOverRate,
      withAccess: async (by) => by,
      access: async () => ({
        create: unexpected("a request for a role"),
        get: async () => undefined,
        of: async () => [],
        recent: async () => [],
        decide: unexpected("a decision about a role"),
        markReported: unexpected("a step of a request for a role"),
      }),
      recorded,
      auditLog: { recordRead: async () => undefined, record: async () => undefined },
      sessionCutoffs: { revoke: async () => undefined },
      config: { issuers: {}, roles: {}, upstreams: {} },
      issuer: undefined,
      sourcesOfCluster: () => [],
      jobs: [],
      secrets: secretsOf({}),
      endedRuns: { hasEndedSince: async () => false },
      clock: changes.clock ?? clock,
      ...calls,
    },
    sources: new Map([["gitlab", gitlabSource(sourceDeps)]]),
    maxBodyBytes: 1_048_576,
    answerWithinMs: 8_000,
    status: statusSource({ tokens, trustEntries: [], policy, issuers: {}, clusters: [], jobs: [] }),
    rejectionAudit: { record: async () => undefined },
    refusalCounts,
    issuer: undefined,
    ready: () => readinessByRead(async () => undefined),
    metrics: {
      log: new LogMetrics(testClock()),
      exported: () => ({ taken: 0, rejected: 0, failed: 0, dropped: 0, waiting: 0 }),
    },
    newRequestId: randomUUID,
    clock,
    log,
    ...changes,
  });
  const admission = new Admission({ limits: { ...ADMISSION_LIMITS, ...limits }, maxBodyBytes: () => 1_048_576, log });
  const { url, close, destroy } = await listen(app, { hostname: "127.0.0.1", port: 0, tls }, admission);
  const routes = app.routes.map(({ method, path }) => ({ method, path }));
  return { url: new URL("/webhooks/gitlab", url), app, routes, records, lines, clock, close, destroy };
}

function gitlabSource(deps: ProviderDeps): Source {
  const settings = { signingToken: { current: "env:GITLAB_SIGNING" } };
  const connected = gitlab.connect({ name: "gitlab", settings }, deps);
  return { name: "gitlab", provider: "gitlab", contentTypes: ["application/json"], ...connected };
}

/** Stores each delivery once, without a timeline. */
const memoryDeliveries = (
  records: Map<string, RecordedDelivery>,
): AppDeps["receiving"]["deliveries"] & AppDeps["calls"]["deliveries"] => ({
  record: async (delivery) => {
    if (records.has(delivery.id)) return "duplicate";
    records.set(delivery.id, delivery);
    return "recorded";
  },
  get: async (id) => records.get(id),
  timeline: async () => [],
  list: async () => ({ deliveries: [] }),
  lookUpsReachTo: async (now) => now,
  counts: async function* () {
    yield* [];
  },
  addToTimeline: unexpected("a change of a timeline"),
  answerTo: unexpected("a look at a promotion's key"),
  rememberAnswer: unexpected("a promotion's key"),
});

/** A store without approvals. None can be added. */
const noApprovals = storeWith<ApprovalStore>({
  request: unexpected("a request for an approval"),
  get: async () => undefined,
  move: unexpected("a decision"),
  open: async () => [],
  recordChange: unexpected("the recording of a change"),
  latestChange: unexpected("the search for a change"),
});

/** Headers of a body as GitLab signs it with the token of the tests. */
export const gitlabHeaders = (body: string | Uint8Array, at: number, id = "delivery-1"): Record<string, string> =>
  signedGitlabHeaders(body, { token: CANARY, id, at });

async function* noEntries(): AsyncGenerator<never> {
  // Nothing is due, and nothing needs a person.
}
