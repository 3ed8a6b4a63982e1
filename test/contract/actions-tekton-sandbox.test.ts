import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { authenticate } from "../../shared/model/authentic-delivery.ts";
import type { Reading } from "../../shared/model/reading.ts";
import { tekton } from "../../shared/providers/tekton/index.ts";
import { type SandboxListenerOptions, startSandboxListener } from "../support/sandbox-listener.ts";
import { triggerBenchFor } from "../support/sandbox-tekton-action.ts";
import { providerDeps, secretsOf, testClock } from "../support/test-doubles.ts";

const clock = testClock();
const source = tekton.connect(
  { name: "cluster", settings: { basic: { username: "cluster", password: { current: "env:PASSWORD" } } } },
  providerDeps({ secrets: secretsOf({ PASSWORD: "sandbox" }), clock }),
);
const authorization = `Basic ${Buffer.from("cluster:sandbox").toString("base64")}`;

const started: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.close();
});

/** A server that reads events as the bridge does. Responds with `statuses` in turn, and then with 202. */
async function startSink(statuses: readonly number[] = []) {
  const readings: Reading[] = [];
  const left = [...statuses];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const status = left.shift() ?? 202;
    if (status === 202) readings.push(await readingOf(new Headers(Object.entries(request.headers).map(pair)), body));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const sink = { url: new URL(`http://127.0.0.1:${port}/webhooks/cluster`), headers: { authorization } };
  started.push({ close });
  return { sink, readings, close };
}

const pair = ([name, value]: [string, string | string[] | undefined]): [string, string] => [name, String(value)];

async function readingOf(headers: Headers, body: Uint8Array): Promise<Reading> {
  const url = new URL("http://127.0.0.1/webhooks/cluster");
  const request = { method: "POST", url, headers, body, receivedAt: clock.now(), requestId: "request-1" };
  const delivery = await authenticate(request, { name: "cluster", authenticate: source.authenticate });
  if (!delivery.ok) throw new Error(delivery.rejection.reason);
  return source.read(delivery.value);
}

async function start(options: SandboxListenerOptions = {}) {
  const sandbox = await startSandboxListener({ runMs: 3, clock, ...options });
  started.push(sandbox);
  return sandbox;
}

const typesOf = (readings: readonly Reading[]) =>
  readings.map((reading) => (reading.outcome === "event" ? reading.events[0].type : reading.outcome)).sort();

describe("the sandbox listener", () => {
  it("a run is reported to the bridge from its creation to its end, in events that the provider reads", async () => {
    const { sink, readings } = await startSink();
    const sandbox = await start({
      sink: () => sink,
      resultFor: () => ({ reason: "Succeeded", results: { page: "98310" } }),
    });
    await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    expect(typesOf(readings)).toEqual(["build.queued", "build.running", "build.running", "build.succeeded"]);
    expect(readings).toContainEqual(
      expect.objectContaining({
        events: [
          expect.objectContaining({
            build: expect.objectContaining({ pipeline: "ci/docs-build", results: { page: "98310" } }),
            origin: { delivery: expect.stringMatching(/^d-/), triggerEventId: expect.any(String), namespace: "ci" },
          }),
        ],
      }),
    );
  });

  it.each([
    ["Failed", "build.failed"],
    ["Cancelled", "build.cancelled"],
    ["PipelineRunTimeout", "build.timed_out"],
    ["Completed", "build.succeeded"],
  ] as const)("a run can end with %s", async (reason, type) => {
    const { sink, readings } = await startSink();
    const sandbox = await start({ sink: () => sink, resultFor: () => ({ reason }) });
    await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    expect(typesOf(readings)).toContain(type);
  });

  it("a run without annotations can be correlated by its event id alone", async () => {
    const { sink, readings } = await startSink();
    const sandbox = await start({ sink: () => sink, annotate: false });
    const outcome = await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    expect(outcome).toHaveProperty("facts.eventID");
    const eventID = outcome.outcome === "expect_run" ? outcome.facts?.["eventID"] : undefined;
    expect(readings).toHaveLength(4);
    for (const reading of readings)
      expect(reading).toHaveProperty("events[0].origin", {
        triggerEventId: eventID,
        namespace: "ci",
      });
  });

  it("after a restart the last event is sent again, as another delivery of the same event", async () => {
    const { sink, readings } = await startSink();
    const sandbox = await start({ sink: () => sink });
    await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    const end = readings.find((reading) => reading.outcome === "event" && reading.events[0].type === "build.succeeded");
    sandbox.resendAll();
    await sandbox.settled();
    expect(readings).toHaveLength(5);
    expect(readings[4]).toEqual({ ...end, deliveryKey: expect.any(Array) });
    expect(readings[4]?.deliveryKey).not.toEqual(end?.deliveryKey);
  });
});

describe("how the sandbox sends events", () => {
  it("an event is sent again after a 503 and dropped after a 500, as by Tekton", async () => {
    const { sink } = await startSink([503, 429, 503, 500]);
    const sandbox = await start({ sink: () => sink, runMs: 0 });
    await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    const answers = sandbox.events.map((event) => event.answers);
    expect(answers).toHaveLength(4);
    expect(answers.flat().sort()).toEqual([202, 202, 202, 429, 500, 503, 503]);
    expect(answers.filter((given) => given.at(-1) === 500)).toHaveLength(1);
  });

  it("events reach a bridge that starts late, at another address", async () => {
    const gone = await startSink();
    const { sink, readings } = await startSink();
    await gone.close();
    const sinks = [gone.sink, gone.sink, gone.sink];
    const sandbox = await start({ sink: () => sinks.shift() ?? sink });
    await triggerBenchFor(sandbox.url).run();
    await sandbox.settled();
    expect(sandbox.events.flatMap((event) => event.answers).filter((answer) => answer === 0)).toHaveLength(3);
    expect(readings).toHaveLength(4);
  });
});

describe("the sandbox's responses", () => {
  it.each([
    ["an array", "[]"],
    ["a string", '"x"'],
    ["an empty text", ""],
  ])("%s as the body is rejected", async (_, body) => {
    const sandbox = await start();
    const answer = await fetch(sandbox.url, { method: "POST", body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ eventListenerUID: "", errorMessage: expect.any(String) });
  });

  it("a failed binding gets a 202, and only the log shows the reason", async () => {
    const sandbox = await start();
    const answer = await fetch(sandbox.url, { method: "POST", body: '{"delivery":{"id":"d","key":7}}' });
    expect(answer.status).toBe(202);
    expect(sandbox.rejections).toEqual(["binding failed at delivery.key"]);
    expect(sandbox.runs.size).toBe(0);
  });

  it("the response to a CloudEvent is a CloudEvent", async () => {
    const sandbox = await start();
    const answer = await fetch(sandbox.url, { method: "POST", headers: { "ce-specversion": "1.0" }, body: "{}" });
    expect(answer.headers.get("ce-type")).toBe("dev.tekton.event.triggers.accepted.v1");
    expect(await answer.json()).toHaveProperty("eventID", answer.headers.get("ce-id"));
  });
});
