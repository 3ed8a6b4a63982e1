import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EventBridgeBus } from "../../shared/bus/eventbridge-bus.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";

interface PutEntry {
  readonly EventBusName: string;
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/** The result of one entry; "down" and "invalid" fail the whole call. */
type Verdict = "taken" | "throttled" | "unmentioned" | "down" | "invalid";

let server: Server;
let client: EventBridgeClient;
let calls: PutEntry[][];
let verdictOf: (entry: PutEntry) => Verdict;

beforeEach(async () => {
  calls = [];
  verdictOf = () => "taken";
  server = createServer(async (request, response) => {
    const { Entries } = JSON.parse(await bodyOf(request)) as { Entries: PutEntry[] };
    calls.push(Entries);
    const verdicts = Entries.map(verdictOf);
    const whole = verdicts.find((verdict) => verdict === "down" || verdict === "invalid");
    if (whole !== undefined) {
      response.writeHead(400, { "Content-Type": "application/x-amz-json-1.1" });
      const name = whole === "down" ? "InternalException" : "ValidationException";
      return response.end(JSON.stringify({ __type: name }));
    }
    const results = verdicts.filter((verdict) => verdict !== "unmentioned").map(answerTo);
    response.writeHead(200, { "Content-Type": "application/x-amz-json-1.1" });
    return response.end(JSON.stringify({ Entries: results, FailedEntryCount: 0 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new EventBridgeClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
});
afterEach(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const answerTo = (verdict: Verdict) => (verdict === "taken" ? { EventId: "1" } : { ErrorCode: "ThrottlingException" });

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** `n` entries, each with a subject of its number, padded to about `padding` bytes. */
function entries(n: number, padding = 0): BusEvent[] {
  return Array.from({ length: n }, (_, at) => {
    const busEvent = busEventOf(sampleDelivery(at));
    if (busEvent === undefined) throw new Error("the sample is an event");
    return { ...busEvent, detail: { ...busEvent.detail, subject: `${at} ${"x".repeat(padding)}` } } as BusEvent;
  });
}

const subjectOf = ({ Detail }: PutEntry): number => Number.parseInt(JSON.parse(Detail).subject, 10);

describe("the EventBridge bus", () => {
  it("an event is put in the form that patterns expect", async () => {
    const [busEvent] = entries(1);
    expect(await new EventBridgeBus(client, "drawbridge").publish(busEvent ? [busEvent] : [])).toEqual([
      { published: true },
    ]);
    expect(calls).toMatchObject([
      [{ EventBusName: "drawbridge", Source: "drawbridge.confluence", DetailType: "page.updated" }],
    ]);
    expect(JSON.parse(calls[0]?.[0]?.Detail ?? "")).toEqual(busEvent?.detail);
  });

  it("one call has ten events at most, and all are in order", async () => {
    const results = await new EventBridgeBus(client, "drawbridge").publish(entries(23));
    expect(results).toEqual(Array.from({ length: 23 }, () => ({ published: true })));
    expect(calls.map((call) => call.length)).toEqual([10, 10, 3]);
    expect(calls.flat().map(subjectOf)).toEqual(Array.from({ length: 23 }, (_, at) => at));
  });

  it("one call has no more bytes than EventBridge accepts", async () => {
    await new EventBridgeBus(client, "drawbridge").publish(entries(5, 100_000));
    expect(calls.map((call) => call.length)).toEqual([2, 2, 1]);
    for (const call of calls) expect(Buffer.byteLength(JSON.stringify(call))).toBeLessThan(256 * 1024);
  });

  it("the result of each event says whether it was published, although the call succeeded", async () => {
    verdictOf = (entry) => (subjectOf(entry) % 3 === 1 ? "throttled" : "taken");
    const results = await new EventBridgeBus(client, "drawbridge").publish(entries(12));
    expect(results.map(({ published }) => published)).toEqual(Array.from({ length: 12 }, (_, at) => at % 3 !== 1));
    expect(results[1]).toEqual({ published: false, code: "ThrottlingException" });
  });

  it("an event that the response does not mention does not count as published", async () => {
    verdictOf = (entry) => (subjectOf(entry) === 1 ? "unmentioned" : "taken");
    const results = await new EventBridgeBus(client, "drawbridge").publish(entries(2));
    expect(results).toEqual([{ published: true }, { published: false, code: "no_result" }]);
  });

  it("the results say which events were published if a later call fails as a whole", async () => {
    verdictOf = (entry) => (subjectOf(entry) === 15 ? "down" : "taken");
    const results = await new EventBridgeBus(client, "drawbridge").publish(entries(25));
    expect(results.map(({ published }) => published)).toEqual(
      Array.from({ length: 25 }, (_, at) => at < 10 || at >= 20),
    );
  });

  it("a call that the bus finds invalid is a result, because it would be invalid again", async () => {
    verdictOf = () => "invalid";
    const results = await new EventBridgeBus(client, "drawbridge").publish(entries(2));
    expect(results).toEqual(entries(2).map(() => ({ published: false, code: "ValidationException" })));
  });

  it("a call that publishes nothing at all is a fault", async () => {
    verdictOf = () => "down";
    await expect(new EventBridgeBus(client, "drawbridge").publish(entries(3))).rejects.toMatchObject({
      code: "bus_unavailable",
      retryable: true,
    });
  });
});
