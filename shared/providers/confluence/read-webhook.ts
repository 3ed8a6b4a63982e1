import * as v from "valibot";
import type { PageEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { commentReading, entityId, ignored, pageReading, shortText, unusable, versionNumber } from "./page-reading.ts";

/**
 * The names that Data Center and Connect share. `blueprint_page_created` is not among them: it is sent
 * together with `page_created` and reports the same.
 */
const TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ["page_created", "page.created"],
  ["page_updated", "page.updated"],
  ["page_moved", "page.moved"],
  ["page_trashed", "page.trashed"],
  ["page_restored", "page.restored"],
  ["label_added", "page.labeled"],
  ["label_removed", "page.unlabeled"],
  ["comment_created", "page.commented"],
]);

/** A page, or other content that can have labels and comments. Data Center reports only the id. */
const content = v.object({
  id: entityId,
  contentType: shortText,
  version: versionNumber,
  spaceKey: shortText,
  title: shortText,
});

const webhookBody = v.object({
  timestamp: v.number(),
  userKey: shortText,
  userAccountId: shortText,
  page: v.nullish(content),
  content: v.nullish(content),
  label: v.nullish(v.object({ id: v.nullish(v.union([v.string(), v.number()])), name: shortText })),
  comment: v.nullish(v.object({ id: entityId, parent: v.nullish(content) })),
});

/**
 * Reads a Data Center or a Connect body (https://developer.atlassian.com/server/confluence/webhooks/,
 * https://developer.atlassian.com/cloud/confluence/modules/webhook/).
 */
export function readWebhook(name: string, body: unknown, site: string): Reading {
  const type = TYPES.get(name);
  if (!type) return ignored(name);
  const parsed = v.safeParse(webhookBody, body);
  if (!parsed.success) return unusable(`the body of ${name} is not as documented`);
  const { timestamp: time, userKey, userAccountId, label, comment } = parsed.output;
  const actor = userKey ?? userAccountId;
  if (type === "page.commented" && comment && !comment.parent) {
    return commentReading(site, { time, actor, comment: comment.id });
  }
  const page = type === "page.commented" ? comment?.parent : (parsed.output.page ?? parsed.output.content);
  if (!page) return name.startsWith("page_") ? unusable(`${name} names no page`) : ignored(`${name} without page`);
  if (page.contentType && page.contentType !== "page") return ignored(`${name} on ${page.contentType}`);
  const { id, version, spaceKey: space, title } = page;
  return pageReading(site, { type, time, actor, page: { id, version, space, title }, label, comment: comment?.id });
}
