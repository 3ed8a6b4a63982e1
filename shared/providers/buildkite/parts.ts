import * as v from "valibot";
import type { Actor } from "../../model/event.ts";
import { identifier, line, link, moment, present, requiredMoment, wholeNumber } from "../payload.ts";

/**
 * Members of `build` and `pipeline`: https://buildkite.com/docs/apis/webhooks/pipelines/build-events. Not
 * read: `pipeline.env` and `pipeline.provider.webhook_url`, which may be secrets, `meta_data`, and e-mail addresses.
 * `sender` is the person who created the webhook, not the one who caused the event.
 */
export const person = v.nullish(v.object({ id: identifier, name: v.nullish(line) }));

export const pipeline = v.object({ slug: identifier, url: v.nullish(v.string()) });

export const build = v.object({
  id: identifier,
  number: wholeNumber,
  url: v.nullish(v.string()),
  web_url: v.nullish(link),
  state: identifier,
  blocked: v.nullish(v.boolean(), false),
  message: v.nullish(v.string()),
  commit: v.nullish(identifier),
  branch: v.nullish(identifier),
  creator: person,
  created_at: requiredMoment,
  scheduled_at: v.nullish(moment),
  started_at: v.nullish(moment),
  failing_at: v.nullish(moment),
  finished_at: v.nullish(moment),
});

export type Build = v.InferOutput<typeof build>;

export function actorOf(reported: v.InferOutput<typeof person>): Actor | undefined {
  return reported ? present({ id: reported.id, name: reported.name }) : undefined;
}

/** Returns `organization/pipeline`. The body names the organization only in addresses. */
export function pipelineName(body: {
  readonly build: Build;
  readonly pipeline: v.InferOutput<typeof pipeline>;
}): string {
  const address = body.build.url ?? body.pipeline.url ?? "";
  const [, organization] = /\/organizations\/([\w.-]{1,200})\/pipelines\//.exec(address) ?? [];
  return organization ? `${organization}/${body.pipeline.slug}` : body.pipeline.slug;
}

/** A build that was created for a branch has the commit `HEAD` until an agent has resolved it. */
export const commitOf = ({ commit }: Build): string | undefined => (commit && commit !== "HEAD" ? commit : undefined);
