import * as v from "valibot";
import { isTerminal } from "../../model/build-order.ts";
import type { BuildEvent, BuildState, DeploymentEvent, RefPart } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  identifier,
  line,
  link,
  moment,
  optional,
  present,
  readerOf,
  requiredMoment,
  textsOf,
  wholeNumber,
} from "../payload.ts";
import { actorOf, changePlaceOf, headRepository, isFork, namedPipeline, repository, user } from "./parts.ts";

/** Conclusions of workflow runs and check suites. `action_required`: a person has to let the run go on. */
const CONCLUSIONS: ReadonlyMap<string, BuildState> = new Map([
  ["success", "succeeded"],
  ["failure", "failed"],
  ["startup_failure", "failed"],
  ["cancelled", "cancelled"],
  ["timed_out", "timed_out"],
  ["stale", "timed_out"],
  ["skipped", "skipped"],
  ["neutral", "skipped"],
  ["action_required", "waiting"],
]);

/** Pull requests that have the commit. Empty for a fork. One wrong item makes the list absent: the others are not all. */
const pullRequests = optional(
  v.array(
    v.object({
      number: wholeNumber,
      base: v.object({ ref: identifier, repo: v.object({ id: wholeNumber }) }),
    }),
  ),
);

const headCommit = optional(v.object({ message: v.string() }));

const workflowRunBody = v.object({
  action: identifier,
  workflow_run: v.object({
    id: wholeNumber,
    name: optional(line),
    path: optional(identifier),
    workflow_id: wholeNumber,
    run_number: optional(wholeNumber),
    run_attempt: optional(wholeNumber),
    event: optional(identifier),
    status: optional(identifier),
    conclusion: optional(identifier),
    head_branch: optional(identifier),
    head_sha: optional(identifier),
    head_commit: headCommit,
    head_repository: headRepository,
    pull_requests: pullRequests,
    display_title: optional(v.string()),
    html_url: optional(link),
    created_at: requiredMoment,
    run_started_at: optional(moment),
    updated_at: requiredMoment,
    actor: user,
    triggering_actor: user,
  }),
  repository,
  sender: user,
});

type WorkflowRun = v.InferOutput<typeof workflowRunBody>;

