import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { ApprovalEvent, BuildState, JobEvent } from "../../model/event.ts";
import { identifier, line, link, moment, optional, present, type Reader, readerOf, wholeNumber } from "../payload.ts";
import { continuedBuild } from "./parse-build.ts";
import { actorOf, build, commitOf, person, pipeline, pipelineName, refOf, tags } from "./parts.ts";

/** https://buildkite.com/docs/apis/webhooks/pipelines/job-events. `command` may contain secrets and is not read. */
const job = v.object({
  id: identifier,
  type: optional(v.string()),
  name: optional(line),
  label: optional(line),
  step_key: optional(line),
  state: identifier,
  web_url: optional(link),
  agent_query_rules: tags,
  soft_failed: optional(v.boolean()),
  exit_status: optional(wholeNumber),
  signal: optional(line),
  signal_reason: optional(line),
  broken_reason: optional(line),
  scheduled_at: optional(moment),
  started_at: optional(moment),
  finished_at: optional(moment),
  unblocked_by: person,
  unblocked_at: optional(moment),
  retried: optional(v.boolean()),
  retried_in_job_id: optional(identifier),
  retries_count: optional(v.number()),
  retry_type: optional(v.string()),
  agent: optional(v.object({ id: optional(line), name: optional(line) })),
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
    const ended = isTerminal(state);
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
        pipelineId: body.pipeline.id,
        url: reported.web_url,
        commit: commitOf(body.build),
        ...refOf(body),
        startedAt: reported.started_at,
        finishedAt: ended ? reported.finished_at : undefined,
        reason: ended && state !== "succeeded" ? reasonOf(reported) : undefined,
        exitCode: ended ? reported.exit_status : undefined,
        retried: ended && (reported.retried || reported.retried_in_job_id) ? true : undefined,
        supersededBy: ended ? reported.retried_in_job_id : undefined,
        runner: reported.agent?.name ?? reported.agent?.id,
        tags: reported.agent_query_rules,
        softFailed: state === "failed" && reported.soft_failed ? true : undefined,
      }),
    });
    const continues = state === "running" && time && isRetryAfterEnd(reported, body.build);
    return { outcome: "event", events: continues ? [event, continuedBuild(body, time)] : [event] };
  });
}

/**
 * Buildkite's own word on the end of a job that did not succeed. An agent that is lost leaves the exit status -1
 * (https://buildkite.com/docs/pipelines/configure/retry). A state that has no event type of its own is the last choice.
 */
function reasonOf({ state, exit_status, signal, signal_reason, broken_reason }: Job): string | undefined {
  if (signal_reason && signal_reason !== "none") return signal_reason;
  if (broken_reason) return broken_reason;
  if (state !== "failed") return STATES_AS_REASON.has(state) ? state : undefined;
  if (signal) return `signal ${signal}`;
  if (exit_status === LOST) return "agent_lost";
  return exit_status ? `exit status ${exit_status}` : undefined;
}

const LOST = -1;
const STATES_AS_REASON: ReadonlySet<string> = new Set(["expired", "broken", "waiting_failed"]);

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
