import * as v from "valibot";
import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { BridgeEvent, BridgeEvents } from "../../model/event.ts";
import type { Rejection } from "../../model/rejection.ts";

/** The settings of a source that list what it accepts. */
export const listedPipelines = v.object({
  organization: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\w.-]{1,200}$/, "an organization's slug"),
      v.description(
        "Slug of the organization whose events are accepted. Events of others are recorded as ignored. Without it, every organization whose webhook has the token can send events.",
      ),
    ),
  ),
  pipelines: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.regex(/^[\w.-]{1,200}\*?$/, "a pipeline's slug, or the beginning of one and a `*`"),
          v.title("slug, or its beginning and a `*`"),
        ),
      ),
      v.minLength(1),
      v.description(
        "Slugs of the pipelines of `organization` whose events are accepted: exact ones, or `docs-*` for all that begin so. Events of others are recorded as ignored. Without it, all pipelines are.",
      ),
    ),
  ),
});

interface ListedPipelines extends v.InferOutput<typeof listedPipelines> {
  /** Name of the source. */
  readonly source: string;
}

/** Why a source excludes these events. An agent belongs to an organization and to no pipeline. */
export function rejectEvents([event]: BridgeEvents, listed: ListedPipelines): Rejection | undefined {
  if ("agent" in event) {
    const [, organization] = AGENT.exec(event.agent.url ?? "") ?? [];
    return rejectPipeline({ organization }, listed);
  }
  const [, organization, pipeline] = PIPELINE.exec(pipelineIn(event) ?? "") ?? [];
  return rejectPipeline({ organization, pipeline: pipeline ?? "" }, listed);
}

/** Why a source excludes the job that has these claims. */
export const rejectJob = (
  { organization_slug, pipeline_slug }: Readonly<Record<string, unknown>>,
  listed: ListedPipelines,
): Rejection | undefined =>
  rejectPipeline({ organization: textOf(organization_slug), pipeline: textOf(pipeline_slug) ?? "" }, listed);

interface Place {
  /** Undefined if the sender does not report it. */
  readonly organization: string | undefined;
  /** Undefined if the event is of no pipeline; empty if the sender does not report it. */
  readonly pipeline?: string;
}

function rejectPipeline({ organization, pipeline }: Place, listed: ListedPipelines): Rejection | undefined {
  const { source, organization: own, pipelines } = listed;
  if (own === undefined) return undefined;
  const isOwn = organization !== undefined && isListedInAnyCase(organization, [own]);
  if (isOwn && (pipeline === undefined || isListedInAnyCase(pipeline, pipelines))) return undefined;
  const name = [organization ?? "unknown", pipeline].filter((part) => part !== undefined).join("/");
  return { reason: "pipeline_not_listed", pipeline: name, source };
}

/** `organization/pipeline`, as `pipelineName` writes it. */
const PIPELINE = /^([\w.-]+)\/([\w.-]+)$/;
const AGENT = /^https:\/\/[\w.-]+\/organizations\/([\w.-]+)\/agents\//;

function pipelineIn(event: BridgeEvent): string | undefined {
  if ("build" in event) return event.build.pipeline;
  if ("job" in event) return event.job.pipeline;
  return "approval" in event ? event.approval.pipeline : undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
