import { HOUR_MS, MIN_DELIVERIES } from "../../shared/store/page-index.ts";
import { SLOT_MS } from "../../shared/store/postings.ts";
import type { AlarmCounts } from "./count-alarms.ts";
import { type ActionCost, INPUTS } from "./inputs.ts";
import { writeUnits } from "./item-size.ts";
import type { RelayedMeans } from "./measure.ts";
import type { Line } from "./prices.ts";

/** The load for which costs are computed: a million webhooks, all accepted and relayed, at a steady rate. */
export interface Load {
  readonly perSecond: number;
  readonly bodies: RelayedMeans;
}

type Ingress = "http-api" | "function-url";

/** The cost of Drawbridge for a million webhooks, without their actions (`billOfAction`). */
export function billOfBridge(load: Load, ingress: Ingress): readonly Line[] {
  const { bodies } = load;
  const relay = relayingOf(load);
  const relayCalls = relay.callsPerSecond / load.perSecond;
  return [
    ...receiveLines({ ingress, ms: receiveMs() }),
    { part: "Table: writes", price: "writeUnit", amount: MILLION * bodies.tableUnits },
    { part: "List pages: writes", price: "writeUnit", amount: MILLION * relay.pageUnits },
    { part: "Counts: writes", price: "writeUnit", amount: MILLION * relay.countUnits },
    { part: "Lookups: writes", price: "writeUnit", amount: MILLION * (bodies.lookups + relay.indexUnits) },
    { part: "Lookups: reads", price: "readUnit", amount: MILLION * relay.indexReads },
    ...storageLines("Table", bodies.itemBytes + INPUTS.storedOverhead.value),
    ...storageLines("List pages", relay.pageBytes),
    ...storageLines("Lookups", bodies.lookups * (bodies.lookupBytes + INPUTS.storedOverhead.value) + relay.indexBytes),
    { part: "Stream: reads", price: "streamRead", amount: MILLION },
    ...functionLines("relay", { calls: relayCalls, ms: relay.ms }),
    { part: "EventBridge: events", price: "busEvent", amount: MILLION },
    { part: "EventBridge: archive", price: "archived", amount: gb(bodies.entryBytes) },
    { part: "EventBridge: archive", price: "archiveStorage", amount: gb(bodies.entryBytes) * INPUTS.keptMonths.value },
  ];
}

/**
 * The cost of the usual design: one function that claims the delivery (Powertools idempotency: a put, and an update at the
 * end, one unit each), puts an audit record and publishes with PutEvents before it answers. `packsAudit`: the audit record
 * is compressed as much as Drawbridge's.
 */
export function billOfUsual(load: Load, { packsAudit }: { readonly packsAudit: boolean }): readonly Line[] {
  const { bodies } = load;
  const auditUnits = packsAudit ? bodies.tableUnits : bodies.plainUnits;
  const auditBytes = packsAudit ? bodies.itemBytes : bodies.plainBytes;
  return [
    ...receiveLines({ ingress: "http-api", ms: usualMs() }),
    { part: "Table: writes", price: "writeUnit", amount: MILLION * (IDEMPOTENCY_UNITS + auditUnits) },
    ...storageLines("Table", auditBytes + INPUTS.storedOverhead.value),
    { part: "EventBridge: events", price: "busEvent", amount: MILLION },
  ];
}

/** The cost of a million actions that succeed at the first attempt, from the queue to the end of the attempt. */
export function billOfAction({ messages, tableCalls, targetCalls, ...units }: ActionCost): readonly Line[] {
  const waits = tableCalls * INPUTS.tableCall.value + targetCalls * INPUTS.targetCall.value;
  return [
    { part: "SQS: sent, received, deleted", price: "queueRequest", amount: 3 * messages * MILLION },
    ...functionLines("act", { calls: messages, ms: cpuMs(tableCalls + targetCalls) + waits }),
    { part: "Table: writes", price: "writeUnit", amount: MILLION * units.tableUnits },
    { part: "Index `due`: writes", price: "writeUnit", amount: MILLION * units.indexUnits },
    { part: "Table: reads", price: "readUnit", amount: MILLION * units.readUnits },
    { part: "Logs", price: "logged", amount: gb(INPUTS.logLine.value + messages * INPUTS.platformLog.value) },
  ];
}

