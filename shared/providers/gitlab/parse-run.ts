import * as v from "valibot";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import {
  type ApprovalEvent,
  type BuildEvent,
  type BuildState,
  type DeploymentEvent,
  EVENT_LIMITS,
  type JobEvent,
} from "../../model/event.ts";
import { CHILD_SOURCE, DANGLING_SOURCES } from "../../model/gitlab-pipelines.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  identifier,
  line,
  link,
  listOf,
  moment,
  optional,
  present,
  readerOf,
  requiredMoment,
  textsOf,
  wholeNumber,
} from "../payload.ts";
import { isoTime } from "../time.ts";
import {
  actorOf,
  changeRefMembers,
  changeRefOf,
  namedPipeline,
  parentOf,
  personIn,
  placeOf,
  project,
  sourcePipeline,
  tagMark,
  user,
} from "./parts.ts";

/** Statuses of pipelines, jobs and deployments; `blocked`: a deployment waits for an approval or a manual job. */
const STATES: ReadonlyMap<string, BuildState> = new Map([
  ["created", "queued"],
  ["waiting_for_resource", "queued"],
  ["waiting_for_callback", "queued"],
  ["preparing", "queued"],
  ["pending", "queued"],
  ["scheduled", "queued"],
  ["running", "running"],
  ["canceling", "running"],
  ["manual", "waiting"],
  ["blocked", "waiting"],
  ["success", "succeeded"],
  ["failed", "failed"],
  ["canceled", "cancelled"],
  ["skipped", "skipped"],
]);

/** Members of `builds` that show how far a pipeline has come. */
const job = v.object({
  id: wholeNumber,
  status: optional(v.string()),
  when: optional(v.string()),
  manual: optional(v.boolean()),
  started_at: optional(v.string()),
});

/** Of another kind than documented, it still means that the run is for a merge request. */
const mergeRequest = v.nullish(
  v.fallback(v.object({ ...changeRefMembers, iid: optional(wholeNumber), title: optional(line) }), {}),
);

const pipelineBody = v.object({
  user,
  project,
  object_attributes: v.object({
    id: wholeNumber,
    iid: optional(wholeNumber),
    name: deciding(v.string()),
    ref: optional(identifier),
    tag: tagMark,
    sha: optional(identifier),
    source: deciding(identifier),
    status: identifier,
    protected_ref: optional(v.boolean()),
    created_at: requiredMoment,
    finished_at: optional(moment),
    queued_duration: optional(v.number()),
    url: optional(link),
  }),
  commit: optional(v.object({ message: v.string() })),
  merge_request: mergeRequest,
  source_pipeline: sourcePipeline,
  builds: optional(listOf(job)),
});

type Pipeline = v.InferOutput<typeof pipelineBody>;

/**
 * Changes of a pipeline's status. Pipelines of external commit statuses, including ours, are ignored: a feedback loop.
 */
export const pipeline = readerOf(pipelineBody, (body, { kind, receivedAt }): Reading => {
  const { id, status, source, finished_at, created_at, queued_duration, ...attributes } = body.object_attributes;
  if (source === "external") return { outcome: "ignored", kind: `${kind}.external` };
  const state = STATES.get(status);
  if (!state) return { outcome: "ignored", kind: `${kind}.${status}` };
  const { path_with_namespace: path, web_url, default_branch } = body.project;
  const builds = body.builds ?? [];
  const name = nameWithin(body);
  const finishedAt = isTerminal(state) ? finished_at : undefined;
  // A pipeline that is queued later, or again, does not report since when.
  const created = status === "created" && !hasBegun(finished_at, builds) ? created_at : undefined;
  const event: BuildEvent = present({
    type: `build.${state}`,
    keyParts: [
      body.project.id,
      id,
      status,
      finished_at ?? "",
      newest(builds),
      passedGates(builds),
      ...(isTerminal(state) ? [] : [endedJobs(builds)]),
    ].map(String),
    time: timeOf(state, { created, finished: finishedAt, receivedAt }),
    subject: `${path} pipeline ${id}`,
    actor: actorOf(body.user),
    build: present({
      system: "gitlab",
      id: String(id),
      number: attributes.iid,
      pipeline: namedPipeline(path, name),
      pipelineId: namedPipeline(body.project.id, name),
      state,
      round: roundOf(state, finished_at, builds),
      url: attributes.url ?? (web_url && `${web_url}/-/pipelines/${id}`),
      commit: attributes.sha,
      ...textsOf(body.commit?.message, body.merge_request?.title),
      ...refOf(body),
      source,
      defaultBranch: default_branch,
      createdAt: created_at,
      startedAt: startOf(created_at, queued_duration),
      finishedAt,
      startedBy: body.user?.name ?? body.user?.username,
      parent: parentOf(body.source_pipeline),
    }),
  });
  return { outcome: "event", events: [event] };
});

