import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { type BusEvent, busEventOf } from "../../shared/model/bus-event.ts";
import type { BuildEvent } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { routeOf, scripted } from "../support/bridge-parts.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { sampleDelivery } from "../support/samples.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const onBuild = (pipeline: string) => (busEvent: BusEvent) =>
  "build" in busEvent.detail && busEvent.detail.build.pipeline === pipeline;

let bridge: Awaited<ReturnType<typeof gatedBridge>>;
let edit: RecordedDelivery;

/** A page edit is built, the build is packed, and a package is deployed once somebody has approved it. */
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

/** A cluster tells that the run which `origin` fired has succeeded. */
async function built(pipeline: string, origin: RecordedDelivery, given: Partial<BuildEvent> = {}) {
  const event: BuildEvent = {
    ...{ type: "build.succeeded", keyParts: [pipeline, origin.id], time: toIso(bridge.clock.now()), subject: pipeline },
    build: { system: "tekton", id: pipeline, pipeline, state: "succeeded" },
    origin: { delivery: origin.id },
    ...given,
  };
  const { event: _, ...delivery } = sampleDelivery();
  const principal = { ...delivery.principal, subject: "prod-cluster" };
  const id = `d-${pipeline}-of-${origin.id}`;
  const told = await bridge.takeIn({
    ...{ ...delivery, id, source: "prod-cluster", provider: "tekton", principal },
    ...{ what: event.type, subject: event.subject, event },
  });
  await bridge.runDue("builds");
  await bridge.runDue();
  return told;
}

const packed = async (of = edit) => built("pack", await built("build", of));

describe("a gate behind what somebody's page edit caused", () => {
  it("knows who edited the page and which, through every run in between", async () => {
    const told = await packed();
    expect(await bridge.approvalOf(told)).toMatchObject({
      ...{ delivery: told.id, cause: edit.id, requester: { subject: "wiki", actor: EDITOR } },
      ...{ page: { id: "98310" }, about: { mark: "7" } },
    });
  });

  it("is not opened by that editor, and by somebody else", async () => {
    const told = await packed();
    for (const editor of [holder("ann"), { ...holder("ann"), trustEntry: "admins" }, holder(EDITOR)]) {
      expect(await bridge.decide(told, "grant", editor)).toMatchObject({ rejection: { reason: "self_approval" } });
    }
    expect(await bridge.decide(told, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: told.id } } }]);
  });

  it("is void once the page has changed", async () => {
    const told = await packed();
    await bridge.edit(8);
    expect(await bridge.decide(told, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "approval_outdated" },
    });
    await bridge.later();
    expect(await bridge.approvalOf(told)).toMatchObject({ state: "superseded" });
  });

  it("is opened by a label on that page, and the event of it leads back to the edit", async () => {
    const told = await packed();
    const unrelayed = await bridge.deliveries.unrelayed(laterBy(bridge.clock.now(), 60_000), 10);
    const events = await Promise.all(unrelayed.map((id) => bridge.deliveries.get(id)));
    const requested = events.flatMap((one) => (one && one.what === "approval.requested" ? [busEventOf(one)] : []));
    expect(requested).toMatchObject([{ detail: { origin: { delivery: edit.id } } }]);
    bridge.clock.advance(1_000);
    await bridge.label("drawbridge-approve", "max");
    expect(await bridge.approvalOf(told)).toMatchObject({ state: "granted" });
  });

  it("counts whoever had the edit, or the last run of it, run again as who asked", async () => {
    const again = await bridge.replay(edit, holder("mia", ["manager", "on-call"]), ["build"]);
    await bridge.runDue("builds");
    const told = await packed(again);
    expect(await bridge.decide(told, "grant", holder("mia"))).toMatchObject({ rejection: { reason: "self_approval" } });
    expect(await bridge.decide(told, "grant", holder("ann"))).toMatchObject({ ok: true });
    bridge.clock.advance(1_000);
    const last = await bridge.replay(told, holder("max"));
    await bridge.runDue();
    const about = { key: "page#98310#https://wiki.example.test", at: toIso(last.receivedAt) };
    expect(await bridge.approvalOf(last)).toMatchObject({ requester: { subject: "max" }, about, cause: again.id });
  });

  it("counts whom the run's own event names where nothing behind it names anybody", async () => {
    const { event, ...delivery } = sampleDelivery(9);
    const { actor: _, ...nobody } = event;
    const unnamed = await bridge.takeIn({ ...delivery, event: nobody });
    await bridge.runDue("builds");
    const told = await built("pack", await built("build", unnamed), { actor: { id: "max" } });
    expect((await bridge.approvalOf(told)).requester).toMatchObject({ actor: "max", subject: "prod-cluster" });
  });

  it("is opened by anyone with the role where nobody was behind it", async () => {
    const told = await built("pack", edit, { origin: { delivery: "d-unknown" } });
    expect(await bridge.approvalOf(told)).not.toHaveProperty("cause");
    expect(await bridge.decide(told, "grant", holder("ann"))).toMatchObject({ ok: true });
  });
});