/** The cost per month of an installation like `infra/example` without any traffic. */
export const standingBill = ({ alarms, metrics }: AlarmCounts): readonly Line[] => [
  { part: "Sweep: calls", price: "lambdaRequest", amount: MINUTES_A_MONTH },
  // Lambda keeps 5 long polls of 20 s open on each of the two queues (Lambda developer guide, with-sqs).
  { part: "SQS: polls of two queues", price: "queueRequest", amount: 2 * 5 * 3 * MINUTES_A_MONTH },
  // An alarm on an expression is billed for each metric in it.
  { part: `${alarms} alarms, over ${metrics} metrics`, price: "alarm", amount: metrics },
  { part: "Dashboard", price: "dashboard", amount: 1 },
  { part: "3 secrets", price: "secret", amount: 3 },
  { part: "About 36 metrics from the log", price: "metric", amount: 36 },
];

/** The additional cost of `tracing=true` for a million webhooks. */
export function billOfTracing(load: Load): readonly Line[] {
  const { callsPerSecond } = relayingOf(load);
  const relayed = (callsPerSecond / load.perSecond) * tracedShareAt(callsPerSecond);
  return [
    { part: "X-Ray: `receive`", price: "trace", amount: MILLION * tracedShareAt(load.perSecond) },
    { part: "X-Ray: `relay`", price: "trace", amount: MILLION * relayed },
  ];
}

/**
 * The calls of the relay at this load. Lambda polls each shard several times a second, for at most 100 records, which share
 * a list page. Units, reads and bytes are for each delivery.
 */
export function relayingOf({ perSecond, bodies }: Load) {
  const shards = shardsAt(perSecond * bodies.tableUnits);
  const perShard = perSecond / shards;
  const calls = Math.max(Math.min(perShard, INPUTS.shardPolls.value), perShard / RELAY_BATCH);
  const busCalls = Math.ceil(perShard / calls / ENTRIES_A_CALL);
  const ms = cpuMs(busCalls) + busCalls * INPUTS.busCall.value;
  const batch = Math.max(1, perShard / calls);
  const page = bodies.onePageBytes + (batch - 1) * bodies.furtherBytes;
  return {
    shards,
    perShard,
    callsPerSecond: calls * shards,
    busCallsPerSecond: busCalls * calls * shards,
    ms,
    pageUnits: writeUnits(page) / batch,
    pageBytes: (page + INPUTS.storedOverhead.value) / batch,
    // One source for each batch.
    countUnits: 1 / batch,
    ...indexOf({
      perSlot: (perSecond * SLOT_MS) / 1_000,
      entryBytes: bodies.indexBytes,
      pageBytes: page / batch,
      batch,
    }),
  };
}

/**
 * The indexes of its slot and of its hour, for each delivery: two writes of the state of each, and its entries. Each batch
 * reads both states. Whoever makes the index of a slot reads all pages, and that of an hour the indexes of its slots, or the
 * pages of those without one. All reads are consistent.
 */
function indexOf(slot: {
  readonly perSlot: number;
  readonly entryBytes: number;
  readonly pageBytes: number;
  readonly batch: number;
}) {
  const { perSlot, entryBytes, pageBytes } = slot;
  const perHour = (perSlot * HOUR_MS) / SLOT_MS;
  const hasSlots = perSlot >= MIN_DELIVERIES;
  const made = [
    ...(hasSlots ? [{ deliveries: perSlot, readBytes: pageBytes }] : []),
    ...(perHour >= MIN_DELIVERIES ? [{ deliveries: perHour, readBytes: hasSlots ? entryBytes : pageBytes }] : []),
  ];
  const sum = (of: (one: (typeof made)[number]) => number): number => made.reduce((all, one) => all + of(one), 0);
  return {
    indexUnits: sum(({ deliveries }) => 2 / deliveries + entryBytes / 1_024),
    indexReads: 2 / slot.batch + sum(({ readBytes }) => readBytes / 4_096),
    indexBytes: sum(() => entryBytes),
  };
}

