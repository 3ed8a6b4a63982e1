import * as v from "valibot";
import type { Actor } from "../../model/event.ts";
import { identifier, line, link, moment, present, requiredMoment, wholeNumber } from "../payload.ts";

/**
 * Members of `build` and `pipeline`: https://buildkite.com/docs/apis/webhooks/pipelines/build-events. Left where they
 * are: `pipeline.env` and `pipeline.provider.webhook_url`, which may be secrets, `meta_data`, and e-mail addresses.
 * `sender` made the webhook and did nothing else.
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

export function actorOf(told: v.InferOutput<typeof person>): Actor | undefined {
  return told ? present({ id: told.id, name: told.name }) : undefined;
}

/** `organization/pipeline`. The organization is named nowhere but in addresses. */
export function pipelineName(told: {
  readonly build: Build;
  readonly pipeline: v.InferOutput<typeof pipeline>;
}): string {
  const address = told.build.url ?? told.pipeline.url ?? "";
  const [, organization] = /\/organizations\/([\w.-]{1,200})\/pipelines\//.exec(address) ?? [];
  return organization ? `${organization}/${told.pipeline.slug}` : told.pipeline.slug;
}

/** A build that was asked for by a branch's name has the commit `HEAD` until an agent has resolved it. */
export const commitOf = ({ commit }: Build): string | undefined => (commit && commit !== "HEAD" ? commit : undefined);
