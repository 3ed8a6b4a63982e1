import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { ApprovalEvent, BuildState, JobEvent } from "../../model/event.ts";
import { identifier, line, link, moment, present, type Reader, readerOf } from "../payload.ts";
import { continuedBuild } from "./parse-build.ts";
import { actorOf, build, commitOf, person, pipeline, pipelineName } from "./parts.ts";

/** https://buildkite.com/docs/apis/webhooks/pipelines/job-events. `command` may contain secrets and is not read. */
const job = v.object({
  id: identifier,
  type: v.nullish(v.string()),
  name: v.nullish(line),
  label: v.nullish(line),
  step_key: v.nullish(line),
  state: identifier,
  web_url: v.nullish(link),
  soft_failed: v.nullish(v.boolean()),
  scheduled_at: v.nullish(moment),
  started_at: v.nullish(moment),
  finished_at: v.nullish(moment),
  unblocked_by: person,
  unblocked_at: v.nullish(moment),
  retries_count: v.nullish(v.number()),
  retry_type: v.nullish(v.string()),
});

type Job = v.InferOutput<typeof job>;

const jobBody = v.object({ job, build, pipeline });

export const jobScheduled = jobReader(({ scheduled_at }) => ({ state: "queued", time: scheduled_at }));
export const jobStarted = jobReader(({ started_at }) => ({ state: "running", time: started_at }));
export const jobFinished = jobReader(({ state, finished_at }) => {
  const end = ENDS.get(state);
  return end && { state: end, time: finished_at };
});

/** `broken` never ran because of its conditions, `expired` because no agent accepted it in time. */
const ENDS: ReadonlyMap<string, BuildState> = new Map([
  ["passed", "succeeded"],
  ["failed", "failed"],
  ["waiting_failed", "failed"],
  ["canceled", "cancelled"],
  ["canceling", "cancelled"],
  ["timed_out", "timed_out"],
  ["timing_out", "timed_out"],
  ["expired", "timed_out"],
  ["skipped", "skipped"],
  ["broken", "skipped"],
]);

interface StateChange {
  readonly state: BuildState;
  readonly time: string | null | undefined;
}

function jobReader(changeOf: (reported: Job) => StateChange | undefined): Reader {
  return readerOf(jobBody, (body, { kind, receivedAt }) => {
    const reported = body.job;
    // Wait steps do no work, and `job.activated` reports a block step.
    if (reported.type === "waiter" || reported.type === "manual")
      return { outcome: "ignored", kind: `${kind} of a ${reported.type}` };
    const change = changeOf(reported);
    if (!change) return { outcome: "ignored", kind: `${kind} in state ${reported.state}` };
    const { state, time } = change;
    const name = pipelineName(body);
    const event: JobEvent = present({
      type: `job.${state}`,
      keyParts: [kind, body.build.id, reported.id, reported.state, reported.finished_at ?? reported.started_at ?? ""],
      time: time ?? toIso(receivedAt),
      subject: `${name}#${body.build.number}`,
      actor: actorOf(body.build.creator),
      job: present({
        system: "buildkite",
        id: reported.id,
        name: reported.name || reported.label || reported.step_key || reported.id,
        state,
        build: body.build.id,
        pipeline: name,
        url: reported.web_url,
        commit: commitOf(body.build),
        branch: body.build.branch,
        startedAt: reported.started_at,
        finishedAt: isTerminal(state) ? reported.finished_at : undefined,
        softFailed: state === "failed" && reported.soft_failed ? true : undefined,
      }),
    });
    const continues = state === "running" && time && isRetryAfterEnd(reported, body.build);
    return { outcome: "event", events: continues ? [event, continuedBuild(body, time)] : [event] };
  });
}

/** A build that has ended goes on if a job is retried. An automatic retry comes before the end. */
const isRetryAfterEnd = ({ retries_count, retry_type }: Job, { finished_at }: v.InferOutput<typeof build>): boolean =>
  retry_type === "manual" || ((retries_count ?? 0) > 0 && Boolean(finished_at));

/** Somebody unblocked a block step. The body does not contain what they typed into its fields. */
export const activated = readerOf(jobBody, (body, { kind, receivedAt }) => {
  const reported = body.job;
  const name = pipelineName(body);
  const event: ApprovalEvent = present({
    type: "approval.granted",
    keyParts: [kind, body.build.id, reported.id, reported.state, reported.unblocked_at ?? ""],
    time: reported.unblocked_at ?? toIso(receivedAt),
    subject: `${name}#${body.build.number}`,
    actor: actorOf(reported.unblocked_by),
    approval: present({
      system: "buildkite",
      build: body.build.id,
      pipeline: name,
      step: reported.label || reported.step_key,
      url: body.build.web_url,
    }),
  });
  // The report that the build runs again has only the times of its first start.
  const { unblocked_at: time } = reported;
  return {
    outcome: "event",
    events: time ? [event, continuedBuild(body, time)] : [event],
  };
});
