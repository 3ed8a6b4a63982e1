import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { actDeps } from "../../functions/act-deps.ts";
import type { ActionDeps } from "../../shared/actions/action.ts";
import { confluence } from "../../shared/actions/confluence/index.ts";
import { tekton } from "../../shared/actions/tekton/index.ts";
import { actOn } from "../../shared/delivery/act-on-message.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { recordRunReport } from "../../shared/delivery/run-reports.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import type { BuildEvent } from "../../shared/model/event.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openAllStores } from "./all-stores.ts";
import { bridgeWith, routeOf } from "./bridge-parts.ts";
import { busEventOf, sampleDelivery } from "./samples.ts";
import { startSandboxConfluence } from "./sandbox-confluence.ts";
import { buildOf } from "./sandbox-confluence-action.ts";
import { actionDeps, secretsOf, testClock } from "./test-doubles.ts";

/**
 * The calls and the consumed capacity of each kind of action that succeeds at once: a page's edit fires a run, and the
 * run's end is shown on the page. The database must report the capacity that its indexes consume.
 */
export async function measuredActions(client: DynamoDBClient, table: string) {
  const clock = testClock();
  const sandbox = await startSandboxConfluence({ product: "data-center", pages: [{}, { id: OTHER_PAGE }] });
  const meter = meterOf(client);
  try {
    const stores = openAllStores(new DynamoDbTable(client, table), {
      retentionDays: 90,
      markUnrelayed: false,
      singleProcess: false,
      clock,
    });
    const secrets = secretsOf({ BEARER: sandbox.credentials.bearer });
    const site = sandbox.site("data-center");
    const { boards, origins } = stores;
    const routes = routesWith(actionDeps({ secrets, clock, callOut: meter.callOut, boards, origins }), site);
    const bridge = bridgeWith(routes, { stores, clock });
    const deps = {
      ...actDeps(bridge, {
        actions: [],
        retry: DEFAULT_RETRY,
        pageStores: stores,
        missingMs: () => 0,
        awsToken: undefined,
      }),
      routes,
      ownAccounts: stores.ownAccounts,
    };
    const consumed = async (route: string, delivery: RecordedDelivery) => {
      await stores.deliveries.record(delivery);
      meter.reset();
      const messages = await handled(route, delivery);
      return { messages, ...meter.consumed() };
    };
    /** Hands over the message, and reports the run that it starts. Returns how often it came. */
    const handled = async (route: string, delivery: RecordedDelivery): Promise<number> => {
      const busEvent = busEventOf(delivery);
      if (busEvent === undefined) throw new Error("a sample is an event");
      const message = { route, delivery: delivery.id, event: busEvent.detail.id, queuedAt: clock.now(), receives: 1 };
      const { result } = await actOn(message, deps);
      if (result === "finished") return 1;
      if (result !== "waits") throw new Error(`${route}: ${result}`);
      await recordRunReport(startOfRun(busEvent.detail), bridge);
      if ((await stores.actions.state(actionIdOf(route, busEvent.detail.eventKey))) !== "done")
        throw new Error("it waits");
      return 1;
    };
    // Each process writes once that actions of this target wait. This is not part of the cost of one action.
    await consumed("docs-build", editAt(site, 5));
    const edit = editAt(site, 1);
    const fired = await consumed("docs-build", edit);
    // Once an hour a write looks up the credential's user first. This is not part of the cost of one action.
    await consumed("status", endOfRun(sampleDelivery(2), { page: OTHER_PAGE, run: "asking" }));
    return { tekton: fired, confluence: await consumed("status", endOfRun(edit, { page: PAGE, run: "measured" })) };
  } finally {
    await sandbox.close();
  }
}

const PAGE = "98310";
const OTHER_PAGE = "98311";
const LISTENER = "https://listener.example.test/";

