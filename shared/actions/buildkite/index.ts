import * as v from "valibot";
import type { OutboundRequest, OutboundResponse } from "../../host/call-out.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import { fill } from "../../routes/fill.ts";
import type { Action, ActionDeps } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { type Annotation, annotationOf } from "./annotation.ts";
import { failureIn } from "./answer.ts";
import { type Build, buildOf } from "./build.ts";
import { type OrganizationTarget, organizationTarget, routeOptions } from "./settings.ts";

/** Shows the state of a run in annotations of the Buildkite build that caused it. */
export const buildkite: Action = {
  name: "buildkite",
  target: organizationTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  connect(settings, deps) {
    const target = v.parse(organizationTarget, settings.target);
    const { name } = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ target, name }, context, deps) };
  },
};

interface Report {
  readonly target: OrganizationTarget;
  readonly name: string;
}

async function run({ target, name }: Report, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const { busEvent, origin } = context;
  const { detail } = busEvent;
  if (!("build" in detail)) return { outcome: "give_up", summary: `${detail.type} is not a build event` };
  const build = buildOf(origin, busEvent, target.organization);
  if ("reason" in build) return { outcome: "done", summary: `no annotation: ${build.reason}` };
  const filled = fill(busEvent, name);
  if (filled === "") return { outcome: "give_up", summary: `the event has no value at ${name} to name the run` };
  const annotation = annotationOf(detail.build, filled, target.linkHosts);
  let response: OutboundResponse;
  try {
    response = await deps.callOut(await requestFor(build, annotation, { target, context, deps }));
  } catch (error) {
    return failedCall(error);
  }
  const failure = failureIn(response, deps.clock.now());
  if (failure) return failure;
  const facts = { build: `${target.organization}/${build.pipeline}#${build.number}` };
  return { outcome: "done", summary: `Buildkite shows that "${filled}" is ${detail.build.state}`, facts };
}

interface RequestInput {
  readonly target: OrganizationTarget;
  readonly context: ActionContext;
  readonly deps: ActionDeps;
}

async function requestFor(
  { pipeline, number }: Build,
  annotation: Annotation,
  { target, context, deps }: RequestInput,
): Promise<OutboundRequest> {
  const { url, organization, token, timeoutSeconds } = target;
  const { origin, signal } = context;
  const place = `organizations/${organization}/pipelines/${pipeline}/builds/${number}`;
  return {
    method: "POST",
    url: new URL(`${url}/v2/${place}/annotations`),
    headers: {
      authorization: `Bearer ${(await deps.secrets.read(token)).reveal()}`,
      accept: "application/json",
      "content-type": "application/json",
    },
    body: JSON.stringify(annotation),
    traceparent: origin.detail.traceparent,
    timeoutMs: timeoutSeconds * 1_000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal,
  };
}

/** The response to an annotation has about 1 KB; a proxy's error page has more. */
const MAX_RESPONSE_BYTES = 65_536;
