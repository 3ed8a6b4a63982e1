import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { laterBy } from "../../shared/host/clock.ts";
import { type ListedDeliveries, listDeliveries } from "../../shared/http/deliveries.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok } from "../../shared/model/result.ts";
import { bridgeParts } from "../support/bridge-parts.ts";
import { holder } from "../support/gated-bridge.ts";
import { sampleDelivery, samplePageEvent } from "../support/samples.ts";

/** More than one request looks at. */
const NEWER = 2_100;

const READER = {
  tokens: { verify: async () => ok({ principal: holder("kim", ["on-call"]), claims: {} }) },
  trustEntries: ["people"],
  policy: policyOf(v.parse(v.record(v.string(), role), DEFAULT_ROLES)),
  patterns: async () => [],
};

const event = samplePageEvent(1);
/** An edit of a page that no other delivery is about, by somebody who caused no other. */
const WANTED: RecordedDelivery = {
  ...sampleDelivery(0),
  subject: "4711",
  events: [{ ...event, subject: "4711", actor: { id: "ines" }, page: { ...event.page, id: "4711" } }],
};

let parts: Awaited<ReturnType<typeof bridgeParts>>;
beforeAll(async () => {
  parts = await bridgeParts([]);
  const newer = Array.from({ length: NEWER }, (_, at) => sampleDelivery(at + 1));
  for (const delivery of [WANTED, ...newer]) await parts.deliveries.record(delivery);
  for (let at = 0; at <= NEWER; at += 100) {
    const batch = [WANTED, ...newer].slice(at, at + 100);
    await parts.deliveries.addToList(batch);
    for (const { id } of batch) await parts.deliveries.markRelayed(id, parts.clock.now());
  }
  parts.clock.advance(60_000);
});
afterAll(() => parts.stop());

async function list(query: string): Promise<ListedDeliveries> {
  const request = {
    method: "GET",
    url: new URL(`https://bridge.example.test/v1/deliveries?${query}`),
    body: new Uint8Array(),
    headers: new Headers({ authorization: "Bearer token" }),
    receivedAt: parts.clock.now(),
    requestId: "request-1",
  };
  const listed = await listDeliveries(request, { ...parts.bridge, ...READER });
  if (!listed.ok) throw new Error(listed.rejection.reason);
  return listed.value;
}

describe(`a delivery with ${NEWER} newer ones`, () => {
  it.each([`find=${WANTED.id}`, "find=4711", "page=4711", "find=ines", "person=ines"])(
    "is found by %s, on the first page",
    async (query) => {
      const { deliveries } = await list(query);
      expect(deliveries.map(({ id }) => id)).toEqual([WANTED.id]);
    },
  );

  it.each([WANTED.id, "4711", "ines"])(
    "is found by the text %s, and a page that does not reach it says how far back it looked and how to go on",
    async (text) => {
      let cursor = "";
      for (let pages = 0; pages < 100; pages++) {
        const { deliveries, next, lookedBackTo } = await list(`text=${text}${cursor}`);
        if (deliveries.length > 0) return expect(deliveries.map(({ id }) => id)).toEqual([WANTED.id]);
        expect([next, Date.parse(lookedBackTo)]).toEqual([expect.any(String), expect.any(Number)]);
        expect(Date.parse(lookedBackTo)).toBeGreaterThan(WANTED.receivedAt);
        cursor = `&cursor=${next}`;
      }
      throw new Error("it is never found");
    },
  );

  it("what is on no record is said to be absent only back to the time that was looked at", async () => {
    const { deliveries, lookedBackTo } = await list("find=4712");
    expect(deliveries).toEqual([]);
    expect(Date.parse(lookedBackTo)).toBeLessThanOrEqual(laterBy(WANTED.receivedAt, 60_000));
  });
});
