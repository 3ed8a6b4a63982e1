import * as v from "valibot";
import type { OutboundAnswer, OutboundRequest } from "../../host/call-out.ts";
import { fill } from "../../routes/fill.ts";
import type { Action, ActionContext, ActionOutcome, ActionTools } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { type Annotation, annotationOf } from "./annotation.ts";
import { setbackIn } from "./answer.ts";
import { type Build, buildOf } from "./build.ts";
import { type OrganizationTarget, organizationTarget, routeOptions } from "./settings.ts";

/** Tells the Buildkite build that caused a run what became of it, in annotations of that build. */
export const buildkite: Action = {
  name: "buildkite",
  target: organizationTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  connect(settings, tools) {
    const target = v.parse(organizationTarget, settings.target);
    const { name } = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ target, name }, context, tools) };
  },
};

interface Report {
  readonly target: OrganizationTarget;
  readonly name: string;
}

async function run({ target, name }: Report, context: ActionContext, tools: ActionTools): Promise<ActionOutcome> {
  const { entry, origin } = context;
  const { detail } = entry;
  if (!("build" in detail)) return { outcome: "give_up", summary: `${detail.type} is no build` };
  const build = buildOf(origin, entry, target.organization);
  if ("none" in build) return { outcome: "done", summary: `no annotation: ${build.none}` };
  const filled = fill(entry, name);
  if (filled === "") return { outcome: "give_up", summary: `the event has nothing at ${name} to name the run by` };
  const annotation = annotationOf(detail.build, filled);
  let answer: OutboundAnswer;
  try {
    answer = await tools.callOut(await requestFor(build, annotation, { target, context, tools }));
  } catch (error) {
    return failedCall(error);
  }
  const setback = setbackIn(answer, tools.clock.now());
  if (setback) return setback;
  const facts = { build: `${target.organization}/${build.pipeline}#${build.number}` };
  return { outcome: "done", summary: `Buildkite shows that "${filled}" is ${detail.build.state}`, facts };
}

interface Circumstances {
  readonly target: OrganizationTarget;
  readonly context: ActionContext;
  readonly tools: ActionTools;
}

async function requestFor(
  { pipeline, number }: Build,
  annotation: Annotation,
  { target, context, tools }: Circumstances,
): Promise<OutboundRequest> {
  const { url, organization, token, timeoutSeconds } = target;
  const { origin, signal } = context;
  const place = `organizations/${organization}/pipelines/${pipeline}/builds/${number}`;
  return {
    method: "POST",
    url: new URL(`${url}/v2/${place}/annotations`),
    headers: {
      authorization: `Bearer ${(await tools.secrets.read(token)).reveal()}`,
      accept: "application/json",
      "content-type": "application/json",
    },
    body: JSON.stringify(annotation),
    traceparent: origin.detail.traceparent,
    timeoutMs: timeoutSeconds * 1_000,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    signal,
  };
}

/** An annotation comes back as HTML, some 1 KB; a proxy's error page has more. */
const MAX_ANSWER_BYTES = 65_536;
