import * as v from "valibot";
import { type CommentEvent, cut, EVENT_LIMITS, type PageEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { isoTime } from "../time.ts";

/** Ids of pages and comments: Data Center and Connect write numbers, Forge and Automation text. */
export const entityId = v.pipe(
  v.union([v.pipe(v.number(), v.safeInteger(), v.minValue(1)), v.pipe(v.string(), v.regex(/^[1-9]\d{0,19}$/))]),
  v.transform(String),
);

/** A text of an event: cut. Null or empty means that there is none. */
export const shortText = v.nullish(
  v.pipe(
    v.string(),
    v.transform((text) => cut(text, EVENT_LIMITS.title)),
  ),
);

export const versionNumber = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));

type Optional<T> = T | null | undefined;

/** The facts about one page event, from any of the four formats. */
interface PageFacts {
  readonly type: PageEvent["type"];
  readonly time: string | number;
  readonly actor?: Optional<string>;
  readonly page: {
    readonly id: string;
    readonly version?: Optional<number>;
    readonly space?: Optional<string>;
    readonly title?: Optional<string>;
    readonly labels?: Optional<readonly string[]>;
  };
  readonly label?: Optional<{ readonly id?: Optional<string | number>; readonly name?: Optional<string> }>;
  readonly comment?: Optional<string>;
}

/**
 * Returns the event for these facts. Its key contains the time beside the version, because the number of a deleted
 * version is used again. Two labels that are added at once have the same time, so the key contains the label too.
 */
export function pageReading(site: string, facts: PageFacts): Reading {
  const { type, actor, label, comment } = facts;
  const time = isoTime(facts.time);
  if (time === undefined) return unusable(TIME_UNREADABLE);
  const page = pagePart(site, facts.page);
  const details = [page.version, label?.name ?? label?.id, comment].filter(
    (part) => part !== undefined && part !== null,
  );
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

const TIME_UNREADABLE = "the time of the event cannot be read";

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
