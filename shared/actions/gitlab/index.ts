import * as v from "valibot";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import { BUILD_STATES } from "../../model/event.ts";
import { fill } from "../../routes/fill.ts";
import type { Action, ActionDeps } from "../action.ts";
import { statusClient } from "./client.ts";
import { commitOf } from "./commit.ts";
import { type InstanceTarget, instanceTarget, routeOptions } from "./settings.ts";
import { showStatus } from "./show-status.ts";
import { statusOf } from "./status.ts";

/** Tells the commit at GitLab that caused a run what became of it, as a commit status. */
export const gitlab: Action = {
  name: "gitlab",
  target: instanceTarget,
  options: routeOptions,
  maxAttemptMs: 60_000,
  // Pipelines that a status was the first of are known by their source, and left out; those that it joined are not.
  comesBackAs: BUILD_STATES.map((state) => `build.${state}` as const),
  connect(settings, deps) {
    const target = v.parse(instanceTarget, settings.target);
    const { name } = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ target, name }, context, deps) };
  },
};

interface Report {
  readonly target: InstanceTarget;
  readonly name: string;
}

async function run({ target, name }: Report, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const { busEvent, origin, signal } = context;
  const { detail } = busEvent;
  if (!("build" in detail)) return { outcome: "give_up", summary: `${detail.type} is no build` };
  const commit = commitOf(origin, target.url);
  if ("none" in commit) return { outcome: "done", summary: `no status: ${commit.none}` };
  const filled = fill(busEvent, name);
  if (filled === "") return { outcome: "give_up", summary: `the event has nothing at ${name} to name the status by` };
  const { secrets, clock, callOut } = deps;
  const client = statusClient({
    instance: target.url,
    token: await secrets.read(target.token),
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1_000,
    ...{ signal, clock, callOut },
  });
  return showStatus(statusOf(detail.build, filled), commit, client);
}
