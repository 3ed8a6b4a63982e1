import { describe, expect, it } from "vitest";
import { automation, connect, connectPage, dataCenter, forge, read } from "./reading.ts";

describe("the idempotency key of a delivery", () => {
  const keyOf = async (...args: Parameters<typeof read>) => (await read(...args)).deliveryKey;
  const event = forge("updated:page");
  const retryContext = { retryCount: 1, retryReason: "TIMEOUT_ERROR", retryData: null };

  it("the delivery key is the body's digest on Data Center and in Automation", async () => {
    expect(await keyOf(dataCenter("page_updated", { page: { id: 1 } }))).toBeUndefined();
    expect(await keyOf(automation("page_edited"))).toBeUndefined();
  });

  it("the delivery key of a Forge event stays the same if Atlassian calls again", async () => {
    const first = await keyOf(event);
    expect(first).toBeDefined();
    expect(await keyOf({ ...event, retryContext })).toEqual(first);
    expect(await keyOf({ payload: { ...event, retryContext } })).toEqual(first);
    expect(await keyOf({ payload: event, retryContext })).toEqual(first);
    expect(await keyOf({ ...event, eventCreatedDate: "2026-11-01T09:00:00.001Z" })).not.toEqual(first);
  });

  it("the delivery key of a Connect event holds the event's name, which the body lacks", async () => {
    const body = connect({ page: connectPage });
    expect(await keyOf(body, "?event=page_updated")).toEqual(await keyOf(body, "?lic=none&event=page_updated"));
    expect(await keyOf(body, "?event=page_updated")).not.toEqual(await keyOf(body, "?event=page_moved"));
  });

  it("the delivery key does not depend on the address if the body names its event", async () => {
    const body = dataCenter("page_updated", { page: { id: 1 } });
    expect(await read(body, "?event=page_removed")).toEqual(await read(body));
  });
});