/** Billed milliseconds of one call of `receive`, with its share of the cold starts. */
export const receiveMs = (): number => cpuMs(1, INPUTS.receiveMemory) + INPUTS.tableCall.value;

const usualMs = (): number => cpuMs(4, INPUTS.receiveMemory) + 3 * INPUTS.tableCall.value + INPUTS.busCall.value;

/** The share of a function's calls that X-Ray records at this rate of calls per second. */
export const tracedShareAt = (perSecond: number): number =>
  perSecond <= 1 ? 1 : (1 + INPUTS.tracedShare.value * (perSecond - 1)) / perSecond;

const MILLION = 1_000_000;
const MINUTES_A_MONTH = 30 * 24 * 60;
/** `batchSize` of the relay's event source. */
export const RELAY_BATCH = 100;
/** Maximum number of events in one PutEvents call (`shared/bus/eventbridge-bus.ts`). */
const ENTRIES_A_CALL = 10;
const IDEMPOTENCY_UNITS = 2;
/** Write units per second of one partition (DynamoDB developer guide, "Best practices for partition keys"). */
export const PARTITION_UNITS = 1_000;

const shardsAt = (unitsPerSecond: number): number =>
  Math.max(INPUTS.newTablePartitions.value, Math.ceil(unitsPerSecond / PARTITION_UNITS));

/** In MB. */
type Memory = { readonly value: number };

/** Milliseconds that the work of one call takes on the share of a core that comes with the function's memory. */
function cpuMs(calls: number, memory: Memory = INPUTS.memory): number {
  const { requestCpu, callCpu, importCpu, coldStarts, wholeCore } = INPUTS;
  const cores = requestCpu.value + calls * callCpu.value + coldStarts.value * importCpu.value;
  return (cores * wholeCore.value) / memory.value;
}

function receiveLines({ ingress, ms }: { readonly ingress: Ingress; readonly ms: number }): Line[] {
  const isApi = ingress === "http-api";
  const logged = INPUTS.logLine.value + INPUTS.platformLog.value + (isApi ? INPUTS.accessLog.value : 0);
  return [
    { part: "HTTP API", price: "httpApiRequest", amount: isApi ? MILLION : 0 },
    ...functionLines("receive", { calls: 1, ms, memory: INPUTS.receiveMemory }),
    { part: "Logs", price: "logged", amount: gb(logged) },
    { part: "Answers sent", price: "sentOut", amount: gb(INPUTS.answer.value) },
  ];
}

function functionLines(
  name: string,
  { calls, ms, memory = INPUTS.memory }: { readonly calls: number; readonly ms: number; readonly memory?: Memory },
): Line[] {
  const gbSeconds = (MILLION * calls * ms * memory.value) / (1_000 * 1_024);
  return [
    { part: `Lambda \`${name}\`: calls`, price: "lambdaRequest", amount: MILLION * calls },
    { part: `Lambda \`${name}\`: time`, price: "lambdaGbSecond", amount: gbSeconds },
  ];
}

/** The table is stored with recovery. `bytes` is the mean for each delivery, with what DynamoDB adds to an item. */
const storageLines = (part: string, bytes: number): Line[] => [
  { part: `${part}: storage`, price: "tableStorage", amount: gb(bytes) * INPUTS.keptMonths.value },
  { part: `${part}: point-in-time recovery`, price: "pointInTime", amount: gb(bytes) * INPUTS.keptMonths.value },
];

/** Gigabytes of a million items of this size. */
const gb = (bytes: number): number => (MILLION * bytes) / 1e9;
