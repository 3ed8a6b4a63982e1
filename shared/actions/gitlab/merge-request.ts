import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { ChangeAddress } from "../../store/change-comments.ts";
import { changeOfRun } from "../change-of-run.ts";
import { isAt } from "./address.ts";
import type { MergeRequest } from "./comment-client.ts";
import type { InstanceTarget } from "./settings.ts";

interface OfInstance {
  /** As the stores name it. */
  readonly change: ChangeAddress;
  readonly mergeRequest: MergeRequest;
}

/** The merge request of a run at the target's instance, or the reason why there is none to comment on. */
export function mergeRequestOf(
  context: Parameters<typeof changeOfRun>[0],
  { url: instance, projects }: Pick<InstanceTarget, "url" | "projects">,
): OfInstance | { readonly reason: string } {
  const change = changeOfRun(context);
  if (change?.provider !== "gitlab") return { reason: "the run is for no merge request of GitLab that is known" };
  const { project, id, url } = change;
  // A project that is known by its id alone would have another comment than the same project known by its path.
  if (!/^\d{1,12}$/.test(id) || !project.includes("/"))
    return { reason: "the number or the project's path of the merge request is not known" };
  if (!isAt(url, instance)) return { reason: "the merge request is not known to be at the target's instance" };
  if (!isListedInAnyCase(project, projects))
    return { reason: `its project ${project} is not in the target's "projects"` };
  return { change, mergeRequest: { project, number: id } };
}
