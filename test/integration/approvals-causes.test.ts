import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BridgeEvent, BuildEvent } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { routeOf, scripted } from "../support/bridge-parts.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const onBuild = (pipeline: string) => (busEvent: BusEvent) =>
  "build" in busEvent.detail && busEvent.detail.build.pipeline === pipeline;

let bridge: Awaited<ReturnType<typeof gatedBridge>>;
let edit: RecordedDelivery;

/** A page edit is built, the build is packaged, and a package is deployed once somebody has approved it. */
beforeEach(async () => {
  const firing = { target: "builds", runsReportedBy: "prod-cluster" };
  const { run } = scripted([DONE]);
  bridge = await gatedBridge([DONE], { matches: onBuild("pack") }, [
    routeOf(run, { ...firing, name: "build", matches: (busEvent) => busEvent["detail-type"] === "page.updated" }),
    routeOf(run, { ...firing, name: "pack", matches: onBuild("build") }),
  ]);
  edit = await bridge.edit(7);
  await bridge.runDue("builds");
  bridge.clock.advance(1_000);
});
afterEach(() => bridge.stop());

/** A cluster reports that the run which `origin` fired has succeeded. */
async function built(pipeline: string, origin: RecordedDelivery, given: Partial<BuildEvent> = {}) {
  const event: BuildEvent = {
    type: "build.succeeded",
    keyParts: [pipeline, origin.id],
    time: toIso(bridge.clock.now()),
    subject: pipeline,
    build: { system: "tekton", id: pipeline, pipeline, state: "succeeded" },
    origin: { delivery: origin.id },
    ...given,
  };
  return reported(event, `d-${pipeline}-of-${origin.id}`);
}

async function reported(event: BridgeEvent, id: string): Promise<RecordedDelivery> {
  const { events: _, ...delivery } = sampleDelivery();
  const principal = { ...delivery.principal, subject: "prod-cluster" };
  const report = await bridge.takeIn({
    ...delivery,
    id,
    source: "prod-cluster",
    provider: "tekton",
    principal,
    what: event.type,
    subject: event.subject,
    events: [event],
  });
  await bridge.runDue("builds");
  await bridge.runDue();
  return report;
}

const packed = async (of = edit) => built("pack", await built("build", of));

describe("a task that waits inside a run that a page edit caused", () => {
  const pending = (origin: RecordedDelivery, type: "requested" | "granted" = "requested") =>
    reported(
      {
        type: `approval.${type}`,
        keyParts: ["approvaltask", "uid-1", type],
        time: toIso(bridge.clock.now()),
        subject: "ci/docs-release",
        approval: { system: "tekton", build: "run-1", pipeline: "ci/docs", task: "uid-1", decidedBy: "kim" },
        origin: { delivery: origin.id },
      },
      `d-${type}`,
    );

  beforeEach(async () => {
    await bridge.stop();
    const { run } = scripted([DONE]);
    const onTask = ({ detail }: BusEvent) =>
      detail.type === "approval.requested" && "approval" in detail && detail.approval.task !== undefined;
    const firing = { target: "builds", runsReportedBy: "prod-cluster" };
    bridge = await gatedBridge([DONE], { matches: onTask }, [
      routeOf(run, { ...firing, name: "build", matches: (busEvent) => busEvent["detail-type"] === "page.updated" }),
    ]);
    edit = await bridge.edit(7);
    await bridge.runDue("builds");
    bridge.clock.advance(1_000);
  });

  it("its approval names the editor and the page, and the editor cannot approve it", async () => {
    const report = await pending(edit);
    expect(await bridge.approvalOf(report)).toMatchObject({
      requester: { subject: "wiki", actor: EDITOR },
      page: { id: "98310" },
      about: { mark: "7" },
      alsoAbout: [expect.stringContaining("#uid-1")],
    });
    expect(await bridge.decide(report, "grant", holder("ann"))).toMatchObject({
      rejection: { reason: "self_approval" },
    });
    expect(await bridge.decide(report, "grant", holder("max"))).toMatchObject({ ok: true });
  });

  it("a newer version of the page ends it", async () => {
    const first = await pending(edit);
    await bridge.edit(8);
    await bridge.later();
    expect(await bridge.approvalOf(first)).toMatchObject({ state: "superseded" });
  });

  it("a decision in the cluster ends it, and a later report of the same task does not open it again", async () => {
    const report = await pending(edit);
    bridge.clock.advance(1_000);
    await pending(edit, "granted");
    expect(await bridge.decide(report, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "approval_outdated" },
    });
    await bridge.later();
    const endedFor = "the task was approved in the cluster by kim";
    expect(await bridge.approvalOf(report)).toMatchObject({ state: "superseded", endedFor });
    await bridge.takeIn(report);
    await bridge.runDue();
    expect(await bridge.approvalOf(report)).toMatchObject({ state: "superseded" });
    expect(bridge.fired).toEqual([]);
  });
});

