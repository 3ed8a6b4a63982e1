import * as v from "valibot";
import { type CommentEvent, cut, EVENT_LIMITS, type PageEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { isoTime } from "../time.ts";

/** Ids of pages and comments: Data Center and Connect write numbers, Forge and Automation text. */
export const entityId = v.pipe(
  v.union([v.pipe(v.number(), v.safeInteger(), v.minValue(1)), v.pipe(v.string(), v.regex(/^[1-9]\d{0,19}$/))]),
  v.transform(String),
);

/** Text that goes into an event: cut, and null or empty for none. */
export const shortText = v.nullish(
  v.pipe(
    v.string(),
    v.transform((text) => cut(text, EVENT_LIMITS.title)),
  ),
);

export const versionNumber = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));

type Told<T> = T | null | undefined;

/** What any of the four formats tells of one happening to a page. */
interface PageFacts {
  readonly type: PageEvent["type"];
  readonly time: string | number;
  readonly actor?: Told<string>;
  readonly page: {
    readonly id: string;
    readonly version?: Told<number>;
    readonly space?: Told<string>;
    readonly title?: Told<string>;
    readonly labels?: Told<readonly string[]>;
  };
  readonly label?: Told<{ readonly id?: Told<string | number>; readonly name?: Told<string> }>;
  readonly comment?: Told<string>;
}

/**
 * The event of these facts. Its key holds the time beside the version, because deleting a version of a page gives its
 * number away again; two labels put on at once share the time, so the label is in it too.
 */
export function pageReading(site: string, facts: PageFacts): Reading {
  const { type, actor, label, comment } = facts;
  const time = isoTime(facts.time);
  if (time === undefined) return unusable(TIMELESS);
  const page = pagePart(site, facts.page);
  const told = [page.version, label?.name ?? label?.id, comment].filter((part) => part !== undefined && part !== null);
  const event: PageEvent = {
    type,
    keyParts: [site, page.id, time, ...told.map(String)],
    time,
    subject: page.id,
    ...(actor && { actor: { id: actor } }),
    page,
    ...(label?.name && { label: label.name }),
    ...(comment && { comment: { id: comment } }),
  };
  return { outcome: "event", event };
}

/** The event of a comment on what the sender does not tell. */
export function commentReading(
  site: string,
  { time: told, actor, comment: id }: Pick<PageFacts, "time" | "actor"> & { readonly comment: string },
): Reading {
  const time = isoTime(told);
  if (time === undefined) return unusable(TIMELESS);
  const keyParts = [site, "comment", time, id];
  const by = actor ? { actor: { id: actor } } : {};
  const event: CommentEvent = { type: "page.commented", keyParts, time, subject: id, ...by, comment: { site, id } };
  return { outcome: "event", event };
}

const TIMELESS = "the time of the event cannot be read";

function pagePart(site: string, { id, version, space, title, labels }: PageFacts["page"]): PageEvent["page"] {
  return {
    site,
    id,
    ...(version && { version }),
    ...(space && { space }),
    ...(title && { title }),
    ...(labels && { labels: labels.slice(0, EVENT_LIMITS.labels) }),
    url: space
      ? `${site}/spaces/${encodeURIComponent(space)}/pages/${id}`
      : `${site}/pages/viewpage.action?pageId=${id}`,
  };
}

export const ignored = (kind: string): Reading => ({ outcome: "ignored", kind: cut(kind, EVENT_LIMITS.title) });
export const unusable = (problem: string): Reading => ({ outcome: "unusable", problem });
