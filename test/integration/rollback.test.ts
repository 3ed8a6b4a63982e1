import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCommands } from "../../shared/approvals/create-commands.ts";
import { rollbackPlaces } from "../../shared/delivery/rollback.ts";
import type { BuildEvent, BuildPart, BuildState } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { gatedBridge, holder } from "../support/gated-bridge.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";

let bridge: Awaited<ReturnType<typeof gatedBridge>>;

/** Only page edits match a route: no route matches the reports of the cluster. */
beforeEach(async () => {
  bridge = await gatedBridge([{ outcome: "done", summary: "accepted" }], { mode: "shadow", runsReportedBy: "cluster" });
});
afterEach(() => bridge.stop());

/** Edits the page and fires its run. A second passes. */
async function fired(version: number): Promise<RecordedDelivery> {
  const edit = await bridge.edit(version);
  await bridge.runDue();
  bridge.clock.advance(1_000);
  return edit;
}

/** The cluster reports the run that the delivery fired. */
function report(
  { id: delivery }: RecordedDelivery,
  state: BuildState,
  changes: Partial<RecordedDelivery> & { readonly results?: BuildPart["results"] } = {},
) {
  const { results, ...given } = changes;
  const event: BuildEvent = {
    type: `build.${state}`,
    keyParts: [delivery, state],
    time: "2026-11-02T09:03:00.000Z",
    subject: "ci/run",
    origin: { delivery },
    build: { system: "tekton", id: delivery, pipeline: "ci/docs", state, ...(results && { results }) },
  };
  const { events: _, ...sample } = sampleDelivery(1, { source: "cluster", provider: "tekton", what: event.type });
  return bridge.takeIn({ ...sample, id: `d-${state}-${delivery}`, events: [event], ...given });
}

const production = { environment: "production" };

/** The delivery that a rollback in production runs again. */
async function rolledBackTo(): Promise<string | undefined> {
  const label = await bridge.label("nothing", "mia");
  const busEvent = busEventOf(label);
  if (!busEvent) throw new Error("it is an event");
  const command = { decision: "rollback", place: { route: "docs", ...production } } as const;
  const page = { site: "https://wiki.example.test", id: "98310" };
  const at = bridge.clock.now();
  const replays: RecordedDelivery[] = [];
  const deps = { ...bridge.bridge, recorded: (one: RecordedDelivery) => void replays.push(one) };
  await createCommands(deps).executeCommand({ command, busEvent, actor: "mia", page, at, key: [label.id] });
  return replays[0]?.replay?.of;
}

describe("a rollback", () => {
  it("a rollback returns to the last good run if the newest failed without reporting its environment, even if no route matches runs", async () => {
    const [first, second, third] = [await fired(7), await fired(8), await fired(9)];
    for (const good of [first, second]) await report(good, "succeeded", { results: production });
    expect(await rolledBackTo(), "while the third still runs").toBe(second.id);
    await report(third, "failed");
    expect(await rolledBackTo()).toBe(second.id);
  });

  it("a rollback returns to the run before the newest if the newest is known to be in the environment", async () => {
    const [first, second] = [await fired(7), await fired(8)];
    for (const good of [first, second]) await report(good, "succeeded", { results: production });
    expect(await rolledBackTo()).toBe(first.id);
  });

  it("a rollback never returns to a run that only a delivery in shadow mode reported as good", async () => {
    const [first, second] = [await fired(7), await fired(8)];
    await report(first, "succeeded", { results: production });
    await report(second, "succeeded", {
      results: production,
      refusal: { reason: "token_expired", expiredBySeconds: 9 },
    });
    await fired(9);
    expect(await rolledBackTo()).toBe(first.id);
  });

  it("the places name what a rollback replaces and what it goes back to, and it goes back there", async () => {
    const [first, second, third] = [await fired(7), await fired(8), await fired(9)];
    expect(await places(), "no run is known to have succeeded").toEqual([]);
    await report(first, "succeeded", { results: production });
    const replaced = { ...production, newest: { delivery: third.id }, good: [{ delivery: first.id }] };
    expect(await places(), "while the third still runs").toMatchObject([replaced]);
    await report(second, "succeeded", { results: { environment: "staging" } });
    await report(third, "succeeded", { results: production });
    // Staging has no run that succeeded before its newest.
    expect(await places()).toMatchObject([
      replaced,
      { environment: "staging", newest: { delivery: second.id }, good: [] },
    ]);
    expect(await rolledBackTo()).toBe(first.id);
  });

  it("a caller who may not run the route again learns nothing of its runs", async () => {
    await report(await fired(7), "succeeded", { results: production });
    expect(await rollbackPlaces({ route: "docs", by: holder("tom", []) }, bridge.bridge)).toMatchObject({
      ok: false,
      rejection: { reason: "role_missing" },
    });
  });
});

async function places() {
  const found = await rollbackPlaces({ route: "docs", by: holder("mia", ["on-call"]) }, bridge.bridge);
  if (!found.ok) throw new Error(JSON.stringify(found.rejection));
  return found.value;
}
