import * as v from "valibot";
import type { AttachmentEvent, PageEvent, PagePart } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { Reading } from "../../model/reading.ts";
import { deciding, noList, present } from "../payload.ts";
import {
  attachmentId,
  attachmentReading,
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

const PREFIX = "avi:confluence:";

/** Only live docs have these. A `published:page` is about the page that a live doc was converted to. */
const LIVE_DOC_TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ["initialized:page", "page.created"],
  ["started:page", "page.updated"],
  ["snapshotted:page", "page.updated"],
]);

const TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ...LIVE_DOC_TYPES,
  ["created:page", "page.created"],
  ["updated:page", "page.updated"],
  ["published:page", "page.published"],
  ["moved:page", "page.moved"],
  ["copied:page", "page.copied"],
  ["archived:page", "page.archived"],
  ["unarchived:page", "page.restored"],
  ["trashed:page", "page.trashed"],
  ["restored:page", "page.restored"],
  ["deleted:page", "page.deleted"],
  ["created:blogpost", "blogpost.created"],
  ["updated:blogpost", "blogpost.updated"],
  ["trashed:blogpost", "blogpost.trashed"],
  ["restored:blogpost", "blogpost.restored"],
  ["deleted:blogpost", "blogpost.deleted"],
  ["added:label", "page.labeled"],
  ["removed:label", "page.unlabeled"],
  ["created:comment", "page.commented"],
]);

const ATTACHMENT_TYPES: ReadonlyMap<string, AttachmentEvent["type"]> = new Map([
  ["created:attachment", "attachment.created"],
  ["updated:attachment", "attachment.updated"],
  ["archived:attachment", "attachment.archived"],
  ["unarchived:attachment", "attachment.restored"],
  ["trashed:attachment", "attachment.trashed"],
  ["restored:attachment", "attachment.restored"],
  ["deleted:attachment", "attachment.deleted"],
]);

const label = v.pipe(noList, v.object({ name: shortText, prefix: decidingText }));
const space = optional(v.object({ key: shortText }));
/** In the order of REST v1: the parent is the last one. Atlassian does not document them for events of pages. */
const ancestors = optional(v.array(v.object({ id: entityId })));
const version = optional(v.object({ number: versionNumber, minorEdit: flag }));
const common = { subType: decidingText, status: contentStatus, title: shortText, space };

const forgeBody = v.object({
  eventCreatedDate: v.string(),
  atlassianId: shortText,
  selfGenerated: deciding(v.boolean()),
  suppressNotifications: flag,
  updateTrigger: decidingText,
  label: deciding(label),
  /** The page, or the comment in a comment event. Undefined if a space or a template was labelled. */
  content: v.nullish(
    v.object({
      ...common,
      id: entityId,
      type: v.string(),
      version,
      ancestors,
      labels: optional(v.array(optional(label))),
      container: v.nullish(v.object({ ...common, id: entityId, type: decidingText })),
    }),
  ),
  prevContent: optional(v.object({ space, ancestors })),
  attachment: v.nullish(
    v.object({
      ...common,
      id: attachmentId,
      version,
      container: optional(v.object({ id: entityId, type: decidingText })),
      extensions: optional(v.object({ mediaType: shortText })),
    }),
  ),
});

type ForgeBody = v.InferOutput<typeof forgeBody>;
type Content = NonNullable<ForgeBody["content"]>;
type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns the Forge event in a body; undefined if there is none. The documentation shows repeated calls with the event
 * under `payload`, and first calls without.
 */
export function forgeEventIn(body: JsonObject): { readonly eventType: string; readonly body: JsonObject } | undefined {
  const event = isObject(body["payload"]) ? body["payload"] : body;
  const { eventType } = event;
  return typeof eventType === "string" ? { eventType, body: event } : undefined;
}

/**
 * Reads a Forge event (https://developer.atlassian.com/platform/forge/events-reference/confluence/). A call that
 * Atlassian repeats differs only in `retryContext`, so the delivery's key does not contain it.
 */
