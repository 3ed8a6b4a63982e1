import * as v from "valibot";
import { isTerminal } from "../../model/build-order.ts";
import { type BuildEvent, type BuildState, cut, EVENT_LIMITS, type RefPart } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import {
  identifier,
  line,
  link,
  listOf,
  moment,
  optional,
  present,
  readerOf,
  requiredMoment,
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

/** Pull requests that have the commit. Empty for a fork. */
const pullRequests = optional(
  listOf(
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
    keyParts: [base.id, id, attempt ?? "", action, state, conclusion ?? ""].map(String),
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
      title: titleOf(run.head_commit),
      message: messageOf(run),
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
function refOf({ repository: base, workflow_run: run }: WorkflowRun): Pick<RefPart, "branch" | "tag" | "change"> {
  const { event, head_branch, head_repository: head } = run;
  if (isFork(head, base) !== false || event?.startsWith("pull_request")) {
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
  if (!head_branch || !event || event === "merge_group") return {};
  return event === "release" ? { tag: head_branch } : { branch: head_branch };
}

/** The title of the pull request comes first, because a long commit message is cut at its end. */
function messageOf({ display_title, event, head_commit }: WorkflowRun["workflow_run"]): string | undefined {
  const title = event?.startsWith("pull_request") ? display_title : undefined;
  const texts = [title, head_commit?.message].filter((text) => text);
  return texts.length === 0 ? undefined : cut(texts.join("\n"), EVENT_LIMITS.text);
}

const titleOf = (commit: v.InferOutput<typeof headCommit>): string | undefined =>
  commit ? cut(commit.message.split("\n", 1).join(), EVENT_LIMITS.title) : undefined;

const checkSuiteBody = v.object({
  action: identifier,
  check_suite: v.object({
    id: wholeNumber,
    conclusion: optional(identifier),
    head_sha: optional(identifier),
    head_commit: headCommit,
    created_at: requiredMoment,
    updated_at: requiredMoment,
    app: v.object({ id: wholeNumber, slug: optional(identifier), name: optional(line) }),
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
      title: titleOf(suite.head_commit),
      message: suite.head_commit && cut(suite.head_commit.message, EVENT_LIMITS.text),
      source: "check_suite",
      defaultBranch: base.default_branch,
      createdAt: suite.created_at,
      finishedAt: isTerminal(state) ? time : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});
