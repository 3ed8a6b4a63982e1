import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { pauseTarget, resumeTarget } from "../../shared/delivery/target-gate.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import { awsBridge } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeEach(async () => {
  bridge = await awsBridge();
});
afterEach(async () => {
  vi.useRealTimers();
  await bridge.stop();
});

/** Ten minutes past an hour: the sweeps of the first minutes look at held actions as well. */
const LATER = Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 600_000;

it("the deployed sweep sends nothing to a held target, writes nothing, and sends after the hold", async () => {
  const { targets } = storesOf(bridge.account, systemClock);
  const by = namedPrincipal({ issuer: "https://idp.test", subject: "kim" });
  await pauseTarget("listener", { by, reason: "upgrade" }, { targets, clock: systemClock });
  expect((await bridge.edit()).status).toBe(202);
  await bridge.turn();
  expect(bridge.listener.requests).toEqual([]);
  const { deliveries } = bridge.queue("tekton");
  const written = bridge.account.writes();
  vi.useFakeTimers({ toFake: ["Date"], now: LATER });
  for (let minute = 0; minute < 3; minute++) {
    vi.setSystemTime(Date.now() + 60_000);
    await bridge.sweep();
    await bridge.turn();
  }
  expect(bridge.queue("tekton").deliveries).toBe(deliveries);
  expect(bridge.account.writes()).toBe(written);
  await resumeTarget("listener", { targets, clock: systemClock });
  vi.setSystemTime(Date.now() + 60_000);
  await bridge.sweep();
  await bridge.turn();
  expect(bridge.listener.runs.size).toBe(1);
});
