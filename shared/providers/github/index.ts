import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import { confined } from "../confine.ts";
import { bodySignature, proveByHmac, signByHmac } from "../hmac-proof.ts";
import type { Provider } from "../provider.ts";
import { listedRepositories, rejectDelivery, rejectJob } from "./listed-repositories.ts";
import { readDelivery } from "./parse.ts";

const settings = v.strictObject({
  secret: v.pipe(rotatingSecret, v.description("The secret of the webhook. GitHub signs each delivery with it.")),
  ...listedRepositories.entries,
});

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
const scheme = bodySignature({ header: "x-hub-signature-256", prefix: "sha256=", method: "hub-signature" });

/** Webhooks of GitHub's repositories, organizations and apps. */
export const github = {
  name: "github",
  counters: ["workflow_run.id", "deployment.id", "deployment_status.id"],
  settings,
  publishes: [
    "code.pushed",
    "code.tagged",
    "code.deleted",
    "change.opened",
    "change.updated",
    "change.merged",
    "change.closed",
    "build.queued",
    "build.running",
    "build.waiting",
    "build.succeeded",
    "build.failed",
    "build.cancelled",
    "build.timed_out",
    "build.skipped",
    "deployment.queued",
    "deployment.running",
    "deployment.waiting",
    "deployment.succeeded",
    "deployment.failed",
    "release.published",
    "release.deleted",
  ],
  secrets: { secret: scheme.method },
  jobsOf: ({ name, settings: given }) => {
    const listed = { source: name, repositories: v.parse(settings, given).repositories };
    const openWithout = listed.repositories ? undefined : "repositories";
    return { source: name, preset: "github", openWithout, rejectJob: (claims) => rejectJob(claims, listed) };
  },
  connect({ name, settings: given }, deps) {
    const { secret, repositories } = v.parse(settings, given);
    const listed = { source: name, repositories };
    return {
      authenticate: (request) => proveByHmac(request, { source: name, scheme, secret }, deps),
      read: confined(readDelivery, (_, delivery) => rejectDelivery(delivery, listed)),
      sign: (request) => signByHmac(request, { scheme, secret }, deps),
    };
  },
} satisfies Provider;