describe("a gate behind a run that a page edit caused", () => {
  it("the approval names the editor and the page of the edit, through every run in between", async () => {
    const report = await packed();
    expect(await bridge.approvalOf(report)).toMatchObject({
      delivery: report.id,
      cause: edit.id,
      requester: { subject: "wiki", actor: EDITOR },
      page: { id: "98310" },
      about: { mark: "7" },
    });
  });

  it("the editor cannot open the gate, and somebody else can", async () => {
    const report = await packed();
    for (const editor of [holder("ann"), { ...holder("ann"), trustEntry: "admins" }, holder(EDITOR)]) {
      expect(await bridge.decide(report, "grant", editor)).toMatchObject({ rejection: { reason: "self_approval" } });
    }
    expect(await bridge.decide(report, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: report.id } } }]);
  });

  it("the approval becomes void when the page changes", async () => {
    const report = await packed();
    await bridge.edit(8);
    expect(await bridge.decide(report, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "approval_outdated" },
    });
    await bridge.later();
    expect(await bridge.approvalOf(report)).toMatchObject({ state: "superseded" });
  });

  it("a label on the page opens the gate, and the approval's event has the edit as its origin", async () => {
    const report = await packed();
    const unrelayed = await bridge.deliveries.unrelayed(laterBy(bridge.clock.now(), 60_000), 10);
    const events = await Promise.all(unrelayed.map((id) => bridge.deliveries.get(id)));
    const requested = events.flatMap((one) => (one && one.what === "approval.requested" ? [busEventOf(one)] : []));
    expect(requested).toMatchObject([{ detail: { origin: { delivery: edit.id } } }]);
    bridge.clock.advance(60_000);
    await bridge.label("drawbridge-approve", "max");
    expect(await bridge.approvalOf(report)).toMatchObject({ state: "granted" });
  });

  it("a person who ran the edit or its last run again counts as the requester, and so does the editor", async () => {
    const again = await bridge.replay(edit, holder("mia", ["manager", "on-call"]), ["build"]);
    await bridge.runDue("builds");
    const report = await packed(again);
    for (const by of [holder("mia"), holder("ann")]) {
      expect(await bridge.decide(report, "grant", by)).toMatchObject({ rejection: { reason: "self_approval" } });
    }
    expect(await bridge.decide(report, "grant", holder("max"))).toMatchObject({ ok: true });
    bridge.clock.advance(1_000);
    const last = await bridge.replay(report, holder("max"));
    await bridge.runDue();
    const about = { key: "page#98310#https://wiki.example.test", at: toIso(last.receivedAt) };
    expect(await bridge.approvalOf(last)).toMatchObject({
      requester: { subject: "max" },
      authors: [{ subject: "mia" }, { actor: EDITOR }],
      about,
      cause: again.id,
    });
    expect(await bridge.decide(last, "grant", holder("ann"))).toMatchObject({ rejection: { reason: "self_approval" } });
  });

  it("the actor of the run's own event is the requester if no earlier event names anybody", async () => {
    const {
      events: [event],
      ...delivery
    } = sampleDelivery(9);
    const { actor: _, ...nobody } = event;
    const unnamed = await bridge.takeIn({ ...delivery, events: [nobody] });
    await bridge.runDue("builds");
    const report = await built("pack", await built("build", unnamed), { actor: { id: "max" } });
    expect((await bridge.approvalOf(report)).requester).toMatchObject({ actor: "max", subject: "prod-cluster" });
  });

  it("anyone with the role can open the gate if no person caused the run", async () => {
    const report = await built("pack", edit, { origin: { delivery: "d-unknown" } });
    expect(await bridge.approvalOf(report)).not.toHaveProperty("cause");
    expect(await bridge.decide(report, "grant", holder("ann"))).toMatchObject({ ok: true });
  });
});
