import { LIST_SHARDS } from "../../shared/store/list-pages.ts";
import { type Load, PARTITION_UNITS, RELAY_BATCH, receiveMs, relayingOf, tracedShareAt } from "./bill.ts";
import { ACTION_COSTS, INPUTS } from "./inputs.ts";

/** A limit of AWS or of the bridge, per second or at once. */
interface Quota {
  readonly what: string;
  /** The default in us-east-1. */
  readonly limit: number;
  readonly needed: (load: Load) => number;
  readonly raise: string;
}

/** The quotas, in the order in which a delivery reaches them. */
export const QUOTAS: readonly Quota[] = [
  {
    what: "Requests a second that the stage lets through",
    limit: 500,
    needed: ({ perSecond }) => perSecond,
    raise: "`requestsPerSecond` and `requestBurst` of the stack",
  },
  {
    what: "API Gateway: requests a second of the account",
    limit: 10_000,
    needed: ({ perSecond }) => perSecond,
    raise: "Service Quotas, throttle rate; or `ingress=function-url`",
  },
  {
    what: "Lambda: calls of `receive` a second, 10 for each of the account's 1,000 copies",
    limit: 10_000,
    needed: ({ perSecond }) => perSecond,
    raise: "Service Quotas, concurrent executions",
  },
  {
    what: "Lambda: copies at once, `receive` and `relay`",
    limit: 1_000,
    needed: (load) => (load.perSecond * receiveMs()) / 1_000 + relayCopies(load),
    raise: "Service Quotas, concurrent executions: a new account may start far below 1,000",
  },
  {
    what: "Parameter Store: calls a second, if all copies of `receive` start within a second, for ten parameters",
    limit: 40,
    needed: (load) => (load.perSecond * receiveMs()) / 1_000,
    raise: 'the setting "higher throughput" of Parameter Store, or keep the secrets in Secrets Manager',
  },
  {
    what: "DynamoDB: write units a second, table that was never busier",
    limit: 4_000,
    needed: tableUnits,
    raise: "warm throughput of the table, before the traffic comes",
  },
  {
    what: "DynamoDB: write units a second, quota of a table",
    limit: 40_000,
    needed: tableUnits,
    raise: "Service Quotas, table-level write throughput",
  },
  {
    what: `DynamoDB: write units a second of the ${LIST_SHARDS} partitions with a day's list pages`,
    limit: LIST_SHARDS * PARTITION_UNITS,
    needed: (load) => load.perSecond * relayingOf(load).pageUnits,
    raise: "`LIST_SHARDS` in `shared/store/list-pages.ts`: time grows, so a hot day does not split by itself",
  },
  {
    what: "Stream: deliveries a second that a shard gives at its base rate of polls",
    limit: INPUTS.shardPolls.value * RELAY_BATCH,
    needed: (load) => relayingOf(load).perShard,
    raise: "`batchSize` or `parallelizationFactor` in `infra/relay.ts`",
  },
  {
    what: "EventBridge: PutEvents calls a second",
    limit: 10_000,
    needed: (load) => relayingOf(load).busCallsPerSecond,
    raise: "Service Quotas, PutEvents throttle limit; in most other regions it is 600 to 2,400",
  },
  {
    what: "EventBridge: targets called a second, one route for each delivery",
    limit: 18_750,
    needed: ({ perSecond }) => perSecond,
    raise: "Service Quotas, invocations throttle limit; what is above it is late, not lost",
  },
  {
    what: "Actions `tekton` at once, one for each delivery",
    limit: 10,
    needed: ({ perSecond }) => perSecond * actionSeconds(),
    raise:
      "`actionConcurrency` of the stack, as far as the targets can bear it, at most 1,000; above it the queue waits",
  },
  {
    what: "DynamoDB: write units a second of one target in `due`, one action for each delivery",
    limit: PARTITION_UNITS,
    needed: ({ perSecond }) => perSecond * ACTION_COSTS.tekton.indexUnits,
    raise: "more targets: an action is queued under the name of its target",
  },
  {
    what: "SQS: messages of a queue in hand at once",
    limit: 120_000,
    needed: ({ perSecond }) => perSecond * actionSeconds(),
    raise: "nothing: what is not in hand waits, and a standard queue takes any number",
  },
  {
    what: "Logs: GB a day",
    limit: Number.POSITIVE_INFINITY,
    needed: ({ perSecond }) => (perSecond * 86_400 * LOGGED_BYTES) / 1e9,
    raise: "no bound, but money: the class Infrequent Access halves the price, and then has no metrics from log lines",
  },
  {
    what: "X-Ray: segments a second, with `tracing=true`",
    limit: 2_600,
    needed: (load) => {
      const { callsPerSecond } = relayingOf(load);
      // One segment of the Lambda service and one of the function.
      const traced = load.perSecond * tracedShareAt(load.perSecond) + callsPerSecond * tracedShareAt(callsPerSecond);
      return 2 * traced;
    },
    raise: "a sampling rule with a lower share",
  },
];

const LOGGED_BYTES = INPUTS.logLine.value + INPUTS.platformLog.value + INPUTS.accessLog.value;

function tableUnits(load: Load): number {
  const { tableUnits: head, lookups } = load.bodies;
  return load.perSecond * (head + lookups + relayingOf(load).pageUnits);
}

function relayCopies(load: Load): number {
  const { callsPerSecond, ms } = relayingOf(load);
  return (callsPerSecond * ms) / 1_000;
}

function actionSeconds(): number {
  const { tableCalls, targetCalls } = ACTION_COSTS.tekton;
  return (tableCalls * INPUTS.tableCall.value + targetCalls * INPUTS.targetCall.value) / 1_000;
}
