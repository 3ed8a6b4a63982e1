import * as v from "valibot";
import {
  type AttachmentEvent,
  type BridgeEvent,
  type CommentEvent,
  cut,
  EVENT_LIMITS,
  PAGE_STATUSES,
  type PageEvent,
  type PagePart,
} from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { deciding, present } from "../payload.ts";
import { isoTime } from "../time.ts";

/** Ids of pages and comments: Data Center and Connect write numbers, Forge and Automation text. */
export const entityId = v.pipe(
  v.union([v.pipe(v.number(), v.safeInteger(), v.minValue(1)), v.pipe(v.string(), v.regex(/^[1-9]\d{0,19}$/))]),
  v.transform(String),
);

/** REST writes `att` before the number. */
export const attachmentId = v.union([entityId, v.pipe(v.string(), v.regex(/^att[1-9]\d{0,19}$/))]);

/** A member that is null, or has another form, counts as absent. */
export const optional = <const Schema extends v.GenericSchema>(schema: Schema) =>
  v.fallback(v.optional(schema), undefined);

const text = v.pipe(
  v.string(),
  v.transform((text) => cut(text.toWellFormed(), EVENT_LIMITS.title) || undefined),
);

/** A text of an event: cut. Empty means that there is none. */
export const shortText = optional(text);

/** A text that decides what the event claims: of another kind, it makes the delivery unusable. */
export const decidingText = v.pipe(
  deciding(text),
  v.transform((found) => found ?? undefined),
);

export const flag = optional(v.boolean());
export const versionNumber = optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));

/** A new status is absent. */
export const contentStatus = v.pipe(
  decidingText,
  v.transform((word) => PAGE_STATUSES.find((status) => status === word?.toLowerCase())),
);

type Optional<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/** Who did what and when, from any of the four formats. */
interface Facts {
  /** The sender's name for the event. */
  readonly name: string;
  readonly time: string | number;
  readonly actor: string | undefined;
}

/** The facts about one event of a page or blog post. */
export interface PageFacts extends Facts {
  readonly type: PageEvent["type"];
  readonly page: { readonly id: string } & Partial<Optional<Omit<PagePart, "site" | "id" | "url">>>;
  readonly label?: Label | undefined;
  readonly comment?: string | undefined;
}

interface Label {
  readonly id?: string | number | undefined;
  readonly name?: string | undefined;
  readonly prefix?: string | undefined;
}

/**
 * Returns the event for these facts. Its key contains the time beside the version, because the number of a deleted
 * version is used again. Two labels that are added at once have the same time, so the key contains the label too.
 */
export function pageReading(site: string, facts: PageFacts): Reading {
  const { name, actor, label, comment } = facts;
  const time = isoTime(facts.time);
  if (time === undefined) return unusable(TIME_UNREADABLE);
  if (label && isPersonal(label)) return ignored(`${name} of a personal label`);
  const type = typeOf(facts);
  if (!ABOUT_UNPUBLISHED.includes(type) && isUnpublished(facts.page)) {
    return ignored(`${name} of ${facts.page.status} content`);
  }
  const page = pagePart(site, facts.page);
  const details = [page.version, label?.name ?? label?.id, comment].filter((part) => part !== undefined);
  const event: PageEvent = {
    type,
    keyParts: [site, page.id, time, ...details.map(String)],
    time,
    subject: page.id,
    ...(actor && { actor: { id: actor } }),
    page,
    ...(label?.name && { label: label.name }),
    ...(comment && { comment: { id: comment } }),
  };
  return { outcome: "event", events: [event] };
}

/** Returns the event of a comment whose page the sender does not report. */
export function commentReading(
  site: string,
  { time: reportedTime, actor, comment: id }: Pick<PageFacts, "time" | "actor"> & { readonly comment: string },
): Reading {
  const time = isoTime(reportedTime);
  if (time === undefined) return unusable(TIME_UNREADABLE);
  const keyParts = [site, "comment", time, id];
  const by = actor ? { actor: { id: actor } } : {};
  const event: CommentEvent = { type: "page.commented", keyParts, time, subject: id, ...by, comment: { site, id } };
  return { outcome: "event", events: [event] };
}

