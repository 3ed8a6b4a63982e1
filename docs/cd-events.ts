import type { EventType } from "../shared/model/event.ts";

const pipelineRun = "`dev.cdevents.pipelinerun.finished`, outcome";
const taskRun = "`dev.cdevents.taskrun.finished`, outcome";

/**
 * The nearest type of CDEvents 0.5 (https://cdevents.dev) for each event type. CDEvents has no pages, no waiting or skipped
 * runs, no queued jobs and no approvals, and its services and artifacts require the name of an artifact.
 */
export const CD_EVENTS: Readonly<Record<EventType, string>> = {
  "page.created": "none",
  "page.updated": "none",
  "page.moved": "none",
  "page.trashed": "none",
  "page.restored": "none",
  "page.labeled": "none",
  "page.unlabeled": "none",
  "page.commented": "none",
  "code.pushed":
    "`dev.cdevents.branch.created` if `code.change` is `created`, `dev.cdevents.branch.deleted` if it is `deleted`, else none",
  "code.tagged": "none",
  "change.opened": "`dev.cdevents.change.created`",
  "change.updated": "`dev.cdevents.change.updated`",
  "change.approved": "`dev.cdevents.change.reviewed`",
  "change.merged": "`dev.cdevents.change.merged`",
  "change.closed": "`dev.cdevents.change.abandoned`",
  "change.commented": "none",
  "build.queued": "`dev.cdevents.pipelinerun.queued`",
  "build.running": "`dev.cdevents.pipelinerun.started`",
  "build.waiting": "none",
  "build.succeeded": `${pipelineRun} \`success\``,
  "build.failed": `${pipelineRun} \`failure\``,
  "build.cancelled": `${pipelineRun} \`error\``,
  "build.timed_out": `${pipelineRun} \`error\``,
  "build.skipped": "none",
  "job.queued": "none",
  "job.running": "`dev.cdevents.taskrun.started`",
  "job.waiting": "none",
  "job.succeeded": `${taskRun} \`success\``,
  "job.failed": `${taskRun} \`failure\``,
  "job.cancelled": `${taskRun} \`error\``,
  "job.timed_out": `${taskRun} \`error\``,
  "job.skipped": "none",
  "deployment.queued": "none",
  "deployment.running": "none",
  "deployment.waiting": "none",
  "deployment.succeeded": "none",
  "deployment.failed": "none",
  "deployment.cancelled": "none",
  "deployment.timed_out": "none",
  "deployment.skipped": "none",
  "release.published": "none",
  "approval.requested": "none",
  "approval.granted": "none",
  "approval.denied": "none",
};
