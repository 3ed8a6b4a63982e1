import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import type { Reader } from "../payload.ts";
import { pullRequest } from "./parse-change.ts";
import { push, release } from "./parse-code.ts";
import { checkSuite, deployment, deploymentStatus, workflowRun } from "./parse-run.ts";

/** The events that are published. */
const READERS: ReadonlyMap<string, Reader> = new Map([
  ["push", push],
  ["pull_request", pullRequest],
  ["check_suite", checkSuite],
  ["workflow_run", workflowRun],
  ["release", release],
  ["deployment", deployment],
  ["deployment_status", deploymentStatus],
]);

/**
 * Members of bodies, and the event that each belongs to. The first one that a body has decides: the body of a review has a
 * `pull_request` too, and that of a deployment's status a `deployment`.
 */
const MEMBERS: readonly (readonly [member: string, event: string])[] = [
  ["review", "pull_request_review"],
  ["comment", "pull_request_review_comment"],
  ["thread", "pull_request_review_thread"],
  ["pull_request", "pull_request"],
  ["deployment_callback_url", "deployment_protection_rule"],
  ["deployment_status", "deployment_status"],
  ["deployment", "deployment"],
  ["since", "deployment_review"],
  ["workflow_run", "workflow_run"],
  ["check_suite", "check_suite"],
  ["release", "release"],
  ["pusher", "push"],
];

/** Reads a webhook's delivery. An event that the bridge does not publish is ignored, with its name; so are new events. */
export function readDelivery({ headers, body, bodyDigest, receivedAt }: AuthenticDelivery): Reading {
  const id = headers.get("x-github-delivery");
  const reading = readBody(body, headers.get("x-github-event"), receivedAt);
  return id ? { deliveryKey: [id, bodyDigest], ...reading } : reading;
}

function readBody(body: Uint8Array, event: string | null, receivedAt: AuthenticDelivery["receivedAt"]): Reading {
  const json = readJsonObject(body);
  if (!json.ok) return { outcome: "unusable", problem: json.problem };
  if (!event) return { outcome: "unusable", problem: "the header X-GitHub-Event is missing" };
  const read = READERS.get(event);
  if (!read) return { outcome: "ignored", kind: cut(event, EVENT_LIMITS.title) };
  // No signature covers the header, so a body that belongs to another event must not be read as this one.
  const [, shown] = MEMBERS.find(([member]) => (json.value[member] ?? undefined) !== undefined) ?? [];
  if (shown !== event) {
    return { outcome: "unusable", problem: "the body and the header X-GitHub-Event name different events" };
  }
  return read(event, json.value, receivedAt);
}
