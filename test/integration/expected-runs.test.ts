import { afterEach, describe, expect, it } from "vitest";
import { replay } from "../../shared/delivery/replay.ts";
import type { GateResult } from "../../shared/delivery/run-attempt.ts";
import { silentRuns } from "../../shared/http/expected-runs.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import { expectingBridge } from "../support/expecting-bridge.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";

type Bridge = Awaited<ReturnType<typeof expectingBridge>>;
let bridge: Bridge;
afterEach(() => bridge.close());

async function start(options?: Parameters<typeof expectingBridge>[0]): Promise<Bridge> {
  bridge = await expectingBridge(options);
  return bridge;
}

const EDIT = sampleDelivery();
const KEY = busEventOf(EDIT)?.detail.eventKey ?? "";
const posts = () => bridge.sandbox.requests.length;
const runs = () => [...bridge.sandbox.runs.keys()];

describe("a run that is reported", () => {
  it("the first report ends the wait: the request is sent once, and the action's record names the report", async () => {
    const { fire, later, status, lines } = await start();
    await fire();
    const after = await status();
    const shown = { route: "docs-build", action: "tekton", requests: 1, acceptedAt: "2026-11-02T09:00:00.000Z" };
    const reported = { state: "reported", reportedAt: "2026-11-02T09:00:02.000Z", reportedBy: after?.report?.by };
    expect(await bridge.shown()).toEqual([{ ...shown, ...reported }]);
    expect(after).toMatchObject({ state: "done", run: { requests: 1 }, report: { by: expect.stringMatching(/^d-/) } });
    await later(60);
    expect(posts()).toBe(1);
    expect(await status()).toEqual(after);
    expect(await lines()).toEqual([]);
  });

  it("the listener's own report of a success ends the wait, without a report of the run", async () => {
    const { fire, status, deliveries } = await start({ reportsTriggers: true, reportsRuns: false });
    await fire();
    const { state, report } = (await status()) ?? {};
    expect(state).toBe("done");
    expect(await deliveries.get(report?.by ?? "")).toMatchObject({ what: "trigger.succeeded" });
  });

  it("a run whose template writes no annotation and a generated name is found by the event id", async () => {
    const { fire, status } = await start({ annotate: false, target: {} });
    await fire();
    expect(await status()).toMatchObject({ state: "done" });
  });
});

describe("a run that could prove its origin and does not", () => {
  it("ends no wait, although it has the listener's event id", async () => {
    const { fire, status } = await start({ annotate: false, target: { originKey: { current: "env:ORIGIN" } } });
    await fire();
    expect(runs()).toHaveLength(1);
    expect(await status()).toMatchObject({ state: "expecting_run" });
  });
});

describe("a run that does not come", () => {
  it("a filter that says no: the request is sent again after 2, 7 and 17 minutes, and the action ends after 20", async () => {
    const { fire, later, sandbox, status, lines } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    expect(await status()).toMatchObject({ state: "expecting_run", run: { requests: 1, next: "repeat" } });
    expect(await bridge.shown()).toMatchObject([
      { state: "expecting_run", next: "repeat", nextAt: "2026-11-02T09:02:00.000Z" },
    ]);
    const seen: number[] = [];
    for (let minute = 0; minute < 30; minute++) {
      seen.push(posts());
      await later(1);
    }
    expect([1, 3, 6, 8, 16, 18, 29].map((minute) => seen[minute])).toEqual([1, 2, 2, 3, 3, 4, 4]);
    expect(await status()).toMatchObject({ state: "accepted_without_run", run: { requests: 4 } });
    expect(await bridge.shown()).toMatchObject([{ state: "accepted_without_run", requests: 4 }]);
    expect(sandbox.rejections).toEqual([]);
    const [line, ...others] = await lines();
    expect(others).toEqual([]);
    expect(line).toMatchObject({ state: "missing", route: "docs-build", action: "tekton" });
    expect(line?.summary).toContain("accepted the request 4 times since 2026-11-02T09:");
    expect(line?.summary).toContain(`kubectl get pipelineruns --all-namespaces | grep ${KEY}`);
    expect(line?.summary).toMatch(/kubectl --namespace ci logs deployment\/el-drawbridge \| grep [\da-f-]{36}/);
  });

  it.each(["filter", "interceptors", "refused"] as const)(
    "an outage (%s) heals by itself: one run is made when it is over, and its report ends the wait",
    async (fault) => {
      const { fire, later, sandbox, status, lines } = await start();
      sandbox.breakTriggers(fault);
      await fire();
      await later(4);
      sandbox.breakTriggers(undefined);
      await later(30);
      expect(posts()).toBe(3);
      expect(runs()).toEqual([`docs-build-${KEY}`]);
      expect(await status()).toMatchObject({ state: "done", run: { requests: 3 } });
      expect(await lines()).toEqual([]);
    },
  );

  it("the target with generated names gets no second request, and the state alone", async () => {
    const { fire, later, sandbox, status } = await start({ target: {} });
    sandbox.breakTriggers("filter");
    await fire();
    await later(19);
    expect(await status()).toMatchObject({ state: "expecting_run" });
    await later(3);
    expect(await status()).toMatchObject({ state: "accepted_without_run", run: { requests: 1 } });
    expect(posts()).toBe(1);
  });

  it("the wait begins with the target's own time", async () => {
    const { fire, later, sandbox } = await start({ target: { runName: "fixed", expectRunWithinMinutes: 10 } });
    sandbox.breakTriggers("filter");
    await fire();
    await later(9);
    expect(posts()).toBe(1);
    await later(2);
    expect(posts()).toBe(2);
  });

  it("a listener that reports a failure says so in the timeline at once", async () => {
    const { fire, sandbox, status, lines } = await start({ reportsTriggers: true });
    sandbox.breakTriggers("refused");
    await fire();
    expect(await status()).toMatchObject({ state: "expecting_run" });
    expect(await lines()).toMatchObject([{ state: "not_created", summary: expect.stringContaining("its log has") }]);
  });
});

