import * as v from "valibot";
import type { Actor } from "../../model/event.ts";
import { identifier, line, link, present, wholeNumber } from "../payload.ts";

/** Members that several hooks share: https://docs.gitlab.com/user/project/integrations/webhook_events/ */

/** A project's path and address. Some hooks do not have its id here. */
export const projectPlace = v.object({ path_with_namespace: identifier, web_url: v.nullish(link) });

export const project = v.object({ ...projectPlace.entries, id: wholeNumber });

/** E-mail addresses and avatars are not read. */
export const user = v.nullish(v.object({ id: v.nullish(wholeNumber), name: v.nullish(line) }));

export function actorOf(reported: v.InferOutput<typeof user>): Actor | undefined {
  return reported?.id === undefined || reported.id === null
    ? undefined
    : present({ id: String(reported.id), name: reported.name });
}
