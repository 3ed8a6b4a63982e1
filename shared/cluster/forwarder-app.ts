import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../host/clock.ts";
import { failureOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { readBody } from "../http/body.ts";
import type { ServedApp } from "../http/connection.ts";
import { isProbeRequest, PROBE_HEADERS } from "../model/probe-run.ts";
import type { EventQueue } from "../store/event-queue.ts";
import type { Counters } from "./counters.ts";
import { ageSeconds, FAILURES, FORWARDED } from "./forwarder.ts";
import { plain, serveHealth } from "./pages.ts";

interface ForwarderAppDeps {
  readonly queue: EventQueue;
  /** Returns the passwords that the controller may send now. Throws if they cannot be read. */
  readonly passwords: () => Promise<readonly string[]>;
  /** Called after an event was queued. */
  readonly queued: () => void;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

/** The user name in the address of the sink. */
export const USER = "tekton";

const RECEIVED = "drawbridge_forwarder_received_total";

/** The names of the forwarder's metrics, each with what it says. */
export const FORWARDER_COUNTERS = {
  [RECEIVED]: "Requests of the events controller, by outcome: queued, full, failed, refused, or unusable.",
  [FORWARDED]: "Events by what became of them: accepted, dead, or removed.",
  [FAILURES]: "Attempts to send an event that failed, by the status of the answer or the code of the fault.",
  drawbridge_forwarder_queue_events: "Events that wait.",
  drawbridge_forwarder_queue_bytes: "Bytes of the events that wait.",
  drawbridge_forwarder_queue_oldest_seconds: "Age of the oldest event that waits.",
  drawbridge_forwarder_dead_letters: "Events that the bridge does not take.",
};

/**
 * The sink of Tekton's events controller (https://tekton.dev/docs/pipelines/events/). An event is answered with 202 when it
 * is on the disk. Tekton repeats after 503 for 21 seconds, and drops an event at once after any other error.
 */
export function forwarderApp(deps: ForwarderAppDeps): ServedApp {
  const { counters, queue, clock } = deps;
  counters.gauge("drawbridge_forwarder_queue_events", () => queue.size().events);
  counters.gauge("drawbridge_forwarder_queue_bytes", () => queue.size().bytes);
  counters.gauge("drawbridge_forwarder_queue_oldest_seconds", () => ageSeconds(queue.size().oldest, clock));
  counters.gauge("drawbridge_forwarder_dead_letters", () => queue.size().deadLetters);
  return {
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const page = serveHealth(request.method, pathname, counters);
      if (page) return page;
      if (pathname !== "/" || request.method !== "POST") return plain(404, "there is no such path");
      const { outcome, status, text } = await take(request, deps);
      counters.add(RECEIVED, { outcome });
      return plain(status, text);
    },
  };
}

interface Taken {
  readonly outcome: "queued" | "full" | "failed" | "refused" | "unusable";
  readonly status: number;
  readonly text: string;
}

async function take(request: Request, deps: ForwarderAppDeps): Promise<Taken> {
  const { queue, clock, log, queued } = deps;
  const sender = request.headers.get("authorization") ?? "";
  try {
    if (!(await deps.passwords()).some((password) => isBasic(sender, password))) {
      log.warn({}, "an event is refused: its password is missing or wrong");
      return { outcome: "refused", status: 401, text: "the password is missing or wrong" };
    }
    const read = await readBody(request, MAX_EVENT_BYTES);
    const headers = attributesOf(request.headers);
    const body = read.ok ? textOf(read.value) : undefined;
    if (headers === undefined || body === undefined) {
      log.warn({ type: headers?.["ce-type"] }, "an event is refused: it is no CloudEvent in binary mode, or too large");
      return { outcome: "unusable", status: 400, text: "this is no CloudEvent in binary mode, or it is too large" };
    }
    const lane = headers["ce-source"] ?? "";
    if (!queue.add({ lane, headers, body: storedBody(headers, body), receivedAt: clock.now() })) {
      log.error({ type: headers["ce-type"] }, "an event is refused: the queue is full");
      return { outcome: "full", status: 503, text: "the queue is full" };
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    log.error(failureOf(error), "an event could not be queued");
    return { outcome: "failed", status: 503, text: "the event could not be stored" };
  }
  queued();
  return { outcome: "queued", status: 202, text: "" };
}

/** The object of a run has at most 1.5 MB in Kubernetes. The bridge takes 2 MiB. */
export const MAX_EVENT_BYTES = 2_097_152;

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md, binary content mode. */
function attributesOf(headers: Headers): Readonly<Record<string, string>> | undefined {
  if (!headers.get("ce-type") || !headers.get("ce-id")) return undefined;
  const kept = [...headers].filter(([name]) => name.startsWith("ce-") || name === "content-type");
  return Object.fromEntries(kept);
}

/**
 * An event of an EventListener has the headers of a request as its body, with credentials. The bridge reads only whether
 * the request was a probe.
 */
function storedBody(headers: Readonly<Record<string, string>>, body: string): string {
  if (!headers["ce-type"]?.startsWith("dev.tekton.event.triggers.")) return body;
  const json = readJsonObject(Buffer.from(body));
  return json.ok && isProbeRequest(json.value) ? PROBE_HEADERS : "null";
}

/** The same bytes are sent on, so a body that is no UTF-8 cannot be kept as a text. Tekton sends JSON. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Only an invalid encoding throws here.
    return undefined;
  }
}

/** Compares in constant time, by digests. */
function isBasic(sent: string, password: string): boolean {
  const expected = `Basic ${Buffer.from(`${USER}:${password}`, "utf8").toString("base64")}`;
  return timingSafeEqual(digestOf(sent), digestOf(expected));
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();
