import { AbstractKeyIterator, AbstractValueIterator } from "abstract-level";
import { describe, expect, it, vi } from "vitest";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { startEmbeddedDynamoDb } from "../../shared/store/dynamodb/embedded.ts";
import { openStores } from "../../shared/store/dynamodb/open-stores.ts";
import { sampleDelivery } from "../support/samples.ts";

describe("the embedded database", () => {
  it("a read is always closed, because an open one would hold files and memory forever", async () => {
    const closed = [AbstractKeyIterator, AbstractValueIterator].map(({ prototype }) => vi.spyOn(prototype, "close"));
    const database = await startEmbeddedDynamoDb({ table: "drawbridge" });
    const { deliveries } = openStores(database.client, "drawbridge", { retentionDays: 1, markUnrelayed: true, clock });
    await deliveries.record(sampleDelivery());
    const before = closed.reduce((count, spy) => count + spy.mock.calls.length, 0);
    for (let n = 0; n < 20; n++) await deliveries.unrelayed(clock.now(), 10);
    expect(closed.reduce((count, spy) => count + spy.mock.calls.length, 0) - before).toBeGreaterThanOrEqual(20);
    for (const spy of closed) spy.mockRestore();
    await database.stop();
  });
});
