import * as v from "valibot";
import { isListed, isListedInAnyCase } from "../host/name-pattern.ts";
import { namespaceList } from "../host/namespace-list.ts";
import { pathList } from "../host/path-list.ts";
import type { EventFacts } from "../model/event-facts.ts";

/** Names; a `*` at the end stands for any rest. */
const names = (what: string) =>
  v.pipe(
    v.array(
      v.pipe(
        v.string(),
        v.regex(/^[^*]{1,300}\*?$/, `${what}, or its beginning and a \`*\``),
        v.title(`${what}, or its beginning and a \`*\``),
      ),
    ),
    v.minLength(1),
  );

/** What a role is confined to. Each key that is present must match the event. */
export const scope = v.pipe(
  v.strictObject({
    projects: v.optional(
      v.pipe(
        pathList,
        v.description("Projects or repositories: exact paths, or `platform/*` for all below `platform`."),
      ),
    ),
    spaces: v.optional(v.pipe(names("a space's key"), v.description("Keys of spaces: exact ones, or `DOC*`."))),
    namespaces: v.optional(v.pipe(namespaceList, v.description("Kubernetes namespaces: exact names, or `ci-*`."))),
    environments: v.optional(
      v.pipe(
        names("an environment"),
        v.description("Environments of deployments, of jobs and of their approvals: exact names, or `review/*`."),
      ),
    ),
    pipelines: v.optional(
      v.pipe(names("a pipeline"), v.description("Pipelines, as events name them: exact names, or `ci/docs-*`.")),
    ),
  }),
  v.check((given) => Object.values(given).some((list) => list !== undefined), "needs at least one list"),
);
export type Scope = v.InferOutput<typeof scope>;

/** Whether an event is in the scope. A fact that the event does not have is in no list. */
export function isInScope(
  { projects, spaces, namespaces, environments, pipelines }: Scope,
  facts: EventFacts,
): boolean {
  const { project, space, namespace, environment, pipeline } = facts;
  return (
    (projects === undefined || (project !== undefined && isListedInAnyCase(project, projects))) &&
    (spaces === undefined || (space !== undefined && isListedInAnyCase(space, spaces))) &&
    (namespaces === undefined || (namespace !== undefined && isListed(namespace, namespaces))) &&
    (environments === undefined || (environment !== undefined && isListed(environment, environments))) &&
    (pipelines === undefined || (pipeline !== undefined && isListed(pipeline, pipelines)))
  );
}