/** `ref` of a run for a merge request is its source branch, which may have the name of a branch of this project. */
function refOf({ object_attributes, merge_request, project: { id, path_with_namespace: path } }: Pipeline) {
  const { ref, tag, source, protected_ref } = object_attributes;
  if (merge_request) {
    const { iid } = merge_request;
    return { change: iid ? changeRefOf({ ...merge_request, iid }, new Map([[id, path]])) : undefined };
  }
  const place = placeOf(ref, { tag, path });
  if (place.change || CHANGE_SOURCES.has(source ?? "")) return { change: place.change };
  return { ...place, protected: protected_ref };
}

const CHANGE_SOURCES: ReadonlySet<string> = new Set(["merge_request_event", "external_pull_request_event"]);

/** A pipeline that does not decide the state of its branch must not be shown as the branch's last run. */
function nameWithin({ object_attributes: { name, source } }: Pipeline): string | undefined {
  if (source === CHILD_SOURCE) return name || "child";
  return source && DANGLING_SOURCES.has(source) ? source : undefined;
}

/** GitLab reports a pipeline's start as the seconds that it was queued, and omits zero. */
function startOf(created: string, queuedSeconds: number | null | undefined): string | undefined {
  return queuedSeconds ? isoTime(Date.parse(created) + queuedSeconds * 1000) : undefined;
}

type Job = v.InferOutput<typeof job>;

/**
 * The position of a report among all reports of its pipeline. A retry adds a job with a higher id. A played job keeps its
 * id and leaves the status `manual`. GitLab sets `finished_at` at an end and never removes it, so a pipeline that has one
 * and has not ended runs again. Within a round, jobs only proceed.
 */
function roundOf(state: BuildState, finishedAt: string | null | undefined, builds: readonly Job[]): string {
  const digits = (number: number, count: number): string => String(number).padStart(count, "0");
  const ended = `${finishedAt ?? NEVER}.${finishedAt && !isTerminal(state) ? 1 : 0}`;
  return [digits(newest(builds), 15), digits(passedGates(builds), 5), ended, digits(progressOf(builds), 6)].join(".");
}

/** Sorts before every time. */
const NEVER = "-";

const newest = (builds: readonly Job[]): number => builds.reduce((highest, { id }) => Math.max(highest, id), 0);

/** Jobs that waited for a person or for a delay, and wait no longer. An older server does not mark such jobs. */
const passedGates = (builds: readonly Job[]): number =>
  builds.filter(
    ({ manual, when, status, started_at }) =>
      (manual !== false || when === "delayed") && (started_at || (manual && PROGRESS.has(status ?? ""))),
  ).length;

const ENDED = 3;
/** The steps of a job's life, by status. A job in any other status has not been queued yet, or was skipped. */
const PROGRESS: ReadonlyMap<string, number> = new Map([
  ["pending", 1],
  ["running", 2],
  ["canceling", 2],
  ["success", ENDED],
  ["failed", ENDED],
  ["canceled", ENDED],
]);

const progressOf = (builds: readonly Job[]): number =>
  builds.reduce((sum, { status }) => sum + (PROGRESS.get(status ?? "") ?? 0), 0);

/**
 * Distinguishes two reports of one state that does not last: a pipeline also waits between its jobs, for a resource group
 * or a cluster, and then runs on. All jobs that ran before have ended.
 */
const endedJobs = (builds: readonly Job[]): number =>
  builds.filter(({ status }) => PROGRESS.get(status ?? "") === ENDED).length;

const hasBegun = (finishedAt: string | null | undefined, builds: readonly Job[]): boolean =>
  Boolean(finishedAt) || builds.some(({ status, started_at }) => started_at || (PROGRESS.get(status ?? "") ?? 0) > 1);

interface Times {
  readonly created: string | null | undefined;
  readonly started?: string | null | undefined;
  readonly finished: string | null | undefined;
  readonly receivedAt: EpochMillis;
}

/** Returns when a run entered `state`; the time of receipt if GitLab does not report it. */
function timeOf(state: BuildState, { created, started, finished, receivedAt }: Times): string {
  const times: Partial<Record<BuildState, string | null | undefined>> = { queued: created, running: started };
  return (isTerminal(state) ? finished : times[state]) ?? toIso(receivedAt);
}

const buildBody = v.object({
  user,
  project_id: wholeNumber,
  /** Older servers report only the display name. */
  project_name: optional(line),
  project: deciding(project),
  pipeline_id: wholeNumber,
  build_id: wholeNumber,
  build_name: line,
  build_stage: deciding(v.string()),
  build_status: identifier,
  build_created_at: optional(moment),
  build_started_at: optional(moment),
  build_finished_at: optional(moment),
  build_allow_failure: optional(v.boolean()),
  build_failure_reason: optional(line),
  retries_count: optional(wholeNumber),
  ref: optional(identifier),
  tag: tagMark,
  sha: optional(identifier),
  /** Of the pipeline, in spite of its name. */
  commit: deciding(v.object({ name: deciding(v.string()) })),
  source_pipeline: sourcePipeline,
  runner: optional(v.object({ id: optional(wholeNumber), tags: optional(listOf(line, EVENT_LIMITS.tags)) })),
  environment: optional(v.object({ name: optional(line), action: optional(identifier) })),
});

