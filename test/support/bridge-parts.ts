import { actDeps } from "../../functions/act-deps.ts";
import { type Bridge, buildBridge, type Ports } from "../../functions/bridge.ts";
import type { RequestPorts } from "../../functions/receive-app.ts";
import { InProcessBus } from "../../shared/bus/in-process-bus.ts";
import type { GroupSource } from "../../shared/config/group-sources.ts";
import type { RouteOutline } from "../../shared/config/route-outline.ts";
import type { Config } from "../../shared/config/schema.ts";
import { act, leaseMs } from "../../shared/delivery/act.ts";
import { CredentialUsage } from "../../shared/delivery/credential-usage.ts";
import { readinessByRead } from "../../shared/delivery/readiness.ts";
import { RefusalCounts } from "../../shared/delivery/refusal-counts.ts";
import { schedule } from "../../shared/delivery/schedule.ts";
import { TargetGate } from "../../shared/delivery/target-gate.ts";
import { noTokenVerifier } from "../../shared/identity/token-verifier.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { TimelineEvent } from "../../shared/model/timeline.ts";
import type { Route } from "../../shared/routes/route.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "./all-stores.ts";
import { secretsOf, silentLog, type TestClock, testClock, unexpected } from "./test-doubles.ts";

const RETRY = { baseMs: 1_000, capMs: 60_000, maxAttempts: 5 } as const;

type AttemptEntry = Extract<TimelineEvent, { kind: "attempt" }>;

/** A route that matches everything; `run` says what its action does. */
export function routeOf(run: Route["run"], changes: Partial<Route> = {}): Route {
  return {
    name: "docs",
    action: "tekton",
    target: "ci",
    maxAttemptMs: 10_000,
    mode: "enforce",
    reject: async () => undefined,
    rejectAgent: async () => undefined,
    matches: () => true,
    run,
    ...changes,
  };
}

/** A route's action that returns these outcomes in turn, and records its inputs. */
export function scripted(outcomes: readonly (ActionOutcome | Error)[]) {
  const contexts: ActionContext[] = [];
  const run: Route["run"] = async (context) => {
    const outcome = outcomes[Math.min(contexts.length, outcomes.length - 1)];
    contexts.push(context);
    if (outcome === undefined || outcome instanceof Error) throw outcome;
    return outcome;
  };
  return { contexts, run };
}

const EMPTY: Config = {
  certificateAuthorities: {},
  issuers: {},
  roles: {},
  upstreams: {},
  sources: [],
  targets: [],
  routes: [],
  orders: {},
  checks: { ignore: [] },
  limits: { bodyBytes: 1_048_576, shutdownSeconds: 10, retentionDays: 30, chainHops: 8 },
};

/** The parts that a test replaces. Outbound calls fail unless the test replaces `callOut`. */
type TestPorts = Pick<Ports, "stores" | "clock"> &
  Partial<Ports> & {
    readonly config?: Partial<Config>;
    readonly verifiers?: RouteOutline["verifiers"];
    readonly groupSources?: Readonly<Record<string, GroupSource>>;
    readonly rules?: RouteOutline["rules"];
    readonly grantRules?: RouteOutline["grantRules"];
    readonly targetHosts?: RouteOutline["targetHosts"];
  };

/** A bridge as production builds it, with these routes instead of the configured ones. */
export function bridgeWith(
  routes: readonly Route[],
  {
    config,
    verifiers = {},
    groupSources = {},
    rules = new Map(),
    grantRules = NO_RULES,
    targetHosts = {},
    ...ports
  }: TestPorts,
): Bridge {
  const hasGates = routes.some(({ approval }) => approval !== undefined);
  return buildBridge(
    { ...EMPTY, ...config },
    {
      runReporters: routes,
      hasGates,
      targetHosts,
      verifiers,
      groupSources: async () => groupSources,
      grantRules,
      rules,
    },
    {
      secrets: secretsOf({}),
      log: silentLog,
      callOut: unexpected("an outbound call"),
      random: () => 0.5,
      issuer: undefined,
      tokens: noTokenVerifier,
      credentialUsage: new CredentialUsage({ credentialUses: ports.stores.credentialUses, log: silentLog }),
      orders: async () => config?.orders ?? EMPTY.orders,
      patterns: async () => [],
      recorded: () => undefined,
      woken: async () => undefined,
      approvalPollSeconds: 60,
      configuration: "3fa2c1d09b7e",
      ...ports,
    },
  );
}

const NO_RULES: RouteOutline["grantRules"] = async () => ({ of: () => [], checks: [], isOfJobs: () => false });

/** What a bridge needs to answer requests. It is ready if `check` does not throw. */
export const requestPorts = (bridge: Bridge, check: () => Promise<unknown> = async () => undefined): RequestPorts => ({
  ready: () => readinessByRead(check),
  metrics: undefined,
  refusalCounts: new RefusalCounts(bridge),
});

export interface PartsOptions
  extends Partial<
    Pick<
      TestPorts,
      | "verifiers"
      | "groupSources"
      | "rules"
      | "grantRules"
      | "targetHosts"
      | "callOut"
      | "secrets"
      | "approvalPollSeconds"
      | "patterns"
      | "recorded"
    >
  > {
  readonly log?: Ports["log"];
  readonly config?: Partial<Config>;
  /** Default: a table in memory. */
  readonly database?: OpenTable;
  readonly clock?: TestClock;
  /** Whether the stores are those of one machine. Default true. */
  readonly markUnrelayed?: boolean;
}

/** A bridge, its bus and its actions over one embedded table, with a clock that stands still. */
export async function bridgeParts(
  routes: readonly Route[],
  {
    log = silentLog,
    config = {},
    database = openMemoryTable(),
    clock = testClock(),
    markUnrelayed = true,
    ...ports
  }: PartsOptions = {},
) {
  const stores = openAllStores(database.table, { retentionDays: 30, markUnrelayed, singleProcess: true, clock });
  const bridge = bridgeWith(routes, { stores, clock, log, config, ...ports });
  const nudged: string[] = [];
  const { actions, deliveries } = stores;
  const bus = new InProcessBus({
    routes,
    schedule: (route, detail) => schedule(route, detail, bridge),
    scheduled: (target) => nudged.push(target),
  });
  const targetNames = new Set(routes.map(({ target }) => target));
  const deps = {
    ...actDeps(bridge, { actions: [], retry: RETRY, pageStores: stores, missingMs: () => 0, awsToken: undefined }),
    routes,
    targetGate: new TargetGate({ targets: stores.targets, targetNames, leaseMs: leaseMs(routes), clock, log }),
  };
  return {
    ...stores,
    database,
    bridge,
    clock,
    bus,
    nudged,
    deps,
    /** Runs what is due at the clock's time, once each. */
    runDue: async (target = "ci") => {
      const due = await actions.due(target, clock.now(), 100);
      for (const id of due) await act(id, deps);
      return due.length;
    },
    attempts: async (delivery: string): Promise<readonly AttemptEntry[]> =>
      (await deliveries.timeline(delivery)).filter((timelineEvent) => timelineEvent.kind === "attempt"),
    stop: async () => database.close(),
  };
}
