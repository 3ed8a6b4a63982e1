import * as v from "valibot";
import { type Actor, type ChangeRef, EVENT_LIMITS, type RefPart } from "../../model/event.ts";
import {
  identifier,
  identity,
  line,
  link,
  moment,
  optional,
  orUnreadable,
  present,
  requiredMoment,
  UNREADABLE,
  wholeNumber,
} from "../payload.ts";
import { repositoryOf } from "./repository.ts";

/** The name of a person. Git takes an e-mail address for a name; it is not read. */
const personName = optional(v.pipe(line, v.regex(/^[^@]+$/)));

/** The tags of an agent, or the rules that select one by its tags. */
export const tags = optional(
  v.pipe(
    v.array(v.unknown()),
    v.transform((all) => all.filter((one) => typeof one === "string").slice(0, EVENT_LIMITS.tags)),
    v.array(line),
  ),
);

/**
 * Members of `build` and `pipeline`: https://buildkite.com/docs/apis/webhooks/pipelines/build-events. Not
 * read: `pipeline.env` and `pipeline.provider.webhook_url`, which may be secrets, `meta_data`, and e-mail addresses.
 * `sender` is the person who created the webhook, not the one who caused the event.
 */
export const person = v.nullish(v.fallback(v.object({ id: optional(identifier), name: personName }), {}));

export const pipeline = v.object({
  id: optional(identifier),
  slug: identity,
  url: optional(v.string()),
  repository: optional(identifier),
  default_branch: optional(identity),
});

/** The members are those of go-buildkite's `PullRequest`; the documentation has none. */
const pullRequest = v.fallback(
  v.object({
    id: optional(v.union([identifier, v.pipe(wholeNumber, v.transform(String))])),
    base: optional(identity),
    repository: optional(identifier),
  }),
  {},
);

export const build = v.object({
  id: identifier,
  number: wholeNumber,
  url: optional(v.string()),
  web_url: optional(link),
  state: identifier,
  blocked: v.nullish(v.boolean(), false),
  cancel_reason: optional(line),
  message: optional(v.string()),
  commit: optional(identifier),
  branch: optional(identity),
  tag: orUnreadable(v.union([v.literal(""), identity])),
  source: optional(identifier),
  creator: person,
  author: optional(v.object({ name: personName, username: personName })),
  created_at: requiredMoment,
  scheduled_at: optional(moment),
  started_at: optional(moment),
  failing_at: optional(moment),
  finished_at: optional(moment),
  /** Present for every pull request, also if its members cannot be read: its branch is then not that of the pipeline. */
  pull_request: v.nullish(
    v.pipe(
      v.unknown(),
      v.transform((sent) => (sent === false || JSON.stringify(sent) === "{}" ? undefined : v.parse(pullRequest, sent))),
    ),
  ),
  rebuilt_from: optional(v.object({ id: optional(identifier), number: optional(wholeNumber) })),
  triggered_from: optional(
    v.object({
      build_id: optional(identifier),
      build_number: optional(wholeNumber),
      build_pipeline_slug: optional(identity),
    }),
  ),
});

export type Build = v.InferOutput<typeof build>;

export interface BuildBody {
  readonly build: Build;
  readonly pipeline: v.InferOutput<typeof pipeline>;
}

/**
 * Without an id, the name identifies the person. Buildkite's ids are UUIDs, so a name of that form is not read: it would
 * pass for somebody else's id.
 */
export function actorOf(reported: v.InferOutput<typeof person>): Actor | undefined {
  const { id, name } = reported ?? {};
  if (id) return present({ id, name });
  return name && !UUID.test(name) ? { id: name, name } : undefined;
}

const UUID = /^[\da-f]{8}-[\da-f-]{27}$/i;

/** Returns `organization/pipeline`. */
export function pipelineName(body: BuildBody, slug = body.pipeline.slug): string {
  const organization = organizationOf(body);
  return organization ? `${organization}/${slug}` : slug;
}

/** The body names the organization only in addresses. */
function organizationOf({ build, pipeline }: BuildBody): string | undefined {
  return /\/organizations\/([\w.-]{1,200})\/pipelines\//.exec(build.url ?? pipeline.url ?? "")?.[1];
}

/** A build that was created for a branch has the commit `HEAD` until an agent has resolved it. */
export const commitOf = ({ commit }: Build): string | undefined => (commit && commit !== "HEAD" ? commit : undefined);

/** What the build is for. The branch of a build for a tag or a pull request is not one of the pipeline's repository. */
export function refOf({ build, pipeline }: BuildBody): RefPart {
  const { branch, tag, source, pull_request } = build;
  return present({
    branch: pull_request || tag ? undefined : branch,
    tag: pull_request || tag === UNREADABLE ? undefined : tag || undefined,
    change: pull_request?.id ? changeOf(pull_request.id, build, pipeline) : undefined,
    source,
    defaultBranch: pipeline.default_branch,
  });
}

function changeOf(id: string, { branch, pull_request }: Build, pipeline: BuildBody["pipeline"]): ChangeRef {
  const [source, target] = [repositoryOf(pull_request?.repository), repositoryOf(pipeline.repository)];
  // A setting of the pipeline writes the owner of a fork before the branch: `some-user:main`. Git has no such branch.
  const isNamedAsFork = branch?.includes(":") ? true : undefined;
  return present({
    id,
    sourceProject: source?.address,
    targetProject: target?.address,
    sourceBranch: branch,
    targetBranch: pull_request?.base,
    fork: isNamedAsFork ?? (source && target ? source.identity !== target.identity : undefined),
  });
}
