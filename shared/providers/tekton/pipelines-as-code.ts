import { type ChangeRef, cut, EVENT_LIMITS, type RefPart } from "../../model/event.ts";
import { present } from "../payload.ts";
import { type Run, withoutCredentials } from "./run.ts";

/**
 * A value that Pipelines-as-Code writes on a run and its tasks. Annotations have it as it is. In labels, where older
 * versions write it too, characters that Kubernetes does not allow are replaced
 * (https://github.com/tektoncd/pipelines-as-code/blob/main/pkg/kubeinteraction/labels.go).
 */
export function pipelinesAsCode({ metadata: { labels, annotations } }: Run, key: string): string | undefined {
  const name = `pipelinesascode.tekton.dev/${key}`;
  return annotations[name] || labels[name];
}

/** What Pipelines-as-Code says about the run's branch, tag or pull request; undefined if it did not create the run. */
export function pipelinesAsCodeRef(run: Run): RefPart | undefined {
  const [source, change] = [pipelinesAsCode(run, "event-type"), pipelinesAsCode(run, "pull-request")];
  const branch = branchOf(run, "branch");
  if (!source && !change && !branch) return undefined;
  // Without a number, a pull request is known by its event. Its branch is the target, not where the commit comes from.
  const isOfChange = change !== undefined || /pull|merge/i.test(source ?? "");
  const isOfTag = /^tag/i.test(source ?? "") && !branch?.startsWith("refs/");
  return {
    ...(isOfChange ? present({ change: changeOf(run, change) }) : refOf(isOfTag ? `refs/tags/${branch}` : branch)),
    ...(source && { source: cut(source, EVENT_LIMITS.title) }),
  };
}

function changeOf(run: Run, id: string | undefined): ChangeRef | undefined {
  if (id === undefined || !/^\w{1,63}$/.test(id)) return undefined;
  const addresses = [addressOf(run, "source-repo-url"), addressOf(run, "repo-url")] as const;
  // Only for GitLab. Ids of projects are reported beside the addresses.
  const ids = [pipelinesAsCode(run, "source-project-id"), pipelinesAsCode(run, "target-project-id")] as const;
  const [sourceProject, targetProject] = addresses[0] ? addresses : ids;
  return present({
    id,
    sourceProject,
    targetProject,
    sourceBranch: refOf(branchOf(run, "source-branch")).branch,
    targetBranch: refOf(branchOf(run, "branch")).branch,
    fork: forkOf(addresses, ids),
  });
}

/** Undefined if no pair is complete. One pair that differs is enough for a fork. */
function forkOf(...pairs: readonly (readonly [string | undefined, string | undefined])[]): boolean | undefined {
  const complete = pairs.filter(([source, target]) => source && target);
  const differs = complete.some(([source, target]) => source?.toLowerCase() !== target?.toLowerCase());
  return complete.length === 0 ? undefined : differs;
}

/** The address of a repository in one spelling, so that two can be compared. */
function addressOf(run: Run, key: string): string | undefined {
  const address = withoutCredentials(pipelinesAsCode(run, key) ?? "").replace(/(\.git)?\/*$/, "");
  return /^https?:\/\/\S{1,500}$/.test(address) ? address : undefined;
}

/**
 * A branch as Pipelines-as-Code reports it: a name, or a full reference. In a label a dash may replace a slash, so a name
 * with one is not read from there.
 */
function branchOf({ metadata: { labels, annotations } }: Run, key: string): string | undefined {
  const name = `pipelinesascode.tekton.dev/${key}`;
  const label = labels[name]?.replace(/^refs-(heads|tags)-/, "refs/$1/");
  return annotations[name] || (label?.includes("-") ? undefined : label);
}

/** Reads a branch's name, or a full reference to a branch, a tag or a change request. */
export function refOf(text: string | undefined): Pick<RefPart, "branch" | "tag" | "change"> {
  if (text === undefined || !/^\S{1,255}$/.test(text)) return {};
  const [, kind, rest = ""] = /^refs\/(heads|tags|pull|merge-requests)\/(.+)$/.exec(text) ?? [];
  switch (kind) {
    case undefined:
      return text.startsWith("refs/") ? {} : { branch: text };
    case "heads":
      return { branch: rest };
    case "tags":
      return { tag: rest };
    default:
      return { change: { id: rest.replace(/\/.*/, "") } };
  }
}
