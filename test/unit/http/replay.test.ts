import { afterEach, describe, expect, it } from "vitest";
import { replayDelivery } from "../../../shared/http/replay.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import type { ActionOutcome } from "../../../shared/model/action-outcome.ts";
import { busEventsOf } from "../../../shared/model/bus-event.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { ReceivedRequest } from "../../../shared/model/request.ts";
import { ok } from "../../../shared/model/result.ts";
import { compilePattern } from "../../../shared/routes/pattern.ts";
import { bridgeParts, routeOf, scripted } from "../../support/bridge-parts.ts";
import { sampleDelivery } from "../../support/samples.ts";

const policy = policyOf({
  "on-call": { call: [], fire: [], replay: ["*"], approve: [], promote: [], summarise: [], pause: [] },
});

const personOf = (trustEntry: string, subject = "dana"): Principal => ({
  issuer: "https://login.example.test",
  subject,
  method: "oidc",
  credential: "key-1",
  trustEntry,
  roles: ["on-call"],
});
const JOB: Principal = { ...personOf("prod-jobs", "ns/deployer"), roles: [] };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A bridge with one delivery that matched a route, and a way to replay deliveries with the token of a principal. */
async function replayed(of: RecordedDelivery, outcome: ActionOutcome = { outcome: "done", summary: "fired" }) {
  const parts = await bridgeParts([routeOf(scripted([outcome]).run)]);
  closing.push(parts.stop);
  const { deliveries, runs, clock } = parts;
  const pattern = compilePattern({ source: [{ prefix: "" }] });
  const publish = async (delivery: RecordedDelivery): Promise<void> => {
    await parts.bus.publish(busEventsOf(delivery));
  };
  await deliveries.record(of);
  await publish(of);
  await parts.runDue();
  return async (by: Principal, id: string, key = "1"): Promise<RecordedDelivery> => {
    const request: ReceivedRequest = {
      method: "POST",
      url: new URL(`https://bridge.example.test/v1/deliveries/${id}/replay`),
      body: new Uint8Array(),
      headers: new Headers({ authorization: "Bearer token", "idempotency-key": key }),
      receivedAt: clock.now(),
      requestId: "request-1",
    };
    const answer = await replayDelivery(request, id, {
      tokens: { verify: async () => ok({ principal: by, claims: {} }) },
      trustEntries: ["people"],
      policy,
      rejectOverRate: async () => undefined,
      withAccess: async (by: Principal) => by,
      deliveries,
      actions: parts.actions,
      patterns: async () =>
        pattern.ok ? [{ name: "docs", pattern: pattern.pattern, target: "ci", mode: "enforce" }] : [],
      runs,
      runReporters: [],
      recorded: () => undefined,
      clock,
    });
    if (!answer.ok) throw new Error(answer.rejection.reason);
    const record = await deliveries.get(answer.value.delivery);
    if (record === undefined) throw new Error("it is recorded");
    await publish(record);
    return record;
  };
}

const detailOf = (delivery: RecordedDelivery) => busEventsOf(delivery)[0]?.detail;

describe("the events of a replay", () => {
  it("they name who asked for the replay, and who sent the original, also if a replay is replayed", async () => {
    const original = sampleDelivery(1, { principal: JOB });
    const replay = await replayed(original);
    const first = await replay(personOf("people"), original.id);
    const second = await replay(personOf("admins", "robin"), first.id);
    const sender = { id: "prod-jobs:ns/deployer", subject: "ns/deployer", trustEntry: "prod-jobs" };
    expect(detailOf(first)).toMatchObject({
      principal: { id: "people:dana", trustEntry: "people" },
      replay: { of: original.id, principal: sender },
    });
    expect(detailOf(second)).toMatchObject({
      principal: { id: "admins:robin", trustEntry: "admins" },
      replay: { of: first.id, principal: sender },
    });
  });

  it("a replay that an earlier release recorded is read, and does not name the sender of its original", async () => {
    const earlier = sampleDelivery(1, {
      principal: personOf("people"),
      replay: { of: "d-1", routes: ["docs"], isRollback: false },
    });
    const replay = await replayed(earlier);
    const again = await replay(personOf("admins", "robin"), earlier.id);
    expect(detailOf(again)).toMatchObject({ principal: { id: "admins:robin" }, replay: { of: earlier.id } });
    expect(detailOf(again)?.replay).not.toHaveProperty("principal");
  });

  it("two long idempotency keys that begin alike are two orders", async () => {
    const original = sampleDelivery();
    const replay = await replayed(original);
    const [one, same, other] = [
      await replay(personOf("people"), original.id, `${"k".repeat(300)}1`),
      await replay(personOf("people"), original.id, `${"k".repeat(300)}1`),
      await replay(personOf("people"), original.id, `${"k".repeat(300)}2`),
    ];
    expect(same.id).toBe(one.id);
    expect(other.id).not.toBe(one.id);
  });

  it("equal orders are one order, unless another trust entry proved who ordered", async () => {
    const original = sampleDelivery();
    const replay = await replayed(original);
    const [first, repeated, other] = [
      await replay(personOf("people"), original.id),
      await replay(personOf("people"), original.id),
      await replay(personOf("contractors"), original.id),
    ];
    expect(repeated.id).toBe(first.id);
    expect(other.id).not.toBe(first.id);
  });

  it("a failure is run again once, whoever asks; after that, each order is one of its own", async () => {
    const original = sampleDelivery();
    const replay = await replayed(original, { outcome: "give_up", summary: "refused" });
    const [first, other] = [
      await replay(personOf("people"), original.id, "first"),
      await replay(personOf("people", "robin"), original.id, "other"),
    ];
    const [same, later] = [
      await replay(personOf("people"), original.id, "first"),
      await replay(personOf("people"), original.id, "later"),
    ];
    expect(same.id).toBe(first.id);
    expect(later.id).not.toBe(first.id);
    // The failure is answered for when the second person asks.
    expect(other.id).not.toBe(first.id);
  });

  it("two people who run the same failure again at once run it once", async () => {
    const original = sampleDelivery();
    const replay = await replayed(original, { outcome: "give_up", summary: "refused" });
    const [one, other] = await Promise.all([
      replay(personOf("people"), original.id, "one"),
      replay(personOf("people", "robin"), original.id, "other"),
    ]);
    expect(other.id).toBe(one.id);
  });
});