/** Changes of a job's status, except in stage `external`, which contains external commit statuses. */
export const build = readerOf(buildBody, (body, { kind, receivedAt }): Reading => {
  const { build_id: id, build_status: status, build_finished_at: finished, build_started_at: startedAt } = body;
  if (body.build_stage === "external") return { outcome: "ignored", kind: `${kind}.external` };
  const reported = STATES.get(status);
  if (!reported) return { outcome: "ignored", kind: `${kind}.${status}` };
  const reason = reported === "failed" ? body.build_failure_reason : undefined;
  const state = TIMEOUT.test(reason ?? "") ? "timed_out" : reported;
  const projectPath = body.project?.path_with_namespace;
  const path = projectPath ?? body.project_name ?? String(body.project_id);
  const finishedAt = isTerminal(state) ? finished : undefined;
  const created = status === "created" ? body.build_created_at : undefined;
  // A trigger job starts a pipeline of its own project only as a child.
  const isChild = projectPath !== undefined && body.source_pipeline?.project?.path_with_namespace === projectPath;
  const name = isChild ? body.commit?.name || "child" : undefined;
  const { runner, environment } = body;
  const event: JobEvent = present({
    type: `job.${state}`,
    keyParts: [body.project_id, id, status, body.retries_count ?? "", finished ?? startedAt ?? ""].map(String),
    time: timeOf(state, { created, started: startedAt, finished: finishedAt, receivedAt }),
    subject: `${path} job ${id}`,
    actor: actorOf(body.user),
    job: present({
      system: "gitlab",
      id: String(id),
      name: body.build_name,
      state,
      build: String(body.pipeline_id),
      pipeline: namedPipeline(path, name),
      pipelineId: namedPipeline(body.project_id, name),
      url: body.project?.web_url && `${body.project.web_url}/-/jobs/${id}`,
      commit: body.sha,
      ...placeOf(body.ref, { tag: body.tag, path: projectPath }),
      defaultBranch: body.project?.default_branch,
      startedAt,
      finishedAt,
      reason,
      runner: runner?.id ? String(runner.id) : undefined,
      tags: runner?.tags,
      environment: environment?.name,
      stopsEnvironment: environment?.action === "stop" ? true : undefined,
      softFailed: reported === "failed" && body.build_allow_failure ? true : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** Failure reasons of jobs that ran, waited or said nothing for too long: `Enums::Ci::CommitStatus` of GitLab. */
const TIMEOUT = /timeout|^stuck_|^no_updates_/;

const deploymentBody = v.object({
  user,
  project,
  status: identifier,
  status_changed_at: optional(moment),
  deployment_id: wholeNumber,
  deployable_id: optional(wholeNumber),
  deployable_url: optional(link),
  environment: line,
  environment_tier: optional(line),
  commit_url: optional(v.string()),
  commit_title: optional(line),
  approver: user,
  approval: optional(v.object({ id: optional(wholeNumber) })),
});

type Deployment = v.InferOutput<typeof deploymentBody>;

/** Changes of a deployment's status, and decisions of people who approve or reject it. */
export const deployment = readerOf(deploymentBody, (body, { kind, receivedAt }): Reading => {
  const { status, deployment_id, environment, deployable_id } = body;
  const decision = DECISIONS.get(status);
  if (decision) return { outcome: "event", events: [decisionOf(body, decision, receivedAt)] };
  const state = STATES.get(status);
  if (!state) return { outcome: "ignored", kind: `${kind}.${status}` };
  const { id, path_with_namespace: path } = body.project;
  const event: DeploymentEvent = present({
    type: `deployment.${state}`,
    keyParts: [id, deployment_id, status, body.status_changed_at ?? ""].map(String),
    time: body.status_changed_at ?? toIso(receivedAt),
    subject: `${path} to ${environment}`,
    actor: actorOf(body.user),
    deployment: present({
      project: path,
      id: String(deployment_id),
      environment,
      tier: body.environment_tier,
      state,
      // The body has only a short hash. Its link has the full one.
      commit: /\/commit\/([0-9a-f]{40,64})$/.exec(body.commit_url ?? "")?.[1],
      title: body.commit_title,
      url: body.deployable_url,
      job: deployable_id ? String(deployable_id) : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});

const DECISIONS: ReadonlyMap<string, ApprovalEvent["type"]> = new Map([
  ["approved", "approval.granted"],
  ["rejected", "approval.denied"],
]);

/** One of several people who may have to decide. `user` is who started the deployment. */
function decisionOf(body: Deployment, type: ApprovalEvent["type"], receivedAt: EpochMillis): ApprovalEvent {
  const { status, status_changed_at, deployment_id, environment, approver } = body;
  const { id, path_with_namespace: path } = body.project;
  return present({
    type,
    keyParts: [id, deployment_id, status, status_changed_at ?? "", body.approval?.id ?? "", personIn(approver)].map(
      String,
    ),
    time: status_changed_at ?? toIso(receivedAt),
    subject: `${path} to ${environment}`,
    actor: actorOf(approver),
    approval: present({
      system: "gitlab",
      build: String(deployment_id),
      pipeline: path,
      environment,
      url: body.deployable_url,
    }),
  });
}
