import * as v from "valibot";
import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import { buildOrder, isTerminal } from "../../model/build-order.ts";
import { BUILD_STATES, type BuildEvent } from "../../model/event.ts";
import { fill } from "../../routes/fill.ts";
import type { Action, ActionDeps } from "../action.ts";
import { runKeyOf } from "../change-of-run.ts";
import type { Connection } from "./client.ts";
import { commentClient } from "./comment-client.ts";
import { type Cause, commitOf } from "./commit.ts";
import { lookUp } from "./look-up.ts";
import { mergeRequestOf } from "./merge-request.ts";
import { apiOf, type InstanceTarget, instanceTarget, type RouteOptions, routeOptions } from "./settings.ts";
import { type CommitStatus, statusOf } from "./status.ts";
import { type CommentUpdate, listPages, writeSection } from "./write-comment.ts";

const MAX_ATTEMPT_MS = 60_000;

/**
 * Shows the state of a run as a commit status of the GitLab commit that caused it, or lists the pages that show the run in
 * a comment on its merge request.
 */
export const gitlab: Action = {
  name: "gitlab",
  target: instanceTarget,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  // A pipeline that a status created is recognized by its source and ignored. A pipeline that a status joined is not.
  leadsTo: { types: BUILD_STATES.map((state) => `build.${state}` as const), reportedBy: "same_system" },
  // A report of the bridge's own comment is ignored.
  leadsToNothing: (options) => v.parse(routeOptions, options).comment !== undefined,
  lookUp,
  // Loaded with the first decision of a person who is known by groups.
  groupsOf: async (...asked) => (await import("./groups.ts")).groupsOf(...asked),
  knownGroups: async (...asked) => (await import("./groups.ts")).knownGroups(...asked),
  connect(settings, deps) {
    const target = v.parse(instanceTarget, settings.target);
    const options = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ target, options }, context, deps) };
  },
};

interface Report {
  readonly target: InstanceTarget;
  readonly options: RouteOptions;
}

async function run({ target, options }: Report, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const { busEvent, origin } = context;
  const { detail } = busEvent;
  if (!("build" in detail)) return { outcome: "give_up", summary: `${detail.type} is not a build event` };
  if (options.comment !== undefined) return comment(detail, target, context, deps);
  const cause = commitOf(origin, target);
  if ("reason" in cause) return { outcome: "done", summary: `no status: ${cause.reason}` };
  const name = fill(busEvent, options.name);
  if (name === "")
    return { outcome: "give_up", summary: `the event has no value at ${options.name} to name the status` };
  const { build } = detail;
  const [{ showStatus }, { statusClient }, statuses] = await Promise.all([
    import("./show-status.ts"),
    import("./client.ts"),
    deps.commitStatuses(),
  ]);
  const status = statusOf(build, { name, linkHosts: target.linkHosts });
  return showStatus({
    status,
    order: buildOrder(build),
    run: `${build.system} ${build.id}`,
    isEnd: isTerminal(build.state),
    isReplay: detail.replay !== undefined,
    cause,
    causedAt: origin.time,
    mayWriteTo: (project) => target.projects === undefined || isListedInAnyCase(project ?? "", target.projects),
    showElsewhere: commentOnResults(status, cause, context, { target, deps }),
    system: target.url,
    client: statusClient(await connectionTo(target, context, deps)),
    statuses,
    clock: deps.clock,
    maxAttemptMs: MAX_ATTEMPT_MS,
  });
}

/** The result of a run in the comment on its merge request; undefined if its cause is none. */
function commentOnResults(
  status: CommitStatus,
  { of, sha }: Cause,
  context: ActionContext,
  { target, deps }: { readonly target: InstanceTarget; readonly deps: ActionDeps },
): (() => Promise<ActionOutcome>) | undefined {
  const found = of.kind === "change" ? mergeRequestOf(context, target) : undefined;
  if (!found || "reason" in found) return undefined;
  return async () => {
    const { resultsSection } = await import("./results-section.ts");
    const contentOf = (body: string) => resultsSection(body, sha, status);
    return writeSection(
      async () => ({ section: "results", contentOf, what: `"${status.name}" as ${status.state}`, commit: sha }),
      commentUpdate(found, context, { target, deps }),
    );
  };
}

type OfInstance = Exclude<ReturnType<typeof mergeRequestOf>, { readonly reason: string }>;

const commentUpdate = (
  { change, mergeRequest }: OfInstance,
  context: ActionContext,
  { target, deps }: { readonly target: InstanceTarget; readonly deps: ActionDeps },
): CommentUpdate => ({
  change,
  name: `${mergeRequest.project}!${mergeRequest.number}`,
  isReplay: context.busEvent.detail.replay !== undefined,
  client: async () => commentClient(await connectionTo(target, context, deps), mergeRequest),
  changeComments: deps.changeComments,
  clock: deps.clock,
  maxAttemptMs: MAX_ATTEMPT_MS,
});

async function comment(
  detail: Pick<BuildEvent, "build" | "time">,
  target: InstanceTarget,
  context: ActionContext,
  deps: ActionDeps,
): Promise<ActionOutcome> {
  if (!isTerminal(detail.build.state)) return { outcome: "done", summary: "only the end of a run changes the comment" };
  const found = mergeRequestOf(context, target);
  if ("reason" in found) return { outcome: "done", summary: `no comment: ${found.reason}` };
  return listPages({
    ...commentUpdate(found, context, { target, deps }),
    run: runKeyOf(detail),
    linkHosts: target.linkHosts,
  });
}

async function connectionTo(
  target: InstanceTarget,
  { origin, signal }: ActionContext,
  { secrets, clock, callOut }: ActionDeps,
): Promise<Connection> {
  const { traceparent } = origin.detail;
  return {
    api: apiOf(target),
    token: await secrets.read(target.token),
    traceparent,
    timeoutMs: target.timeoutSeconds * 1_000,
    signal,
    clock,
    callOut,
  };
}
