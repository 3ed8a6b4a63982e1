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

/** Shows the state of a run as a commit status of the GitLab commit that caused it. */
export const gitlab: Action = {
  name: "gitlab",
  target: instanceTarget,
  options: routeOptions,
  maxAttemptMs: 60_000,
  // A pipeline that a status created is recognized by its source and ignored. A pipeline that a status joined is not.
  leadsTo: { types: BUILD_STATES.map((state) => `build.${state}` as const), reportedBy: "same_system" },
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
  if (!("build" in detail)) return { outcome: "give_up", summary: `${detail.type} is not a build event` };
  const commit = commitOf(origin, target.url);
  if ("reason" in commit) return { outcome: "done", summary: `no status: ${commit.reason}` };
  const filled = fill(busEvent, name);
  if (filled === "") return { outcome: "give_up", summary: `the event has no value at ${name} to name the status` };
  const { secrets, clock, callOut } = deps;
  const client = statusClient({
    instance: target.url,
    token: await secrets.read(target.token),
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1_000,
    signal,
    clock,
    callOut,
  });
  return showStatus(statusOf(detail.build, filled), commit, client);
}
