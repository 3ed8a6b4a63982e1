import * as v from "valibot";
import type { PageEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { entityId, ignored, optional, pageReading, shortText, unusable } from "./page-reading.ts";

/** The bridge's own format of the body that a rule sends. The README has the text to paste into the rule. */
const SCHEMA = "confluence-automation/1";

const TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ["page_published", "page.created"],
  ["page_edited", "page.updated"],
  ["page_moved", "page.moved"],
  ["page_archived", "page.archived"],
  ["page_trashed", "page.trashed"],
  ["blog_published", "blogpost.created"],
  ["blog_edited", "blogpost.updated"],
  ["label_added", "page.labeled"],
  ["label_removed", "page.unlabeled"],
  ["comment_added", "page.commented"],
]);

/** A smart value inserts text: digits for a number, and an empty text if it has no value. */
const versionField = optional(
  v.union([
    v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    v.pipe(
      v.string(),
      v.regex(/^\d{0,9}$/),
      v.transform((digits) => Number(digits) || undefined),
    ),
  ]),
);

const automationBody = v.object({
  action: v.string(),
  pageId: entityId,
  at: v.string(),
  spaceKey: shortText,
  title: shortText,
  pageVersion: versionField,
  label: shortText,
  commentId: optional(entityId),
  actor: shortText,
});

/** Reads the body of a "Send web request" action of Confluence Automation. */
export function readAutomation(body: Readonly<Record<string, unknown>>, site: string): Reading {
  if (body["schema"] !== SCHEMA) return unusable(`the body's schema is not ${SCHEMA}`);
  const parsed = v.safeParse(automationBody, body);
  if (!parsed.success) return unusable("the body of the rule's web request is not as documented");
  const {
    action,
    pageId: id,
    at: time,
    spaceKey: space,
    title,
    pageVersion: version,
    actor,
    commentId,
  } = parsed.output;
  const type = TYPES.get(action);
  if (!type) return ignored(action);
  const kind = action.startsWith("blog_") ? ("blogpost" as const) : undefined;
  const facts = { name: action, type, time, actor, page: { id, version, space, title, kind } };
  if (type === "page.commented") return pageReading(site, { ...facts, comment: commentId });
  if (type !== "page.labeled" && type !== "page.unlabeled") return pageReading(site, facts);
  if (!parsed.output.label) return unusable(`${action} names no label`);
  return pageReading(site, { ...facts, label: { name: parsed.output.label } });
}
