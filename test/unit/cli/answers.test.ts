import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { readAnswer } from "../../../shared/cli/bridge-client.ts";
import { timelineLine } from "../../../shared/cli/events.ts";
import {
  decidedApproval,
  listedApprovals,
  listedCredentials,
  listedDeliveries,
  replayed,
  shownDelivery,
} from "../../../shared/cli/responses.ts";
import type { Replayed } from "../../../shared/delivery/replay.ts";
import { approvals, credentials, deliveries, delivery } from "../console/visiting.ts";

const word = (): string => "word";
const order: Replayed = { delivery: "d-2", replayOf: "d-1", status: "accepted" };

describe("the command line", () => {
  it.each([
    ["a list of deliveries", listedDeliveries, deliveries(word)],
    ["a delivery with every kind of entry", shownDelivery, delivery(word)],
    ["a list of approvals", listedApprovals, approvals(word)],
    ["an approval", decidedApproval, approvals(word).approvals[0]],
    ["an order to run something again", replayed, order],
    ["a list of credentials", listedCredentials, credentials(word)],
  ])("reads from %s what the bridge tells", (_, reads: v.GenericSchema, told) => {
    expect(told).toMatchObject(readAnswer(JSON.stringify(told), reads) as object);
  });

  it("tells every kind of entry", () => {
    const { timeline } = readAnswer(JSON.stringify(delivery(word)), shownDelivery);
    expect(timeline.map(timelineLine).filter((line) => /undefined|\[object/.test(line) || line === "")).toEqual([]);
  });

  it.each(["", "<html>", "[]", "{}", '{"deliveries":[{}]}'])("refuses the answer %j of something else", (text) => {
    expect(() => readAnswer(text, listedDeliveries)).toThrow(expect.objectContaining({ code: "bridge_refused" }));
  });
});
