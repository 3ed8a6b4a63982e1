import { setTimeout as wait } from "node:timers/promises";
import type { Context } from "aws-lambda";
import { reportAllAccess } from "../shared/approvals/report-access.ts";
import { eventBridgeClient } from "../shared/aws/clients.ts";
import { drainSpilled } from "../shared/aws/drain-spilled.ts";
import { dynamoDbClient } from "../shared/aws/dynamodb-client.ts";
import { setting } from "../shared/aws/settings.ts";
import { sqsClient } from "../shared/aws/sqs-client.ts";
import { requeueDeadLetters } from "../shared/aws/stream-dead-letters.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { advanceBulkReplays } from "../shared/delivery/bulk-replay.ts";
import { BULK_EVERY_MS } from "../shared/delivery/bulk-replay-worker.ts";
import { Paused } from "../shared/delivery/paused.ts";
import { SWEEP_SIZE, sweep } from "../shared/delivery/relay.ts";
import { requeueSpan, type TimeSpan } from "../shared/delivery/requeue-span.ts";
import { SILENT_RUNS, showSilentRuns } from "../shared/delivery/silent-runs.ts";
import { TargetGate } from "../shared/delivery/target-gate.ts";
import { wakeDue } from "../shared/delivery/wake-due.ts";
import type { ActionStatus } from "../shared/store/actions.ts";
import { findDeliveries } from "../shared/store/dynamodb/find-deliveries.ts";
import { ParkedActions } from "../shared/store/parked-actions.ts";
import { awsBridge, awsTable } from "./aws-bridge.ts";
import { relayBus } from "./relay-bus.ts";
import { sendDueAction, wokenAction } from "./woken-action.ts";

/** The time that one round needs, in milliseconds. Without that time, the rest waits for the next sweep. */
const ROUND_MS = 15_000;
/** The time that is reserved for rounds, in milliseconds: requeueing dead letters stops before it. */
const ROUNDS_MS = 30_000;

const config = compiledWithoutRoutes();
const opened = awsTable(config);
const bridge = awsBridge("sweep", config, { opened, wokenOf: wokenAction });
const parkedActions = new ParkedActions(opened.table);
const { deliveries, actions, targets, ownAccounts, clock, log } = bridge;
const targetNames = new Set(bridge.targetNames);
// The sweep makes no attempt: it begins no probe.
const targetGate = new TargetGate({ targets, targetNames, leaseMs: 0, clock, log });
const bus = relayBus(bridge, new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME")));
const sqs = sqsClient();
const dynamoDb = dynamoDbClient();
const queueUrl = setting(process.env, "QUEUE_URL");

/**
 * Runs on a schedule: records what was spilled, sends the messages of the waiting actions that are due, requeues the
 * stream's dead letters, relays the deliveries in the outbox, looks at the runs whose reports stopped, reports the roles
 * that ended, and works on the bulk replays.
 */
export async function handler(_: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> {
  const find = (span: TimeSpan) => findDeliveries(dynamoDb, setting(process.env, "TABLE_NAME"), span);
  const hasTime = () => context.getRemainingTimeInMillis() > ROUNDS_MS;
  const spillQueueUrl = setting(process.env, "SPILL_QUEUE_URL");
  await drainSpilled({ sqs, queueUrl: spillQueueUrl, table: opened.table, log, hasTime });
  await wakeDue({
    actions,
    parkedActions,
    accessTo: (target) => targetGate.accessTo(target),
    send,
    hasTime,
    clock,
    log,
  });
  await requeueDeadLetters({
    sqs,
    queueUrl,
    log,
    requeueSpan: (span) => requeueSpan(span, { find, outbox: deliveries, clock, hasTime }),
  });
  const paused = new Paused();
  const hasTimeForRound = () => context.getRemainingTimeInMillis() > ROUND_MS;
  const publishing = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log };
  while ((await sweep(publishing, paused)) === SWEEP_SIZE && hasTimeForRound());
  while (hasTimeForRound() && (await showSilentRuns(bridge)) === SILENT_RUNS);
  if (hasTimeForRound()) await reportAllAccess(bridge);
  while (hasTimeForRound() && (await advanceBulkReplays(bridge)) > 0) await wait(BULK_EVERY_MS);
}

const send = (action: ActionStatus): Promise<void> => sendDueAction(action, process.env["ACTION_QUEUES"]);
