import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCommands } from "../../shared/approvals/execute-command.ts";
import { busEventOf } from "../../shared/model/bus-event.ts";
import type { BuildEvent, BuildPart, BuildState } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { gatedBridge } from "../support/gated-bridge.ts";
import { sampleDelivery } from "../support/samples.ts";

let bridge: Awaited<ReturnType<typeof gatedBridge>>;

/** Only page edits meet a route: no route acts on what the cluster tells. */
beforeEach(async () => {
  bridge = await gatedBridge([{ outcome: "done", summary: "accepted" }], { mode: "shadow", runsReportedBy: "cluster" });
});
afterEach(() => bridge.stop());

/** The page is edited, and its run fired; a second later. */
async function fired(version: number): Promise<RecordedDelivery> {
  const edit = await bridge.edit(version);
  await bridge.runDue();
  bridge.clock.advance(1_000);
  return edit;
}

/** The cluster tells of the run that the delivery fired. */
function tell(
  { id: delivery }: RecordedDelivery,
  state: BuildState,
  changes: Partial<RecordedDelivery> & { readonly results?: BuildPart["results"] } = {},
) {
  const { results, ...given } = changes;
  const event: BuildEvent = {
    type: `build.${state}`,
    ...{ keyParts: [delivery, state], time: "2026-11-02T09:03:00.000Z", subject: "ci/run", origin: { delivery } },
    build: { system: "tekton", id: delivery, pipeline: "ci/docs", state, ...(results && { results }) },
  };
  const { event: _, ...sample } = sampleDelivery(1, { source: "cluster", provider: "tekton", what: event.type });
  return bridge.takeIn({ ...sample, id: `d-${state}-${delivery}`, event, ...given });
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
  it("goes back to what was good until a run failed before it told its environment, though no route hears of runs", async () => {
    const [first, second, third] = [await fired(7), await fired(8), await fired(9)];
    for (const good of [first, second]) await tell(good, "succeeded", { results: production });
    expect(await rolledBackTo(), "while the third still runs").toBe(second.id);
    await tell(third, "failed");
    expect(await rolledBackTo()).toBe(second.id);
  });

  it("goes one further once the newest is known to be of the environment", async () => {
    const [first, second] = [await fired(7), await fired(8)];
    for (const good of [first, second]) await tell(good, "succeeded", { results: production });
    expect(await rolledBackTo()).toBe(first.id);
  });

  it("never goes back to a run that only a delivery in shadow mode calls good", async () => {
    const [first, second] = [await fired(7), await fired(8)];
    await tell(first, "succeeded", { results: production });
    await tell(second, "succeeded", { results: production, refusal: { reason: "token_expired", expiredBySeconds: 9 } });
    await fired(9);
    expect(await rolledBackTo()).toBe(first.id);
  });
});
