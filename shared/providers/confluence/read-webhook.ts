import * as v from "valibot";
import type { AttachmentEvent, PageEvent, PagePart } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { deciding, noList, present } from "../payload.ts";
import {
  type AttachmentFacts,
  attachmentId,
  attachmentReading,
  commentReading,
  contentStatus,
  decidingText,
  entityId,
  flag,
  ignored,
  isPersonal,
  optional,
  type PageFacts,
  pageReading,
  shortText,
  unusable,
  versionNumber,
} from "./page-reading.ts";

/**
 * The names that Data Center and Connect share. `blueprint_page_created` is not among them: it is sent
 * together with `page_created` and reports the same.
 */
const TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ["page_created", "page.created"],
  ["page_updated", "page.updated"],
  ["page_moved", "page.moved"],
  ["page_copied", "page.copied"],
  ["page_archived", "page.archived"],
  ["page_unarchived", "page.restored"],
  ["page_trashed", "page.trashed"],
  ["page_restored", "page.restored"],
  ["page_removed", "page.deleted"],
  ["blog_created", "blogpost.created"],
  ["blog_updated", "blogpost.updated"],
  ["blog_trashed", "blogpost.trashed"],
  ["blog_restored", "blogpost.restored"],
  ["blog_removed", "blogpost.deleted"],
  ["label_added", "page.labeled"],
  ["label_removed", "page.unlabeled"],
  ["comment_created", "page.commented"],
]);

const ATTACHMENT_TYPES: ReadonlyMap<string, AttachmentEvent["type"]> = new Map([
  ["attachment_created", "attachment.created"],
  ["attachment_updated", "attachment.updated"],
  ["attachment_trashed", "attachment.trashed"],
  ["attachment_restored", "attachment.restored"],
  ["attachment_removed", "attachment.deleted"],
]);

/** The subjects of which every event is about one kind of content. A label or a comment can be on any. */
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["page", "page"],
  ["blog", "blogpost"],
]);
type Kind = "page" | "blogpost";

/** One upload has few. More would make one record too large. */
const MAX_ATTACHMENTS = 100;

const label = v.pipe(
  noList,
  v.object({ id: optional(v.union([v.string(), v.number()])), name: shortText, prefix: decidingText }),
);

/** A page, or other content that can have labels, comments and attachments. Data Center reports only the id. */
const content = v.object({
  id: entityId,
  contentType: decidingText,
  version: versionNumber,
  spaceKey: shortText,
  title: shortText,
  status: contentStatus,
  labels: optional(v.array(optional(label))),
});
const parent = optional(v.object({ id: optional(entityId), title: shortText, spaceKey: shortText }));

const attachment = v.object({
  id: attachmentId,
  fileName: shortText,
  title: shortText,
  version: versionNumber,
  spaceKey: shortText,
  mediaType: shortText,
  parent: deciding(content),
});

const webhookBody = v.object({
  timestamp: v.number(),
  userKey: shortText,
  userAccountId: shortText,
  updateTrigger: decidingText,
  suppressNotifications: flag,
  page: v.nullish(content),
  blog: v.nullish(content),
  content: v.nullish(content),
  /** Like `attachedTo` and `attachments`, the name in the bodies of Atlassian's own plugin for Connect. */
  labeled: v.nullish(content),
  label: deciding(label),
  comment: v.nullish(v.object({ id: entityId, parent: v.nullish(content) })),
  oldParent: parent,
  newParent: parent,
  attachment: v.nullish(attachment),
  attachedTo: deciding(content),
  attachments: deciding(v.pipe(v.array(optional(attachment)), v.maxLength(MAX_ATTACHMENTS))),
});

type WebhookBody = v.InferOutput<typeof webhookBody>;
type Content = v.InferOutput<typeof content>;

/**
 * Reads a Data Center or a Connect body (https://developer.atlassian.com/server/confluence/webhooks/,
 * https://developer.atlassian.com/cloud/confluence/modules/webhook/).
 */
export function readWebhook(name: string, input: unknown, site: string): Reading {
  const [type, attachmentType] = [TYPES.get(name), ATTACHMENT_TYPES.get(name)];
  if (!type && !attachmentType) return ignored(name);
  const parsed = v.safeParse(webhookBody, input);
  if (!parsed.success) return unusable(`the body of ${name} is not as documented`);
  const body = parsed.output;
  const { timestamp: time, userKey, userAccountId, label, comment } = body;
  const facts = { name, time, actor: userKey ?? userAccountId };
  if (attachmentType) {
    return attachmentReading(site, { ...facts, type: attachmentType, attachments: attachmentsIn(body) });
  }
  if (!type) return ignored(name);
  if (type === "page.commented" && comment && !comment.parent) {
    return commentReading(site, { ...facts, comment: comment.id });
  }
  const [subject = ""] = name.split("_");
  const required = KINDS.get(subject);
  const named = type === "page.commented" ? comment?.parent : (body.page ?? body.blog ?? body.content ?? body.labeled);
  if (!named) return required ? unusable(`${name} names no ${subject}`) : ignored(`${name} without page`);
  const kind = named.contentType ?? required ?? memberKind(body);
  const isWanted = required ? kind === required : kind !== "blogpost" || type !== "page.commented";
  if (!isKnown(kind) || !isWanted) return ignored(`${name} on ${kind}`);
  const page = { ...pageOf(named, body), kind, ...(type === "page.moved" && placesIn(body)) };
  return pageReading(site, { ...facts, type, page, label: label ?? undefined, comment: comment?.id });
}

/** Data Center reports the kind of labelled content at most by the name of the member. */
function memberKind({ page, blog }: WebhookBody): Kind | undefined {
  if (page) return "page";
  return blog ? "blogpost" : undefined;
}

const isKnown = (kind: string | undefined): kind is Kind | undefined =>
  kind === undefined || kind === "page" || kind === "blogpost";

function pageOf(named: Content, { updateTrigger, suppressNotifications }: WebhookBody): PageFacts["page"] {
  const { id, version, spaceKey: space, title, status, labels } = named;
  return {
    id,
    version,
    space,
    title,
    labels: labels?.flatMap((one) => (one?.name && !isPersonal(one) ? one.name : [])),
    trigger: updateTrigger,
    notificationsSuppressed: suppressNotifications,
    status,
  };
}

/** Both are null at the top of a space. */
function placesIn({ oldParent, newParent }: WebhookBody): Partial<Pick<PagePart, "parent" | "previous">> {
  const previous = present({ parent: oldParent?.id ?? oldParent?.title, space: oldParent?.spaceKey });
  return present({ parent: newParent?.id, previous: Object.keys(previous).length > 0 ? previous : undefined });
}

function attachmentsIn({ attachment, attachments, attachedTo }: WebhookBody): readonly AttachmentFacts[] {
  const all = attachments?.flatMap((one) => one ?? []) ?? (attachment ? [attachment] : []);
  return all.map(({ id, fileName, title, version, spaceKey, mediaType, parent }) => {
    const container = attachedTo ?? parent;
    return {
      id,
      name: fileName ?? title,
      version,
      space: spaceKey ?? container?.spaceKey,
      page: isKnown(container?.contentType) ? container?.id : undefined,
      mediaType,
    };
  });
}
