import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BuildEvent } from "../../shared/model/event.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { recorded, storesOf, unrelayedQueue } from "../support/aws-stream.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { testClock } from "../support/test-doubles.ts";

/** A route whose runs the cluster reports, and no route that matches these reports. */
const CONFIG = {
  sources: { cluster: { provider: "tekton" } },
  targets: { listener: { kind: "tekton", url: "https://el.example.test", runsReportedBy: "cluster" } },
  routes: { docs: { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } } },
};

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
  unrelayedQueue(account, []);
});
afterEach(() => account.stop());

const EDIT = sampleDelivery();

function buildEnd(source: string) {
  const at = "2026-11-02T09:03:00.000Z";
  const event: BuildEvent = {
    type: "build.succeeded",
    keyParts: ["1"],
    time: at,
    subject: "ci/run",
    origin: { delivery: EDIT.id },
    build: {
      system: "tekton",
      id: "1",
      pipeline: "ci/docs",
      state: "succeeded",
      createdAt: "2026-11-02T09:01:00.000Z",
    },
  };
  const { events: _, ...sample } = sampleDelivery(2, { source, provider: "tekton", what: event.type });
  return { ...sample, events: [event] as const };
}

/** The calls that the relay makes for the end of a build that `source` reports. */
async function relayedFrom(source: string): Promise<readonly string[]> {
  const { deliveries, actions } = storesOf(account);
  await deliveries.record(EDIT);
  const eventKey = busEventOf(EDIT)?.detail.eventKey ?? "";
  const due = { id: actionIdOf("docs", eventKey), route: "docs", action: "tekton", target: "listener", eventKey };
  await actions.schedule({ ...due, delivery: EDIT.id }, testClock().now());
  const records = await recorded(account, [buildEnd(source)]);
  const relay = await loadFunction(account, CONFIG, async () => (await import("../../functions/relay.ts")).handler);
  expect(await relay({ Records: [...records] })).toEqual({ batchItemFailures: [] });
  return account.calls.map(({ target = "" }) => target.replace(/.*\./, ""));
}

describe("the relay", () => {
  it("the end of a run is stored for a rollback, although no route matches it", async () => {
    await relayedFrom("cluster");
    expect(await storesOf(account).runs.of("docs")).toEqual([
      {
        delivery: EDIT.id,
        firedAt: "2026-11-02T09:01:00.000Z",
        end: { succeeded: true, at: "2026-11-02T09:03:00.000Z" },
      },
    ]);
  });

  it("nothing is read for the end of a build of a source that reports no route's runs", async () => {
    // Two reads are those of the list, for the indexes of its slot and of its hour.
    expect((await relayedFrom("another")).filter((call) => call === "GetItem")).toHaveLength(2);
    expect(await storesOf(account).runs.of("docs")).toEqual([]);
  });
});
