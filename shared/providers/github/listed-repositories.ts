import * as v from "valibot";
import { isListedInAnyCase } from "../../host/name-pattern.ts";
import { pathList } from "../../host/path-list.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Rejection } from "../../model/rejection.ts";
import { textIn } from "../confine.ts";

/** The setting of a source that lists what it accepts. */
export const listedRepositories = v.object({
  repositories: v.optional(
    v.pipe(
      pathList,
      v.description(
        "Repositories whose events are accepted: exact ones such as `acme/docs`, or `acme/*` for all of an owner. Events of others are recorded as ignored. Without it, every repository whose webhook has the secret can send events.",
      ),
    ),
  ),
});

interface ListedRepositories extends v.InferOutput<typeof listedRepositories> {
  /** Name of the source. */
  readonly source: string;
}

/** Why a source excludes a webhook's delivery. */
export const rejectDelivery = (delivery: AuthenticDelivery, listed: ListedRepositories): Rejection | undefined =>
  listed.repositories && rejectRepository(textIn(delivery, ["repository", "full_name"]), listed);

/** Why a source excludes the job that has these claims. */
export const rejectJob = (
  { repository }: Readonly<Record<string, unknown>>,
  listed: ListedRepositories,
): Rejection | undefined => listed.repositories && rejectRepository(repository, listed);

function rejectRepository(project: unknown, { source, repositories }: ListedRepositories): Rejection | undefined {
  if (typeof project !== "string") return { reason: "project_not_listed", project: "unknown", source };
  return isListedInAnyCase(project, repositories) ? undefined : { reason: "project_not_listed", project, source };
}