describe("a request that the bridge's own interceptor refuses", () => {
  it("the timeline has the interceptor's reason at once, and the wait goes on", async () => {
    const { fire, sandbox, status, lines } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    const [eventId = ""] = (await status())?.run?.eventIds ?? [];
    const event: BridgeEvent = {
      type: "trigger.refused",
      keyParts: ["trigger", "ci/docs-build", eventId, "refused"],
      time: "2026-11-02T09:00:01.000Z",
      subject: "ci/docs-build",
      trigger: { system: "tekton", name: "ci/docs-build", eventId, reason: "token_expired" },
      origin: { triggerEventId: eventId, namespace: "ci" },
    };
    const what = event.type;
    await fire({ ...EDIT, id: "d-refused", source: "cluster", provider: "tekton", what, events: [event] });
    expect(await lines()).toMatchObject([
      { state: "not_created", summary: "an interceptor refused the request: token_expired" },
    ]);
    expect(await status()).toMatchObject({ state: "expecting_run" });
  });
});

describe("a run whose reports are lost", () => {
  it("a wrong password of the cluster: one run in spite of four requests, and a restart of its controller clears the state", async () => {
    const { fire, later, sandbox, lose, arrived, status, lines } = await start();
    lose(/./);
    await fire();
    await later(30);
    expect(sandbox.events.every(({ answers }) => answers.length === 1 && answers[0] === 401)).toBe(true);
    expect(posts()).toBe(4);
    expect(runs()).toHaveLength(1);
    expect(sandbox.rejections).toEqual(Array(3).fill(`pipelineruns.tekton.dev "docs-build-${KEY}" already exists`));
    expect(await status()).toMatchObject({ state: "accepted_without_run" });
    lose(undefined);
    sandbox.resendAll();
    await arrived();
    expect(await status()).toMatchObject({ state: "done", report: { at: bridge.clock.now() } });
    expect((await lines()).map(({ state }) => state).sort()).toEqual(["missing", "reported"]);
  });

  it("the end of a run is lost: the run is shown without a report after the target's time, until the end is reported", async () => {
    const { fire, later, sandbox, lose, arrived, shown, listedSince } = await start();
    lose(/successful/);
    await fire();
    const [run] = await shown();
    expect(run).toMatchObject({ state: "reported" });
    await later(89);
    expect(await shown()).toEqual([run]);
    expect((await listedSince())[EDIT.id]).toBeUndefined();
    await later(2);
    expect(await shown()).toEqual([{ ...run, noReportSince: run?.reportedAt }]);
    const { [EDIT.id]: since, ...others } = await listedSince();
    expect(since).toBe(run?.reportedAt);
    // The reports of the run are deliveries too.
    expect(Object.values(others)).toEqual(Object.values(others).map(() => undefined));
    expect(Object.values(others).length).toBeGreaterThan(0);
    lose(undefined);
    sandbox.resendAll();
    await arrived();
    expect(await shown()).toEqual([run]);
    expect((await listedSince())[EDIT.id]).toBeUndefined();
  });

  it("a replay of an old report does not count, and a report of a state that was reported before does", async () => {
    const { fire, later, lose, shown, listedSince, status, deliveries, clock } = await start({ showsRuns: true });
    lose(/successful/);
    await fire();
    await later(100);
    const before = await shown();
    expect(before).toMatchObject([{ noReportSince: expect.any(String) }]);
    const of = await deliveries.get((await status())?.report?.by ?? "");
    if (of === undefined) throw new Error("the first report is recorded");
    const by = sourcePrincipal("api", "oidc", "key-1");
    const order = { of, routes: ["page"], by, requestId: "r-2", key: ["k-1"], isRollback: false };
    const { delivery } = await replay(order, bridge.bridge);
    await later(1);
    const timeline = await deliveries.timeline(EDIT.id);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "followed_by", delivery }));
    expect(await shown()).toEqual(before);
    await fire({ ...of, id: "d-again", receivedAt: clock.now() });
    expect((await deliveries.get("d-again"))?.repeats).toBe(of.id);
    expect(await shown()).toEqual(before.map(({ noReportSince: _, ...run }) => run));
    expect((await listedSince())[EDIT.id]).toBeUndefined();
  });

  it("the list reads nothing for deliveries that are too recent to be without a report, and one record if every run has ended", async () => {
    const { fire, later, bridge: parts } = await start();
    await fire();
    const reads: string[] = [];
    const counted = <T extends object>(store: T, name: string): T =>
      new Proxy(store, {
        get: (target, member) => {
          reads.push(`${name}.${String(member)}`);
          const value: unknown = Reflect.get(target, member);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const { runs, deliveries, actions } = parts;
    const deps = {
      ...parts,
      runs: counted(runs, "runs"),
      deliveries: counted(deliveries, "deliveries"),
      actions: counted(actions, "actions"),
    };
    await silentRuns([EDIT], deps);
    expect(reads).toEqual([]);
    await later(100);
    await silentRuns([EDIT], deps);
    expect(reads).toEqual(["runs.of"]);
  });

  it("an anonymous request to the listener starts a run that clears no wait, although it names the delivery", async () => {
    const { fire, sandbox, arrived, status } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    sandbox.breakTriggers(undefined);
    await fetch(sandbox.url, {
      method: "POST",
      headers: { "content-type": "application/json", "drawbridge-route": "docs-build" },
      body: JSON.stringify({
        delivery: { id: EDIT.id, key: "forged", proof: "" },
        params: {},
        actor: { id: "x" },
        payload: "",
      }),
    });
    await arrived();
    expect(runs()).toEqual(["docs-build-forged"]);
    expect(await status()).toMatchObject({ state: "expecting_run" });
  });
});

describe("an action that fires again or must not", () => {
  it.each([
    ["replay", false],
    ["rollback", true],
  ])("a %s has its own key, its own run and its own wait", async (_, isRollback) => {
    const { fire, later, sandbox, status, deliveries } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    await later(25);
    sandbox.breakTriggers(undefined);
    const order = {
      of: EDIT,
      routes: ["docs-build"],
      by: sourcePrincipal("api", "oidc", "key-1"),
      requestId: "r-2",
      key: ["k-1"],
    };
    const { delivery } = await replay({ ...order, isRollback }, bridge.bridge);
    const again = await deliveries.get(delivery);
    if (again === undefined) throw new Error("a replay is recorded");
    await fire(again);
    expect(await status(again)).toMatchObject({ state: "done", run: { requests: 1 } });
    expect(await status()).toMatchObject({ state: "accepted_without_run" });
    expect(runs()).toHaveLength(1);
    expect(runs()).not.toContain(`docs-build-${KEY}`);
  });

  it("a request whose repeat is held back is not sent again, and still needs a report", async () => {
    let isHeld = false;
    const hold = async (): Promise<GateResult> => (isHeld ? { held: { outcome: "done", summary: "superseded" } } : {});
    const { fire, later, sandbox, status, lines } = await start({ hold });
    sandbox.breakTriggers("filter");
    await fire();
    isHeld = true;
    await later(25);
    expect(posts()).toBe(1);
    expect(await status()).toMatchObject({ state: "accepted_without_run", run: { requests: 1 } });
    expect(await lines()).toMatchObject([{ state: "missing" }]);
  });

  it("a listener that rejects the repeat ends the wait at once, with its answer", async () => {
    const { fire, later, sandbox, status, lines } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    sandbox.answerNext({ kind: "bad_request", errorMessage: "no object" });
    await later(3);
    expect(await status()).toMatchObject({ state: "accepted_without_run" });
    const [line] = await lines();
    expect(line?.summary).toContain("not repeated further: the listener rejected the request (400)");
  });

  it("a listener that is away during the repeat is asked again after a backoff", async () => {
    const { fire, later, sandbox, status } = await start();
    sandbox.breakTriggers("filter");
    await fire();
    sandbox.breakTriggers(undefined);
    sandbox.answerNext({ kind: "server_error" });
    await later(4);
    expect(posts()).toBe(3);
    expect(await status()).toMatchObject({ state: "done", run: { requests: 2 } });
  });
});
