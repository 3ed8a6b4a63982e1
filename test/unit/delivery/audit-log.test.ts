import { describe, expect, it } from "vitest";
import { type AuditedAct, AuditLog } from "../../../shared/delivery/audit-log.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const MINUTE = 60_000;
const olga = { issuer: "https://idp.example.test", subject: "olga", method: "oidc", credential: "k", roles: [] };

/** Two processes of one bridge, and what they have recorded. */
function audited() {
  const clock = testClock();
  const records = new Map<string, RecordedDelivery>();
  const store = { isDown: false };
  const deliveries = {
    record: async (delivery: RecordedDelivery) => {
      if (store.isDown) throw new Error("no store");
      if (records.has(delivery.id)) return "duplicate" as const;
      records.set(delivery.id, delivery);
      return "recorded" as const;
    },
  };
  const [here, there] = [new AuditLog({ deliveries, log: silentLog }), new AuditLog({ deliveries, log: silentLog })];
  let requests = 0;
  const act = (changes: Partial<AuditedAct> = {}): AuditedAct => {
    requests += 1;
    const request = { receivedAt: clock.now(), requestId: `r-${requests}` };
    return { act: "delivery_opened", object: "d-1", by: olga, request, ...changes };
  };
  return { clock, records, store, here, there, act };
}

describe("the audit of reads", () => {
  it("a read is recorded once for each person and object in five minutes, in whichever process", async () => {
    const { records, here, there, act } = audited();
    await here.recordRead(act());
    await here.recordRead(act());
    await there.recordRead(act());
    expect([...records.values()]).toEqual([
      expect.objectContaining({
        outcome: "audit",
        what: "delivery_opened",
        subject: "d-1",
        principal: olga,
        requestId: "r-1",
      }),
    ]);
    await here.recordRead(act({ object: "d-2" }));
    await here.recordRead(act({ by: { ...olga, subject: "nick" } }));
    await here.recordRead(act({ by: { ...olga, issuer: "https://other.example.test" } }));
    await here.recordRead(act({ act: "person_searched" }));
    expect(records.size).toBe(5);
  });

  it("a page that refreshes itself is one read, and opening it again after five minutes is another", async () => {
    const { clock, records, here, act } = audited();
    for (let at = 0; at < 30; at++) {
      await here.recordRead(act());
      clock.advance(MINUTE);
    }
    expect(records.size).toBe(1);
    clock.advance(5 * MINUTE);
    await here.recordRead(act());
    expect(records.size).toBe(2);
  });

  it("a role that is used without a pause is recorded every five minutes, in whichever process, and at once after a pause", async () => {
    const { clock, records, here, there, act } = audited();
    const times = () => [...records.values()].map(({ receivedAt }) => receivedAt / MINUTE);
    for (let at = 0; at < 240; at += 4) {
      await here.recordRead(act({ act: "access_used" }));
      await there.recordRead(act({ act: "access_used" }));
      clock.advance(4 * MINUTE);
    }
    const start = times()[0] ?? 0;
    expect(times()).toEqual(Array.from({ length: 30 }, (_, n) => start + 8 * n));
    clock.advance(3 * MINUTE);
    await here.recordRead(act({ act: "access_used" }));
    expect(times().at(-1)).toBe(start + 243);
  });

  it("a read that cannot be recorded is still a read, and the next one is recorded", async () => {
    const { records, store, here, act } = audited();
    store.isDown = true;
    await here.recordRead(act());
    store.isDown = false;
    await here.recordRead(act());
    expect(records.size).toBe(1);
  });

  it("an order is recorded each time, or fails", async () => {
    const { records, store, here, act } = audited();
    await here.record(act({ act: "sessions_revoked" }));
    await here.record(act({ act: "sessions_revoked" }));
    expect(records.size).toBe(2);
    store.isDown = true;
    await expect(here.record(act())).rejects.toThrow();
  });
});
