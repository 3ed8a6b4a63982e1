import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import { confined } from "../confine.ts";
import type { Provider } from "../provider.ts";
import { listedPipelines, rejectEvents, rejectJob } from "./listed-pipelines.ts";
import { readDelivery } from "./parse.ts";
import { partnerSource } from "./partner.ts";
import { prove, sign } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    signature: v.optional(
      v.pipe(rotatingSecret, v.description("The token of a webhook that signs each request with it.")),
    ),
    token: v.optional(
      v.pipe(rotatingSecret, v.description("The token of a webhook that sends it as plain text in a header.")),
    ),
    ...listedPipelines.entries,
    partnerEvents: v.optional(
      v.pipe(
        partnerSource,
        v.description("In AWS, instead of webhooks: the name of the event source that Buildkite made in the account."),
      ),
    ),
  }),
  v.check(
    ({ signature, token, partnerEvents }) => (signature ?? token ?? partnerEvents) !== undefined,
    "needs `signature`, `token` or both, or `partnerEvents`",
  ),
  v.check(
    ({ organization, pipelines }) => pipelines === undefined || organization !== undefined,
    "needs `organization` with `pipelines`: other organizations may have pipelines of the same names",
  ),
  v.check(
    ({ signature, token, partnerEvents }) => (signature ?? token) === undefined || partnerEvents === undefined,
    "takes webhooks or `partnerEvents`, not both: their times differ, so an event from both would be acted on twice",
  ),
);

/** Buildkite's notification service "Webhook". "Amazon EventBridge" arrives by another path: `partner-source.ts`. */
export const buildkite = {
  name: "buildkite",
  settings,
  publishes: [
    "build.queued",
    "build.running",
    "build.waiting",
    "build.succeeded",
    "build.failed",
    "build.cancelled",
    "build.skipped",
    "job.queued",
    "job.running",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.timed_out",
    "job.skipped",
    "approval.granted",
    "agent.lost",
  ],
  secrets: { signature: "hmac-signature", token: "token" },
  // Partner events have no pull request.
  hiddenForks: (source) =>
    "partnerEvents" in source ? { parts: ["build", "job"], startedBy: ["webhook", "ui", "api"] } : undefined,
  jobsOf: ({ name, settings: given }) => {
    const listed = { source: name, ...v.parse(settings, given) };
    // A partner event source is of one organization.
    const openWithout = (listed.organization ?? listed.partnerEvents) === undefined ? "organization" : undefined;
    return { source: name, preset: "buildkite", openWithout, rejectJob: (claims) => rejectJob(claims, listed) };
  },
  connect(source, deps) {
    const { signature, token, organization, pipelines } = v.parse(settings, source.settings);
    const listed = { source: source.name, organization, pipelines };
    return {
      authenticate: (request) => prove(request, { source: source.name, signature, token }, deps),
      read: confined(readDelivery, (events) => rejectEvents(events, listed)),
      sign: (request) => sign(request, { signature, token }, deps),
    };
  },
} satisfies Provider;