function routesWith(deps: ActionDeps, site: string): readonly Route[] {
  const trigger = tekton.connect(
    { route: "docs-build", targetName: "listener", target: { url: LISTENER, runsReportedBy: "cluster" }, options: {} },
    deps,
  );
  const target = { product: "data-center", site, credential: { bearer: "env:BEARER" } };
  const options = { page: "$.detail.build.results.page" };
  const status = confluence.connect({ route: "status", targetName: "pages", target, options }, deps);
  return [
    routeOf(trigger.run, { name: "docs-build", target: "listener", runsReportedBy: "cluster", runNamespaces: ["ci"] }),
    routeOf(status.run, { name: "status", action: "confluence", target: "pages" }),
  ];
}

function editAt(site: string, version: number): RecordedDelivery {
  const edit = sampleDelivery(version);
  const [event] = edit.events;
  return { ...edit, events: [{ ...event, page: { ...event.page, site } }] };
}

/** The first report of the run that is fired for an edit. */
function startOfRun({ delivery, eventKey }: BusEvent["detail"]): BusEvent {
  const event: BuildEvent = {
    type: "build.queued",
    keyParts: ["run", "queued"],
    time: "2026-11-02T09:00:01.000Z",
    subject: `ci/docs-build-${eventKey}`,
    build: { system: "tekton", id: "run", pipeline: "ci/docs", state: "queued" },
    origin: { delivery, namespace: "ci" },
  };
  const [busEvent] = busEventsOf({ ...sampleDelivery(3), source: "cluster", provider: "tekton", events: [event] });
  if (busEvent === undefined) throw new Error("a report is an event");
  return busEvent;
}

/** The cluster's report of a run's end, with the annotation that names the edit. */
function endOfRun(
  edit: RecordedDelivery,
  { page, run }: { readonly page: string; readonly run: string },
): RecordedDelivery {
  const build = buildOf({ id: `run-${run}`, results: { page } });
  const type = "build.succeeded";
  const event = {
    type,
    keyParts: [build.id, type],
    time: "2026-11-02T09:01:15.000Z",
    subject: build.id,
    build,
  } as const;
  const claimed = { ...event, origin: { delivery: edit.id, namespace: "ci" } };
  return { ...edit, id: `d-end-of-run-${run}`, source: "cluster", provider: "tekton", what: type, events: [claimed] };
}

interface Call {
  readonly isRead: boolean;
  readonly table: number;
  readonly indexes: number;
}

/**
 * Counts calls of the table, with the capacity that they consumed, and calls of targets. Stands in for the listener.
 */
function meterOf(client: DynamoDBClient) {
  const calls: Call[] = [];
  let targetCalls = 0;
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (call) => {
        Object.assign(call.input, { ReturnConsumedCapacity: "INDEXES" });
        const answer = await next(call);
        // The output of every DynamoDB command that requests it.
        const { ConsumedCapacity: consumed } = answer.output as {
          ConsumedCapacity?: { CapacityUnits?: number; Table?: { CapacityUnits?: number } };
        };
        const table = consumed?.Table?.CapacityUnits ?? 0;
        calls.push({
          isRead: /^(Get|Query)/.test(commandName),
          table,
          indexes: (consumed?.CapacityUnits ?? 0) - table,
        });
        return answer;
      },
    { step: "initialize" },
  );
  const counted: CallOut = (call) => {
    targetCalls += 1;
    return call.url.href.startsWith(LISTENER) ? Promise.resolve(ACCEPTED) : callOut(call);
  };
  return {
    callOut: counted,
    reset: () => {
      calls.length = 0;
      targetCalls = 0;
    },
    consumed: () => {
      const writes = calls.filter(({ isRead }) => !isRead);
      return {
        tableCalls: calls.length,
        targetCalls,
        tableUnits: sum(writes.map(({ table }) => table)),
        indexUnits: sum(writes.map(({ indexes }) => indexes)),
        readUnits: sum(calls.filter(({ isRead }) => isRead).map(({ table }) => table)),
      };
    },
  };
}

const ACCEPTED = {
  status: 202,
  headers: new Headers(),
  body: new TextEncoder().encode(JSON.stringify({ eventID: "00000000-0000-4000-8000-000000000001" })),
};

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
