import * as v from "valibot";
import { pathList } from "../../host/path-list.ts";
import { rotatingSecret } from "../../host/secrets.ts";
import { confined } from "../confine.ts";
import type { Provider } from "../provider.ts";
import { rejectHook, rejectJob } from "./listed-projects.ts";
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
    projects: v.optional(
      v.pipe(
        pathList,
        v.description(
          "Projects whose events are accepted: exact paths, or `platform/*` for all below `platform`. Events of others are recorded as ignored. Without it, every project whose hook has the secret can send events.",
        ),
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
  counters: ["object_attributes.id", "deployment_id"],
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
    "release.deleted",
    "approval.granted",
    "approval.denied",
    "token.expiring",
  ],
  secrets: { signingToken: "standard-webhooks", token: "token" },
  // A merge request's pipeline may run in the fork. Its jobs have the name of their branch, and no mark.
  hiddenForks: () => ({ parts: ["job"], startedBy: [], inPipelineOfFork: true }),
  jobsOf: ({ name, settings: given }) => {
    const listed = { source: name, projects: v.parse(settings, given).projects };
    const openWithout = listed.projects ? undefined : "projects";
    return { source: name, preset: "gitlab", openWithout, rejectJob: (claims) => rejectJob(claims, listed) };
  },
  connect(source, deps) {
    const { signingToken, token, projects } = v.parse(settings, source.settings);
    return {
      authenticate: (request) => prove(request, { source: source.name, signingToken, token }, deps),
      read: confined(readDelivery, (_, delivery) => rejectHook(delivery, { source: source.name, projects })),
      sign: (request) => sign(request, { signingToken, token }, deps),
    };
  },
} satisfies Provider;
