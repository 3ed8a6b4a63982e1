import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actDeps } from "../../functions/act-deps.ts";
import type { Bridge } from "../../functions/bridge.ts";
import { receiveApp } from "../../functions/receive-app.ts";
import { relayBus } from "../../functions/relay-bus.ts";
import { actions } from "../../shared/actions/registry.ts";
import type { GateDeps } from "../../shared/approvals/gate.ts";
import type { ReportedCommandDeps } from "../../shared/approvals/reported-command.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import type { CorrelateDeps } from "../../shared/delivery/correlate.ts";
import type { ReceiveDeps } from "../../shared/delivery/receive.ts";
import type { RunTrackingDeps } from "../../shared/delivery/run-tracking.ts";
import type { ScheduleDeps } from "../../shared/delivery/schedule.ts";
import type { CallDeps } from "../../shared/http/calls.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { bridgeWith, requestPorts } from "../support/bridge-parts.ts";
import { gatedBridge } from "../support/gated-bridge.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { busEventOf } from "../support/samples.ts";
import { secretsOf, type TestClock, testClock } from "../support/test-doubles.ts";

/** All that a bridge is passed to whole. The assignment of a bridge fails to compile if it lacks a member. */
type DepsOfVerbs = ReceiveDeps &
  Omit<
    CallDeps,
    "jobs" | "latencyOf" | "orders" | "patterns" | "ready" | "refusalCounts" | "rejectionAudit" | "sourcesOfCluster"
  > &
  GateDeps &
  ReportedCommandDeps &
  RunTrackingDeps &
  CorrelateDeps &
  ScheduleDeps;

const GITLAB = {
  name: "gitlab",
  provider: "gitlab",
  roles: [],
  people: {},
  mode: "enforce",
  settings: { signingToken: { current: "env:GITLAB_SIGNING" } },
} as const;

let database: OpenTable;
let clock: TestClock;
let stores: AllStores;
let bridge: Bridge;
let recorded: string[];
beforeEach(async () => {
  database = openMemoryTable();
  clock = testClock();
  recorded = [];
  stores = openAllStores(database.table, { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock });
  bridge = bridgeWith([], {
    stores,
    clock,
    secrets: secretsOf({ GITLAB_SIGNING: CANARY }),
    config: { sources: [GITLAB] },
    recorded: ({ id }) => void recorded.push(id),
  });
});
afterEach(() => database.close());

describe("a bridge", () => {
  it("the bridge has every dependency of the functions that it is passed to", () => {
    const deps: DepsOfVerbs = bridge;
    const absent = Object.entries(deps).flatMap(([name, member]) => (member === undefined ? [name] : []));
    // A bridge outside AWS, whose configuration has no `identity`.
    expect(absent).toEqual(["issuer"]);
  });

  it("the bridge has every dependency of the actions that it connects", () => {
    const deps = actDeps(bridge, {
      actions,
      retry: DEFAULT_RETRY,
      pageStores: stores,
      missingMs: () => 0,
      awsToken: undefined,
    });
    expect(Object.values(deps)).not.toContain(undefined);
  });

  it("what the HTTP interface receives is recorded, and each new record is reported once", async () => {
    const app = receiveApp(
      bridge,
      requestPorts(bridge, () => bridge.deliveries.unrelayed(clock.now(), 1)),
    );
    const body = JSON.stringify({ object_kind: "push", unread: 1 });
    const headers = gitlabHeaders(body, clock.now());
    const send = () => app.request("https://bridge.example.test/webhooks/gitlab", { method: "POST", headers, body });
    const [first, second] = [await send(), await send()];
    expect([first.status, second.status]).toEqual([202, 200]);
    const { delivery } = (await first.json()) as { delivery: string };
    expect(await second.json()).toEqual({ delivery, status: "duplicate" });
    expect(recorded).toEqual([delivery]);
    expect(await bridge.deliveries.get(delivery)).toMatchObject({ source: "gitlab", bodyBytes: body.length });
  });

  it("the bridge is ready while its store responds, and a call without a token is rejected", async () => {
    const app = receiveApp(
      bridge,
      requestPorts(bridge, () => bridge.deliveries.unrelayed(clock.now(), 1)),
    );
    expect((await app.request("https://bridge.example.test/readyz")).status).toBe(200);
    for (const path of ["deliveries", "credentials", "approvals"])
      expect((await app.request(`https://bridge.example.test/v1/${path}`)).status).toBe(401);
    database.close();
    expect((await app.request("https://bridge.example.test/readyz")).status).toBe(503);
  });
});

describe("the bus of a bridge", () => {
  it("the command of a label is executed once, although its event is published three times", async () => {
    const gated = await gatedBridge([{ outcome: "done", summary: "accepted" }]);
    try {
      const edit = await gated.edit(7);
      await gated.runDue();
      gated.clock.advance(60_000);
      const labeled = await gated.label("drawbridge-approve", "max");
      const busEvent = busEventOf(labeled);
      if (busEvent === undefined) throw new Error("a label is an event");
      const bus = relayBus(gated.bridge, gated.bus);
      for (let time = 0; time < 2; time++) expect(await bus.publish([busEvent])).toEqual([{ published: true }]);
      expect((await gated.steps(edit)).map(({ state }) => state)).toEqual(["requested", "granted"]);
      await gated.later();
      expect(gated.fired).toHaveLength(1);
    } finally {
      await gated.stop();
    }
  });
});