export type AttachmentFacts = { readonly id: string } & Optional<Omit<Required<AttachmentPart>, "site" | "id" | "url">>;
type AttachmentPart = AttachmentEvent["attachment"];

/** Returns one event for each attachment: one upload may have several. */
export function attachmentReading(
  site: string,
  facts: Facts & { readonly type: AttachmentEvent["type"]; readonly attachments: readonly AttachmentFacts[] },
): Reading {
  const time = isoTime(facts.time);
  if (time === undefined) return unusable(TIME_UNREADABLE);
  const { type, actor } = facts;
  const eventOf = ({ id, ...others }: AttachmentFacts): BridgeEvent => {
    const url = downloadUrl(site, others);
    const attachment = { site, id, ...present({ ...others, url }) };
    const keyParts = [site, id, time, ...(others.version === undefined ? [] : [String(others.version)])];
    return { type, keyParts, time, subject: id, ...(actor && { actor: { id: actor } }), attachment };
  };
  const [first, ...others] = facts.attachments.map(eventOf);
  return first ? { outcome: "event", events: [first, ...others] } : unusable(`${facts.name} names no attachment`);
}

const TIME_UNREADABLE = "the time of the event cannot be read";

/** A user's own label, such as the mark of a favourite. A name contains a colon only behind its prefix. */
export const isPersonal = ({ name = "", prefix }: Label): boolean => prefix === "my" || /^(my|~[^:]*):/.test(name);

/**
 * The triggers of versions that Confluence makes itself. Data Center reports its bulk operations as `link_refactoring`
 * too.
 */
const AUTOMATIC_TRIGGERS: readonly string[] = ["link_refactoring", "bulk_operation"];
const REWRITTEN: Partial<Record<PageEvent["type"], PageEvent["type"]>> = {
  "page.updated": "page.rewritten",
  "blogpost.updated": "blogpost.rewritten",
};
/** Senders report a label under one name for all kinds of content. */
const OF_BLOGPOST: Partial<Record<PageEvent["type"], PageEvent["type"]>> = {
  "page.labeled": "blogpost.labeled",
  "page.unlabeled": "blogpost.unlabeled",
};

function typeOf({ type, page: { kind, trigger = "" } }: PageFacts): PageEvent["type"] {
  if (AUTOMATIC_TRIGGERS.includes(trigger.toLowerCase())) return REWRITTEN[type] ?? type;
  return (kind === "blogpost" && OF_BLOGPOST[type]) || type;
}

/** Types that report what people do with a page before they publish it too. */
const ABOUT_UNPUBLISHED: readonly PageEvent["type"][] = [
  "page.labeled",
  "page.unlabeled",
  "page.commented",
  "blogpost.labeled",
  "blogpost.unlabeled",
];

/** Nobody has published it yet, or another version has replaced it. A live doc has no drafts. */
const isUnpublished = ({ kind, status }: PageFacts["page"]): boolean =>
  status === "historical" || (status === "draft" && kind !== "live_doc");

function pagePart(site: string, { id, labels, ...others }: PageFacts["page"]): PagePart {
  const { space, kind } = others;
  return {
    site,
    id,
    ...present({ ...others, labels: labels?.slice(0, EVENT_LIMITS.labels) }),
    // The address of a blog post in its space has the date in it.
    url:
      space && kind !== "blogpost"
        ? `${site}/spaces/${encodeURIComponent(space)}/pages/${id}`
        : `${site}/pages/viewpage.action?pageId=${id}`,
  };
}

/** The address that names neither a version nor a token. A cut name has no address. */
function downloadUrl(site: string, { page, name }: Pick<AttachmentFacts, "page" | "name">): string | undefined {
  if (page === undefined || name === undefined || name.length === EVENT_LIMITS.title) return undefined;
  return `${site}/download/attachments/${page}/${encodeURIComponent(name)}`;
}

export const ignored = (kind: string): Reading => ({ outcome: "ignored", kind: cut(kind, EVENT_LIMITS.title) });
export const unusable = (problem: string): Reading => ({ outcome: "unusable", problem });
