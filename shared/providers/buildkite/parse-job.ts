import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { ApprovalEvent, BuildState, JobEvent } from "../../model/event.ts";
import { identifier, line, link, moment, present, type Reader, readerOf } from "../payload.ts";
import { actorOf, build, commitOf, person, pipeline, pipelineName } from "./parts.ts";

/** https://buildkite.com/docs/apis/webhooks/pipelines/job-events. `command` may hold anything, and is not read. */
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
});

type Job = v.InferOutput<typeof job>;

const jobBody = v.object({ job, build, pipeline });

export const jobScheduled = jobReader(({ scheduled_at }) => ({ state: "queued", time: scheduled_at }));
export const jobStarted = jobReader(({ started_at }) => ({ state: "running", time: started_at }));
export const jobFinished = jobReader(({ state, finished_at }) => {
  const end = ENDS.get(state);
  return end && { state: end, time: finished_at };
});

/** `broken` never ran because of its conditions, `expired` because no agent took it in time. */
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

interface Happened {
  readonly state: BuildState;
  readonly time: string | null | undefined;
}

function jobReader(happened: (told: Job) => Happened | undefined): Reader {
  return readerOf(jobBody, (body, { kind, receivedAt }) => {
    const told = body.job;
    // Wait steps do no work, and a block step is told by `job.activated`.
    if (told.type === "waiter" || told.type === "manual")
      return { outcome: "ignored", kind: `${kind} of a ${told.type}` };
    const now = happened(told);
    if (!now) return { outcome: "ignored", kind: `${kind} in state ${told.state}` };
    const { state, time } = now;
    const name = pipelineName(body);
    const event: JobEvent = present({
      type: `job.${state}`,
      keyParts: [kind, body.build.id, told.id, told.state, told.finished_at ?? told.started_at ?? ""],
      time: time ?? toIso(receivedAt),
      subject: `${name}#${body.build.number}`,
      actor: actorOf(body.build.creator),
      job: present({
        system: "buildkite",
        id: told.id,
        name: told.name || told.label || told.step_key || told.id,
        state,
        build: body.build.id,
        pipeline: name,
        url: told.web_url,
        commit: commitOf(body.build),
        branch: body.build.branch,
        startedAt: told.started_at,
        finishedAt: isTerminal(state) ? told.finished_at : undefined,
        softFailed: state === "failed" && told.soft_failed ? true : undefined,
      }),
    });
    return { outcome: "event", event };
  });
}

/** Somebody let a block step through. What they typed into its fields is not in the body. */
export const activated = readerOf(jobBody, (body, { kind, receivedAt }) => {
  const told = body.job;
  const name = pipelineName(body);
  const event: ApprovalEvent = present({
    type: "approval.granted",
    keyParts: [kind, body.build.id, told.id, told.state, told.unblocked_at ?? ""],
    time: told.unblocked_at ?? toIso(receivedAt),
    subject: `${name}#${body.build.number}`,
    actor: actorOf(told.unblocked_by),
    approval: present({
      system: "buildkite",
      build: body.build.id,
      pipeline: name,
      step: told.label || told.step_key,
      url: body.build.web_url,
    }),
  });
  return { outcome: "event", event };
});
