import { MEMORY_MB, RECEIVE_MEMORY_MB } from "../memory.ts";

/** A number of the cost model besides prices and bodies, with its source. */
interface Input {
  readonly value: number;
  readonly unit: string;
  readonly from: string;
}

const MACHINE = "measured 2026-11-21 on one core of an Intel Xeon, Node 20";
const ASSUMED = "assumed";

export const INPUTS = {
  memory: { value: MEMORY_MB, unit: "MB", from: "`infra/memory.ts`, of every function except `receive`" },
  receiveMemory: {
    value: RECEIVE_MEMORY_MB,
    unit: "MB",
    from: "`infra/memory.ts`, of `receive` and of the usual design",
  },
  wholeCore: {
    value: 1_769,
    unit: "MB",
    from: "memory that gets one whole core: Lambda developer guide, configuration-memory",
  },
  requestCpu: {
    value: 0.33,
    unit: "ms of a core",
    from: `${MACHINE}: 0.13 to authenticate, parse and encode a push of 3.4 KB; the rest for HTTP`,
  },
  callCpu: { value: 0.7, unit: "ms of a core", from: `${MACHINE}: one call through the SDK, without TLS` },
  importCpu: { value: 36, unit: "ms of a core", from: `${MACHINE}: importing the bundle of \`receive\`, at 366 KB` },
  tableCall: { value: 5, unit: "ms", from: `${ASSUMED}: waiting for DynamoDB in the same region` },
  busCall: { value: 15, unit: "ms", from: `${ASSUMED}: waiting for PutEvents` },
  targetCall: { value: 200, unit: "ms", from: `${ASSUMED}: waiting for a listener or for Confluence` },
  coldStarts: {
    value: 0.01,
    unit: "of all calls",
    from: `${ASSUMED}: the maximum that AWS reports for production functions (Compute blog, 2025-04); AWS bills the start`,
  },
  newTablePartitions: {
    value: 4,
    unit: "shards",
    from: `${ASSUMED}: a new on-demand table accepts 4,000 write units a second, 1,000 for each partition`,
  },
  shardPolls: {
    value: 4,
    unit: "a second",
    from: "how often Lambda polls a shard: Lambda developer guide, with-ddb; from memory, not looked up",
  },
  tracedShare: {
    value: 0.05,
    unit: "of calls",
    from: "X-Ray's default rule: one call a second of each function, and this share of the rest",
  },
  logLine: { value: 530, unit: "bytes", from: "the line of a delivery as the function writes it, measured 2026-11-21" },
  platformLog: { value: 400, unit: "bytes", from: `${ASSUMED}: START, END and REPORT of a call` },
  accessLog: { value: 260, unit: "bytes", from: `${ASSUMED}: a line of the HTTP API's access log` },
  answer: { value: 400, unit: "bytes", from: `${ASSUMED}: a response with its headers` },
  keptMonths: { value: 3, unit: "months", from: "the default of `limits.retentionDays`, 90 days" },
  storedOverhead: {
    value: 100,
    unit: "bytes",
    from: "storage overhead of an item, in the table and in an index: DynamoDB developer guide, CapacityUnitCalculations",
  },
} as const satisfies Record<string, Input>;

/**
 * Messages, calls and units of an action that succeeds at the first attempt. `tekton` includes the first report of its run:
 * until then the action is in the index `due`. Each attempt reads twice whether its target is held back.
 * `confluence` includes a question for a name, which is asked once a day.
 * `test/integration/cost.test.ts` measures them on DynamoDB Local with the real actions.
 */
export const ACTION_COSTS = {
  tekton: { messages: 1, tableCalls: 19, targetCalls: 1, tableUnits: 8, indexUnits: 2, readUnits: 11 },
  confluence: { messages: 1, tableCalls: 20, targetCalls: 3, tableUnits: 10, indexUnits: 0, readUnits: 10 },
} as const;

export type ActionCost = { readonly [K in keyof (typeof ACTION_COSTS)["tekton"]]: number };
