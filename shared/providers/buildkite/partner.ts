import * as v from "valibot";
import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, readerOf } from "../payload.ts";
import { readEvent } from "./parse.ts";

/** What AWS calls the event source that Buildkite's notification service "Amazon EventBridge" makes in an account. */
export const partnerSource = v.pipe(
  v.string(),
  v.regex(/^aws\.partner\/buildkite\.com\/[\w./-]{1,200}$/, "aws.partner/buildkite.com/…, as Buildkite shows it"),
);

/**
 * The webhook that tells the same, by `detail-type`; no other event is read.
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

/** How a delivery that came in this way was proved. */
export const METHOD = "eventbridge-partner";

const slug = v.pipe(v.string(), v.regex(/^[\w.-]{1,200}$/));
/** Read as the webhook's member of that meaning, which has a schema of its own. */
const told = v.nullish(v.unknown());

const envelope = v.object({
  id: identifier,
  time: v.string(),
  "detail-type": v.string(),
  detail: v.object({
    build: v.object({
      uuid: identifier,
      number: v.number(),
      state: identifier,
      ...{ message: told, commit: told, branch: told, started_at: told, failing_at: told, finished_at: told },
    }),
    job: v.nullish(
      v.object({
        uuid: identifier,
        state: identifier,
        passed: v.nullish(v.boolean()),
        unblocked_by: v.nullish(v.object({ uuid: identifier, name: told })),
        ...{ type: told, label: told, step_key: told, soft_failed: told },
        ...{ runnable_at: told, started_at: told, finished_at: told },
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

/** Reads any partner event, as the webhook that would tell the same. Its key is the id that EventBridge repeats it with. */
export function readPartnerEvent({ body, receivedAt }: AuthenticDelivery): Reading {
  const json = readJsonObject(body);
  return json.ok ? reader("partner event", json.value, receivedAt) : { outcome: "unusable", problem: json.problem };
}

/** The body of that webhook, as far as it is read. Addresses are composed: none is told. */
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
      // When it was made is not told; by these, too, each state comes after the one before.
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
