import * as v from "valibot";
import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, readerOf } from "../payload.ts";
import { readEvent } from "./parse.ts";

/**
 * The AWS name of the event source that Buildkite's notification service "Amazon EventBridge" creates in an account.
 */
export const partnerSource = v.pipe(
  v.string(),
  v.title("`aws.partner/buildkite.com/…`"),
  v.regex(/^aws\.partner\/buildkite\.com\/[\w./-]{1,200}$/, "aws.partner/buildkite.com/…, as Buildkite shows it"),
);

/**
 * The webhook event that reports the same, by `detail-type`. No other event is read.
 * https://buildkite.com/docs/pipelines/integrations/observability/amazon-eventbridge
 */
export const PARTNER_EVENTS: ReadonlyMap<string, string> = new Map([
  ["Build Created", "build.scheduled"],
  ["Build Started", "build.running"],
  ["Build Failing", "build.failing"],
  ["Build Finished", "build.finished"],
  ["Build Blocked", "build.finished"],
  ["Job Scheduled", "job.scheduled"],
  ["Job Started", "job.started"],
  ["Job Finished", "job.finished"],
  ["Job Activated", "job.activated"],
]);

/** The `Principal.method` of a delivery from a partner event. */
export const METHOD = "eventbridge-partner";

const slug = v.pipe(v.string(), v.regex(/^[\w.-]{1,200}$/));
/** A member that is validated later, by the schema of the webhook's member with the same meaning. */
const unchecked = v.nullish(v.unknown());

const envelope = v.object({
  id: identifier,
  time: v.string(),
  "detail-type": v.string(),
  detail: v.object({
    build: v.object({
      uuid: identifier,
      number: v.number(),
      state: identifier,
      message: unchecked,
      commit: unchecked,
      branch: unchecked,
      started_at: unchecked,
      failing_at: unchecked,
      finished_at: unchecked,
    }),
    job: v.nullish(
      v.object({
        uuid: identifier,
        state: identifier,
        passed: v.nullish(v.boolean()),
        unblocked_by: v.nullish(v.object({ uuid: identifier, name: unchecked })),
        type: unchecked,
        label: unchecked,
        step_key: unchecked,
        soft_failed: unchecked,
        runnable_at: unchecked,
        started_at: unchecked,
        finished_at: unchecked,
      }),
    ),
    pipeline: v.object({ slug }),
    organization: v.object({ slug }),
  }),
});

type Envelope = v.InferOutput<typeof envelope>;

const reader = readerOf(envelope, (event, { receivedAt }) => {
  const type = event["detail-type"];
  const webhook = PARTNER_EVENTS.get(type);
  const deliveryKey = [METHOD, event.id];
  if (webhook === undefined) return { outcome: "ignored", kind: type, deliveryKey };
  return { ...readEvent(webhook, webhookOf(event), receivedAt), deliveryKey };
});

/**
 * Reads a partner event as the webhook that reports the same. Its idempotency key is its id, which EventBridge repeats.
 */
export function readPartnerEvent({ body, receivedAt }: AuthenticDelivery): Reading {
  const json = readJsonObject(body);
  return json.ok ? reader("partner event", json.value, receivedAt) : { outcome: "unusable", problem: json.problem };
}

/** The body of that webhook, with the members that are read. Addresses are composed, because the event has none. */
function webhookOf({ time, "detail-type": type, detail }: Envelope): object {
  const { build, job, pipeline, organization } = detail;
  const path = `${pipeline.slug}/builds/${build.number}`;
  const page = `https://buildkite.com/${organization.slug}/${path}`;
  return {
    build: {
      ...build,
      id: build.uuid,
      blocked: type === "Build Blocked" || build.state === "blocked",
      url: `https://api.buildkite.com/v2/organizations/${organization.slug}/pipelines/${path}`,
      web_url: page,
      // The event does not report the creation time. These times also order each state after the previous one.
      created_at: build.started_at ?? time,
    },
    pipeline,
    job: job && {
      ...job,
      id: job.uuid,
      state: job.state === "finished" ? endOf(job) : job.state,
      web_url: `${page}#${job.uuid}`,
      scheduled_at: job.runnable_at,
      unblocked_by: job.unblocked_by && { id: job.unblocked_by.uuid, name: job.unblocked_by.name },
      unblocked_at: type === "Job Activated" ? time : undefined,
    },
  };
}

const endOf = ({ passed }: { readonly passed?: boolean | null | undefined }): string => (passed ? "passed" : "failed");
