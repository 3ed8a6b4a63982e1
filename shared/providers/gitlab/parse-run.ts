import * as v from "valibot";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import {
  type BuildEvent,
  type BuildState,
  cut,
  type DeploymentEvent,
  EVENT_LIMITS,
  type JobEvent,
} from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, link, moment, present, readerOf, requiredMoment, wholeNumber } from "../payload.ts";
import { isoTime } from "../time.ts";
import { actorOf, project, user } from "./parts.ts";

/** Statuses of pipelines, jobs and deployments; `blocked` means that a deployment waits for approval. */
const STATES: ReadonlyMap<string, BuildState> = new Map([
  ["created", "queued"],
  ["waiting_for_resource", "queued"],
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
  status: v.nullish(v.string()),
  when: v.nullish(v.string()),
  manual: v.nullish(v.boolean()),
  started_at: v.nullish(v.string()),
});

const pipelineBody = v.object({
  user,
  project,
  object_attributes: v.object({
    id: wholeNumber,
    iid: v.nullish(wholeNumber),
    ref: v.nullish(identifier),
    tag: v.nullish(v.boolean()),
    sha: v.nullish(identifier),
    source: v.nullish(identifier),
    status: identifier,
    created_at: requiredMoment,
    finished_at: v.nullish(moment),
    queued_duration: v.nullish(v.number()),
    url: v.nullish(link),
  }),
  commit: v.nullish(v.object({ message: v.string() })),
  merge_request: v.nullish(v.object({ title: v.nullish(line) })),
  builds: v.nullish(v.array(job), []),
});

/**
 * Changes of a pipeline's status. Pipelines of external commit statuses, including ours, are ignored: a feedback loop.
 */
export const pipeline = readerOf(pipelineBody, (body, { kind, receivedAt }): Reading => {
  const { id, status, source, finished_at, created_at, queued_duration, ...attributes } = body.object_attributes;
  if (source === "external") return { outcome: "ignored", kind: `${kind}.external` };
  const state = STATES.get(status);
  if (!state) return { outcome: "ignored", kind: `${kind}.${status}` };
  const { path_with_namespace: path, web_url } = body.project;
  const finishedAt = isTerminal(state) ? finished_at : undefined;
  const event: BuildEvent = present({
    type: `build.${state}`,
    keyParts: [body.project.id, id, status, finished_at ?? "", newest(body.builds), passedGates(body.builds)].map(
      String,
    ),
    // A pipeline that is queued again does not report since when.
    time: timeOf(state, { created: hasBegun(body) ? undefined : created_at, finished: finishedAt, receivedAt }),
    subject: `${path} pipeline ${id}`,
    actor: actorOf(body.user),
    build: present({
      system: "gitlab",
      id: String(id),
      number: attributes.iid,
      // A child pipeline runs in the same project as its parent, and must not be shown as the parent's outcome.
      pipeline: source === "parent_pipeline" ? `${path} (child)` : path,
      state,
      round: roundOf(state, finished_at, body.builds),
      url: attributes.url ?? (web_url && `${web_url}/-/pipelines/${id}`),
      commit: attributes.sha,
      title: body.commit && cut(body.commit.message.split("\n", 1).join(), EVENT_LIMITS.title),
      message: messageOf(body),
      branch: attributes.tag ? undefined : attributes.ref,
      createdAt: created_at,
      startedAt: startOf(created_at, queued_duration),
      finishedAt,
      startedBy: body.user?.name,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** The title of the merge request comes first, because a long commit message is cut at its end. */
function messageOf({ commit, merge_request }: v.InferOutput<typeof pipelineBody>): string | undefined {
  const texts = [merge_request?.title, commit?.message].filter((text) => text);
  return texts.length === 0 ? undefined : cut(texts.join("\n"), EVENT_LIMITS.text);
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

/** The steps of a job's life, by status. A job in any other status has not been queued yet, or was skipped. */
const PROGRESS: ReadonlyMap<string, number> = new Map([
  ["pending", 1],
  ["running", 2],
  ["canceling", 2],
  ["success", 3],
  ["failed", 3],
  ["canceled", 3],
]);

const progressOf = (builds: readonly Job[]): number =>
  builds.reduce((sum, { status }) => sum + (PROGRESS.get(status ?? "") ?? 0), 0);

const hasBegun = ({ object_attributes, builds }: v.InferOutput<typeof pipelineBody>): boolean =>
  Boolean(object_attributes.finished_at) ||
  builds.some(({ status, started_at }) => started_at || (PROGRESS.get(status ?? "") ?? 0) > 1);

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
  project_name: v.nullish(line),
  project: v.nullish(project),
  pipeline_id: wholeNumber,
  build_id: wholeNumber,
  build_name: line,
  build_stage: v.nullish(v.string()),
  build_status: identifier,
  build_created_at: v.nullish(moment),
  build_started_at: v.nullish(moment),
  build_finished_at: v.nullish(moment),
  build_allow_failure: v.nullish(v.boolean()),
  retries_count: v.nullish(wholeNumber),
  ref: v.nullish(identifier),
  tag: v.nullish(v.boolean()),
  sha: v.nullish(identifier),
});

/** Changes of a job's status, except in stage `external`, which contains external commit statuses. */
export const build = readerOf(buildBody, (body, { kind, receivedAt }): Reading => {
  const { build_id: id, build_status: status, build_finished_at: finished, build_started_at: startedAt } = body;
  if (body.build_stage === "external") return { outcome: "ignored", kind: `${kind}.external` };
  const state = STATES.get(status);
  if (!state) return { outcome: "ignored", kind: `${kind}.${status}` };
  const path = body.project?.path_with_namespace ?? body.project_name ?? String(body.project_id);
  const finishedAt = isTerminal(state) ? finished : undefined;
  const event: JobEvent = present({
    type: `job.${state}`,
    keyParts: [body.project_id, id, status, body.retries_count ?? "", finished ?? startedAt ?? ""].map(String),
    time: timeOf(state, { created: body.build_created_at, started: startedAt, finished: finishedAt, receivedAt }),
    subject: `${path} job ${id}`,
    actor: actorOf(body.user),
    job: present({
      system: "gitlab",
      id: String(id),
      name: body.build_name,
      state,
      build: String(body.pipeline_id),
      pipeline: path,
      url: body.project?.web_url && `${body.project.web_url}/-/jobs/${id}`,
      commit: body.sha,
      branch: body.tag ? undefined : body.ref,
      startedAt,
      finishedAt,
      softFailed: state === "failed" && body.build_allow_failure ? true : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});

const deploymentBody = v.object({
  user,
  project,
  status: identifier,
  status_changed_at: v.nullish(moment),
  deployment_id: wholeNumber,
  deployable_id: v.nullish(wholeNumber),
  deployable_url: v.nullish(link),
  environment: line,
  environment_tier: v.nullish(line),
  commit_url: v.nullish(v.string()),
  commit_title: v.nullish(line),
});

export const deployment = readerOf(deploymentBody, (body, { kind, receivedAt }): Reading => {
  const { status, deployment_id, environment, deployable_id } = body;
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
