import { cut } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import { pipelinesAsCode } from "./pipelines-as-code.ts";
import { paramOf, parentOf, type Reference, type Run, type RunKind } from "./run.ts";

/**
 * Returns the pipeline that a run belongs to, or the task of a run without a pipeline: the same for each run. Tekton sets
 * the label `tekton.dev/pipeline` to the run's own name if the pipeline is inline or comes from a resolver
 * (https://github.com/tektoncd/pipeline/issues/9140): such a label is no identity.
 */
export function pipelineOf(kind: RunKind, run: Run): string {
  const name = `${run.metadata.namespace}/${nameOf(kind, run)}`;
  return name.length <= MAX_LENGTH ? name : `${cut(name, MAX_LENGTH - 65)}.${sha256Hex(name)}`;
}

/** An identity is never cut: two long ones must not become one. */
const MAX_LENGTH = 300;

function nameOf(kind: RunKind, run: Run): string {
  const { metadata, spec } = run;
  const { labels, name: own } = metadata;
  const parent = parentOf(run).name;
  if (parent !== undefined && parent !== own) return nameWithin(parent, kind, run);
  const generated = trimmed(metadata.generateName);
  if (kind === "pipelineRun") {
    const { pipelineRef: ref } = spec;
    const known = different(labels["tekton.dev/pipeline"], own) || ref?.name || clusterName(ref);
    return known || trimmed(pipelinesAsCode(run, "original-prname")) || generated || resolvedName(ref) || stable(own);
  }
  const { taskRef, customRef } = spec;
  const known = different(labels["tekton.dev/task"], own) || taskRef?.name || customRef?.name || resolvedName(taskRef);
  return known || generated || stable(own);
}

/** A run of a task knows only the labels of its PipelineRun. A PipelineRun within another is a pipeline of its own. */
function nameWithin(parent: string, kind: RunKind, run: Run): string {
  const { labels, name } = run.metadata;
  if (kind === "pipelineRun") {
    const task = labels["tekton.dev/pipelineTask"];
    return run.spec.pipelineRef?.name || (task ? `${stable(parent)}-${task}` : stable(name));
  }
  const known = different(labels["tekton.dev/pipeline"], parent);
  return known || trimmed(pipelinesAsCode(run, "original-prname")) || stable(parent);
}

const different = (label: string | undefined, own: string): string | undefined => (label === own ? undefined : label);

/** `generateName` ends in the separator of the generated part. */
const trimmed = (name: string | undefined): string | undefined => name?.replace(/[-.]+$/, "");

/**
 * The name of a run without the part that differs from run to run: the five characters that Kubernetes generates, the
 * event key of the bridge, or a UUID.
 */
const stable = (name: string): string => name.replace(PART_OF_ONE_RUN, "");
const PART_OF_ONE_RUN =
  /(?<=.)-([bcdfghjklmnpqrstvwxz2456789]{5}|e-[a-z2-7]{26}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})$/;

/** The name that Tekton writes into the label as soon as it handles the run. */
const clusterName = (ref: Reference): string | undefined =>
  ref && paramOf(ref.params, ["kind"]) === "pipeline" ? paramOf(ref.params, ["name"]) : undefined;

/** What a resolver is asked for: a file in a repository, or a name in a hub, a bundle or a cluster. */
function resolvedName(ref: Reference): string | undefined {
  if (!ref) return undefined;
  const param = (name: string): string | undefined => paramOf(ref.params, [name]);
  const path = param("pathInRepo");
  if (path === undefined) return param("name") ?? param("url")?.replace(/^\w+:\/\/([^/]*@)?|[?#].*$/g, "");
  const [org, repo] = [param("org"), param("repo")];
  const project = repo ? [org, repo].filter(Boolean).join("/") : PROJECT.exec(param("url") ?? "")?.[1];
  return project ? `${project}/${path}` : path;
}

/** The last two parts of a repository's address. */
const PROJECT = /[:/]([^:/@]+\/[^:/@]+?)(?:\.git)?\/?$/;
