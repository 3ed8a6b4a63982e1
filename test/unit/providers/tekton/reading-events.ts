import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import type { BridgeEvent } from "../../../../shared/model/event.ts";
import { sourcePrincipal } from "../../../../shared/model/principal.ts";
import { ok } from "../../../../shared/model/result.ts";
import { readDelivery } from "../../../../shared/providers/tekton/parse.ts";
import { testClock } from "../../../support/test-doubles.ts";

export const EVENT = "dev.tekton.event";
export const STRUCTURED = "application/cloudevents+json";

/** Reads a body with the headers of a CloudEvent, from a source with or without a dashboard and listed namespaces. */
export async function readBytes(
  body: Uint8Array,
  headers: Record<string, string>,
  dashboard: string | undefined = "https://tekton.example.test",
  namespaces?: readonly string[],
) {
  const delivery = await authenticate(
    {
      method: "POST",
      url: new URL("https://bridge.example.test/webhooks/cluster"),
      headers: new Headers({ "content-type": "application/json", "ce-id": "id-1", ...headers }),
      body,
      receivedAt: testClock().now(),
      requestId: "request-1",
    },
    { name: "cluster", authenticate: async () => ok({ principal: sourcePrincipal("cluster", "basic", "current") }) },
  );
  if (!delivery.ok) throw new Error("the stand-in proof accepts everything");
  return readDelivery(delivery.value, { source: "cluster", dashboard, namespaces, maxAgeHours: 24 });
}

export const read = (data: unknown, headers: Record<string, string> = {}) =>
  readBytes(Buffer.from(JSON.stringify(data)), { "ce-type": `${EVENT}.pipelinerun.successful.v1`, ...headers });

/** A PipelineRun that ended ten minutes before the test's clock, with `changes`. */
export function run(changes: { metadata?: object; spec?: object; status?: object } = {}) {
  const metadata = { name: "docs-1", namespace: "ci", uid: "uid-1", creationTimestamp: "2026-11-02T08:45:00Z" };
  const status = { ...ended("2026-11-02T08:50:00Z"), startTime: "2026-11-02T08:45:01Z" };
  return {
    metadata: { ...metadata, ...changes.metadata },
    spec: { pipelineRef: { name: "docs" }, ...changes.spec },
    status: { ...status, ...changes.status },
  };
}

export function ended(at: string, status = "True", reason = "Succeeded", message?: string) {
  const condition = { type: "Succeeded", status, reason, message, lastTransitionTime: at };
  return { conditions: [condition], completionTime: at };
}

/** The one event of a run of this kind. */
export async function eventOf(kind: "pipelineRun" | "taskRun" | "customRun", data: unknown): Promise<BridgeEvent> {
  const type = `${EVENT}.${kind.toLowerCase()}.successful.v1`;
  const reading = await read({ [kind]: data }, { "ce-type": type });
  if (reading.outcome !== "event") throw new Error(`the run is ${reading.outcome}`);
  return reading.events[0];
}

/** The `build` part of a PipelineRun's event. */
export async function buildOf(changes: Parameters<typeof run>[0]) {
  const event = await eventOf("pipelineRun", run(changes));
  if (!("build" in event)) throw new Error("a PipelineRun is a build");
  return event.build;
}

/** The `job` part of a TaskRun's or CustomRun's event. */
export async function jobOf(changes: Parameters<typeof run>[0], kind: "taskRun" | "customRun" = "taskRun") {
  const event = await eventOf(kind, run({ ...changes, spec: { pipelineRef: undefined, ...changes?.spec } }));
  if (!("job" in event)) throw new Error("a TaskRun is a job");
  return event.job;
}
