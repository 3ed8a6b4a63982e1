import type { EpochMillis } from "../../host/clock.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import type { Reader } from "../payload.ts";
import { agentLost } from "./parse-agent.ts";
import { failing, finished, running, scheduled, skipped } from "./parse-build.ts";
import { activated, jobFinished, jobScheduled, jobStarted } from "./parse-job.ts";

/** https://buildkite.com/docs/apis/webhooks/pipelines; every other event is ignored, with its name. */
const READERS: ReadonlyMap<string, Reader> = new Map([
  ["build.scheduled", scheduled],
  ["build.running", running],
  ["build.failing", failing],
  ["build.finished", finished],
  ["build.skipped", skipped],
  ["job.scheduled", jobScheduled],
  ["job.started", jobStarted],
  ["job.finished", jobFinished],
  ["job.activated", activated],
  ["agent.lost", agentLost],
]);

/**
 * Reads a webhook delivery. Its idempotency key is only the body's digest: the signature does not cover
 * `X-Buildkite-Request`, which is also undocumented.
 */
export function readDelivery({ headers, body, receivedAt }: AuthenticDelivery): Reading {
  const json = readJsonObject(body);
  if (!json.ok) return { outcome: "unusable", problem: json.problem };
  const event = json.value["event"];
  // Bodies of version 1 do not have this member.
  if (typeof event !== "string") return { outcome: "unusable", problem: "the body does not name its event" };
  if ((headers.get("x-buildkite-event") ?? event) !== event) {
    return { outcome: "unusable", problem: "the body and the header X-Buildkite-Event name different events" };
  }
  return readEvent(event, json.value, receivedAt);
}

/** Reads the body of a webhook that reports this event. */
export function readEvent(event: string, body: unknown, receivedAt: EpochMillis): Reading {
  const read = READERS.get(event);
  return read ? read(event, body, receivedAt) : { outcome: "ignored", kind: cut(event, EVENT_LIMITS.title) };
}