/** Changes of a run's state. A run that is run again keeps its id, and has another attempt. */
export const workflowRun = readerOf(workflowRunBody, (body, { kind }): Reading => {
  const { action, repository: base, workflow_run: run } = body;
  const { id, run_attempt: attempt, updated_at: time, conclusion } = run;
  const state = stateOf(body);
  if (!state) return { outcome: "ignored", kind: `${kind}.${reasonIn(action, conclusion)}` };
  const person = run.triggering_actor ?? run.actor;
  const event: BuildEvent = present({
    type: `build.${state}`,
    keyParts: [base.id, id, attempt ?? time, action, state, conclusion ?? ""].map(String),
    time,
    subject: `${base.full_name} run ${id}`,
    actor: actorOf(person),
    build: present({
      system: "github",
      id: String(id),
      number: run.run_number,
      pipeline: namedPipeline(base.full_name, run.name || run.path || run.workflow_id),
      pipelineId: namedPipeline(base.id, run.workflow_id),
      state,
      round: `${String(attempt ?? 0).padStart(6, "0")}.${time}`,
      url: run.html_url,
      commit: run.head_sha,
      ...textsOf(run.head_commit?.message, run.event?.startsWith("pull_request") ? run.display_title : undefined),
      ...refOf(body),
      source: run.event,
      defaultBranch: base.default_branch,
      createdAt: run.created_at,
      startedAt: run.run_started_at,
      finishedAt: isTerminal(state) ? time : undefined,
      startedBy: person?.login,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** `requested` also for a run that first waits for a person. */
function stateOf({ action, workflow_run: { status, conclusion } }: WorkflowRun): BuildState | undefined {
  if (action === "completed") return CONCLUSIONS.get(conclusion ?? "");
  if (action === "in_progress") return "running";
  if (action !== "requested") return undefined;
  return status === "waiting" ? "waiting" : "queued";
}

/** The name of what is ignored: an action, or a new conclusion. */
const reasonIn = (action: string, conclusion: string | null | undefined): string =>
  action === "completed" ? (conclusion ?? action) : action;

/**
 * `head_branch` may be the branch of a fork, which may have the name of a branch of this repository. GitHub does not list
 * the pull request of a run for a fork.
 */
function refOf({
  repository: base,
  workflow_run: run,
}: WorkflowRun): Pick<RefPart, "branch" | "tag" | "refName" | "change"> {
  const { event, head_branch, head_repository: head } = run;
  if (isFork(head, base) || event?.startsWith("pull_request")) {
    const [only, ...others] = (run.pull_requests ?? []).filter((one) => one.base.repo.id === base.id);
    // One commit may be in several pull requests, and the run does not say which one it tests.
    const request = others.length === 0 ? only : undefined;
    return {
      change: present({
        id: request ? String(request.number) : undefined,
        ...changePlaceOf({ head, base, sourceBranch: head_branch, targetBranch: request?.base.ref }),
      }),
    };
  }
  if (!head || !head_branch || !event || event === "merge_group") return {};
  if (event === "release") return { tag: head_branch };
  return ON_DEFAULT_BRANCH.has(event) ? { branch: head_branch } : { refName: head_branch };
}

/**
 * Events that start runs only on the default branch. A run that another event started, such as `push`, may be for a tag:
 * `head_branch` then has the tag's name, and no member says so.
 */
const ON_DEFAULT_BRANCH: ReadonlySet<string> = new Set([
  "schedule",
  "repository_dispatch",
  "workflow_run",
  "issues",
  "issue_comment",
]);

const checkSuiteBody = v.object({
  action: identifier,
  check_suite: v.object({
    id: wholeNumber,
    conclusion: optional(identifier),
    head_sha: optional(identifier),
    head_commit: headCommit,
    created_at: requiredMoment,
    updated_at: requiredMoment,
    app: v.object({ id: wholeNumber, slug: deciding(identifier), name: optional(line) }),
  }),
  repository,
  sender: user,
});

/** The end of the checks of one app, except GitHub Actions, whose runs are reported by themselves. */
export const checkSuite = readerOf(checkSuiteBody, (body, { kind }): Reading => {
  const { action, repository: base, check_suite: suite } = body;
  const { id, app, conclusion, updated_at: time } = suite;
  if (app.slug === "github-actions") return { outcome: "ignored", kind: `${kind}.${app.slug}` };
  // The other actions ask an app to run its checks. Only the app receives them.
  const state = action === "completed" ? CONCLUSIONS.get(conclusion ?? "") : undefined;
  if (!state) return { outcome: "ignored", kind: `${kind}.${reasonIn(action, conclusion)}` };
  const event: BuildEvent = present({
    type: `build.${state}`,
    keyParts: [base.id, "suite", id, state, conclusion ?? "", time].map(String),
    time,
    subject: `${base.full_name} check suite ${id}`,
    actor: actorOf(body.sender),
    build: present({
      system: "github",
      id: `suite-${id}`,
      pipeline: namedPipeline(base.full_name, app.slug || app.name || app.id),
      pipelineId: namedPipeline(base.id, `app ${app.id}`),
      state,
      round: time,
      commit: suite.head_sha,
      ...textsOf(suite.head_commit?.message),
      source: "check_suite",
      defaultBranch: base.default_branch,
      createdAt: suite.created_at,
      finishedAt: isTerminal(state) ? time : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});

const deploymentMembers = {
  action: identifier,
  deployment: v.object({
    id: wholeNumber,
    sha: optional(identifier),
    environment: line,
    production_environment: optional(v.boolean()),
    description: optional(line),
    created_at: requiredMoment,
  }),
  /** The job of GitHub Actions that deploys. */
  check_run: optional(v.object({ id: wholeNumber })),
  repository,
  sender: user,
};

const deploymentBody = v.object(deploymentMembers);

type Deployment = v.InferOutput<typeof deploymentBody>;

/** A deployment that was created. Its states are events of their own. */
export const deployment = readerOf(deploymentBody, (body, { kind }): Reading => {
  const { action, deployment } = body;
  if (action !== "created") return { outcome: "ignored", kind: `${kind}.${action}` };
  return deploymentEvent(body, { state: "queued", time: deployment.created_at, status: "" });
});

/** States of deployments. */
const STATES: ReadonlyMap<string, BuildState> = new Map([
  ["queued", "queued"],
  ["pending", "queued"],
  ["in_progress", "running"],
  ["waiting", "waiting"],
  ["success", "succeeded"],
  ["failure", "failed"],
  ["error", "failed"],
]);

const statusBody = v.object({
  ...deploymentMembers,
  deployment_status: v.object({
    id: wholeNumber,
    state: identifier,
    log_url: optional(link),
    target_url: optional(link),
    environment_url: optional(link),
    created_at: requiredMoment,
  }),
});

/** `inactive` is ignored: a later deployment replaced this one. */
export const deploymentStatus = readerOf(statusBody, (body, { kind }): Reading => {
  const { id, state: reported, log_url, target_url, environment_url, created_at: time } = body.deployment_status;
  const state = STATES.get(reported);
  if (!state) return { outcome: "ignored", kind: `${kind}.${reported}` };
  const url = [log_url, target_url, environment_url].find((one) => one);
  return deploymentEvent(body, { state, time, status: String(id), url });
});

interface Step {
  readonly state: BuildState;
  readonly time: string;
  /** The id of the status; empty for the creation. */
  readonly status: string;
  readonly url?: string | null | undefined;
}

function deploymentEvent(body: Deployment, { state, time, status, url }: Step): Reading {
  const { id, sha, environment, production_environment, description } = body.deployment;
  const { id: repositoryId, full_name: project } = body.repository;
  const event: DeploymentEvent = present({
    type: `deployment.${state}`,
    keyParts: [String(repositoryId), String(id), status, state],
    time,
    subject: `${project} to ${environment}`,
    actor: actorOf(body.sender),
    deployment: present({
      project,
      id: String(id),
      environment,
      tier: production_environment ? "production" : undefined,
      state,
      commit: sha,
      title: description || undefined,
      url,
      job: body.check_run ? String(body.check_run.id) : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
}