export function readForge(eventType: string, body: JsonObject, site: string): Reading {
  const { retryContext, ...event } = body;
  const deliveryKey = ["forge", sha256Hex(Buffer.from(JSON.stringify(event), "utf8"))];
  return { ...readEvent(eventType, body, site), deliveryKey };
}

function readEvent(name: string, body: JsonObject, site: string): Reading {
  const event = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  const [type, attachmentType] = [TYPES.get(event), ATTACHMENT_TYPES.get(event)];
  if (!type && !attachmentType) return ignored(name);
  const parsed = v.safeParse(forgeBody, body);
  if (!parsed.success) return unusable(`the body of ${name} is not as documented`);
  const { eventCreatedDate: time, atlassianId: actor, selfGenerated, label, content } = parsed.output;
  // A write of our own app. Ignoring it is the first guard against a feedback loop.
  if (selfGenerated) return ignored("self-generated");
  const facts = { name, time, actor };
  if (attachmentType) return readAttachment({ ...facts, type: attachmentType }, parsed.output, site);
  if (!type || !content) return ignored(`${name} without page`);
  if (type === "page.commented") {
    const page = commentedPage(content);
    return page ? pageReading(site, { ...facts, type, page, comment: content.id }) : ignored(`${name} without page`);
  }
  const kind = LIVE_DOC_TYPES.has(event) ? "live_doc" : kindOf(content);
  const [, subject] = event.split(":");
  if (!kind || (subject !== "label" && subject !== content.type)) return ignored(`${name} without page`);
  const page = { ...pageOf(content, parsed.output), kind };
  const moved = type === "page.moved" && previousOf(parsed.output);
  return pageReading(site, { ...facts, type, page: { ...page, ...moved }, label: label ?? undefined });
}

function kindOf({ type, subType }: Pick<Content, "subType"> & { readonly type: string | undefined }): PagePart["kind"] {
  if (type === "blogpost") return type;
  if (type !== "page") return undefined;
  return subType === "live" ? "live_doc" : "page";
}

function pageOf(content: Content, { updateTrigger, suppressNotifications }: ForgeBody): PageFacts["page"] {
  const { id, status, title, space, version, labels, ancestors } = content;
  return {
    id,
    version: version?.number,
    space: space?.key,
    title,
    labels: labels?.flatMap((one) => (one?.name && !isPersonal(one) ? one.name : [])),
    trigger: updateTrigger,
    minorEdit: version?.minorEdit,
    notificationsSuppressed: suppressNotifications,
    status,
    parent: ancestors?.at(-1)?.id,
  };
}

function previousOf({ prevContent }: ForgeBody): Pick<PagePart, "previous"> {
  const previous = present({ parent: prevContent?.ancestors?.at(-1)?.id, space: prevContent?.space?.key });
  return Object.keys(previous).length === 0 ? {} : { previous };
}

/** Undefined if the comment is on something else than a page. */
function commentedPage({ container, space }: Content): PageFacts["page"] | undefined {
  if (!container) return undefined;
  const { id, title, status, type = "page", subType } = container;
  const kind = kindOf({ type, subType });
  return kind === "page" || kind === "live_doc" ? { id, title, status, kind, space: space?.key } : undefined;
}

function readAttachment(
  facts: Omit<Parameters<typeof attachmentReading>[1], "attachments">,
  { attachment }: ForgeBody,
  site: string,
): Reading {
  if (!attachment) return unusable(`${facts.name} names no attachment`);
  const { id, title: name, version, space, container, extensions, status } = attachment;
  // A file that somebody adds to a page has the status `draft` until they publish the page.
  if (status === "historical" || status === "draft") return ignored(`${facts.name} of ${status} content`);
  const isOnPage = container?.type === undefined || container.type === "page" || container.type === "blogpost";
  return attachmentReading(site, {
    ...facts,
    attachments: [
      {
        id,
        name,
        version: version?.number,
        space: space?.key,
        page: isOnPage ? container?.id : undefined,
        mediaType: extensions?.mediaType,
      },
    ],
  });
}

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null;
