import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { prove, sign } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    signingToken: v.optional(
      v.pipe(rotatingSecret, v.description("The signing token of the hook, `whsec_…` (GitLab 19.0 and later).")),
    ),
    token: v.optional(
      v.pipe(
        rotatingSecret,
        v.description("The secret token of the hook, sent as plain text: for older servers, and during a migration."),
      ),
    ),
  }),
  v.check(
    ({ signingToken, token }) => signingToken !== undefined || token !== undefined,
    "needs `signingToken`, `token` or both",
  ),
);

/** GitLab's project, group and system hooks. */
export const gitlab = {
  name: "gitlab",
  settings,
  publishes: [
    "code.pushed",
    "code.tagged",
    "code.deleted",
    "change.opened",
    "change.updated",
    "change.approved",
    "change.unapproved",
    "change.merged",
    "change.closed",
    "change.commented",
    "change.comment_edited",
    "build.queued",
    "build.running",
    "build.waiting",
    "build.succeeded",
    "build.failed",
    "build.cancelled",
    "build.skipped",
    "job.queued",
    "job.running",
    "job.waiting",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.timed_out",
    "job.skipped",
    "deployment.queued",
    "deployment.running",
    "deployment.waiting",
    "deployment.succeeded",
    "deployment.failed",
    "deployment.cancelled",
    "deployment.skipped",
    "release.published",
    "release.planned",
    "approval.granted",
    "approval.denied",
    "token.expiring",
  ],
  secrets: { signingToken: "standard-webhooks", token: "token" },
  // A merge request's pipeline may run in the fork. Its jobs have the name of their branch, and no mark.
  hiddenForks: () => ({ parts: ["job"], startedBy: [], inPipelineOfFork: true }),
  connect(source, deps) {
    const { signingToken, token } = v.parse(settings, source.settings);
    return {
      authenticate: (request) => prove(request, { source: source.name, signingToken, token }, deps),
      read: readDelivery,
      sign: (request) => sign(request, { signingToken, token }, deps),
    };
  },
} satisfies Provider;
