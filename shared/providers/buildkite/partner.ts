import * as v from "valibot";
import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, moment, optional, readerOf } from "../payload.ts";
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
  ["Agent Lost", "agent.lost"],
]);

/** The `Principal.method` of a delivery from a partner event. */
export const METHOD = "eventbridge-partner";

const slug = v.pipe(v.string(), v.regex(/^[\w.-]{1,200}$/));
/** Other members of these objects are validated later, by the schema of the webhook's member with the same meaning. */
const envelope = v.object({
  id: identifier,
  time: v.string(),
  "detail-type": v.string(),
  detail: v.object({
    build: v.nullish(
      v.looseObject({ uuid: identifier, number: v.number(), state: identifier, started_at: optional(moment) }),
    ),
    job: v.nullish(v.looseObject({ uuid: identifier, state: identifier })),
    agent: v.nullish(v.looseObject({ uuid: identifier })),
    pipeline: v.nullish(v.looseObject({ slug })),
    organization: v.object({ slug }),
  }),
});

type Envelope = v.InferOutput<typeof envelope>;

/** Made on use: a bundle that only has the name of the event source then leaves it out. */
const reader = () =>
  readerOf(envelope, (event, { receivedAt }) => {
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
  return json.ok ? reader()("partner event", json.value, receivedAt) : { outcome: "unusable", problem: json.problem };
}

/** The body of that webhook, with the members that are read. Addresses are composed, because the event has none. */
function webhookOf({ time, "detail-type": type, detail }: Envelope): object {
  const { build, job, agent, pipeline, organization } = detail;
  const path = `${pipeline?.slug}/builds/${build?.number}`;
  const page = `https://buildkite.com/${organization.slug}/${path}`;
  return {
    build: build && {
      ...build,
      id: build.uuid,
      blocked: type === "Build Blocked" || build.state === "blocked",
      url: `https://api.buildkite.com/v2/organizations/${organization.slug}/pipelines/${path}`,
      web_url: page,
      // The event does not report the creation time. These times also order each state after the previous one.
      created_at: build.started_at ?? time,
    },
    pipeline: pipeline && { ...withId(pipeline), repository: pipeline["repo"] },
    job: job && {
      ...job,
      id: job.uuid,
      state: job.state === "finished" ? endOf(job) : job.state,
      web_url: `${page}#${job.uuid}`,
      agent: agent && withId(agent),
      scheduled_at: job["runnable_at"],
      unblocked_by: withId(job["unblocked_by"]),
      unblocked_at: type === "Job Activated" ? time : undefined,
    },
    agent: agent && {
      ...withId(agent),
      web_url: `https://buildkite.com/organizations/${organization.slug}/agents/${agent.uuid}`,
    },
  };
}

const withId = (sent: unknown): object => ({ ...Object(sent), id: Object(sent).uuid });

const endOf = ({ passed }: { readonly [member: string]: unknown }): string => (passed === true ? "passed" : "failed");
