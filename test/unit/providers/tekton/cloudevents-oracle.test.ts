import { CloudEvent, HTTP } from "cloudevents";
import { describe, expect, it } from "vitest";
import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import { sourcePrincipal } from "../../../../shared/model/principal.ts";
import { ok } from "../../../../shared/model/result.ts";
import { readDelivery } from "../../../../shared/providers/tekton/parse.ts";
import { testClock } from "../../../support/test-doubles.ts";

const metadata = { name: "docs-1", namespace: "ci", uid: "uid-1", creationTimestamp: "2026-11-02T08:45:00Z" };
const event = new CloudEvent({
  id: "event-1",
  source: "/apis///namespaces/ci//docs-1",
  type: "dev.tekton.event.pipelinerun.running.v1",
  subject: "docs-1",
  time: "2026-11-02T08:59:00.123456789Z",
  datacontenttype: "application/json",
  data: {
    pipelineRun: { metadata, status: { conditions: [{ type: "Succeeded", status: "Unknown", reason: "Running" }] } },
  },
});

async function readMessage({ headers, body }: ReturnType<typeof HTTP.binary>) {
  const delivery = await authenticate(
    {
      method: "POST",
      url: new URL("https://bridge.example.test/webhooks/cluster"),
      headers: new Headers(headers as Record<string, string>),
      body: Buffer.from(String(body)),
      receivedAt: testClock().now(),
      requestId: "request-1",
    },
    { name: "cluster", authenticate: async () => ok({ principal: sourcePrincipal("cluster", "basic", "current") }) },
  );
  if (!delivery.ok) throw new Error("the stand-in proof accepts everything");
  return readDelivery(delivery.value, {
    source: "cluster",
    dashboard: undefined,
    namespaces: undefined,
    maxAgeHours: 24,
  });
}

describe("an event of the official CloudEvents library", () => {
  it("an event of the official library is read the same in binary and in structured mode", async () => {
    const binary = await readMessage(HTTP.binary(event));
    const structured = await readMessage(HTTP.structured(event));
    expect(binary).toMatchObject({ outcome: "event", events: [{ type: "build.running", subject: "ci/docs-1" }] });
    expect({ ...structured, deliveryKey: undefined }).toEqual({ ...binary, deliveryKey: undefined });
    expect(structured.deliveryKey?.[0]).toBe(event.id);
    expect(binary.deliveryKey?.[0]).toBe(event.id);
  });
});
