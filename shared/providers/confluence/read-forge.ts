import * as v from "valibot";
import { EVENT_LIMITS, type PageEvent } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { Reading } from "../../model/reading.ts";
import { entityId, ignored, pageReading, shortText, unusable, versionNumber } from "./page-reading.ts";

const TYPES: ReadonlyMap<string, PageEvent["type"]> = new Map([
  ["avi:confluence:created:page", "page.created"],
  ["avi:confluence:updated:page", "page.updated"],
  ["avi:confluence:moved:page", "page.moved"],
  ["avi:confluence:trashed:page", "page.trashed"],
  ["avi:confluence:restored:page", "page.restored"],
  ["avi:confluence:added:label", "page.labeled"],
  ["avi:confluence:removed:label", "page.unlabeled"],
  ["avi:confluence:created:comment", "page.commented"],
]);

const named = v.object({ name: shortText });

const forgeBody = v.object({
  eventCreatedDate: v.string(),
  atlassianId: shortText,
  selfGenerated: v.nullish(v.boolean()),
  label: v.nullish(named),
  /** The page, or the comment in a comment event. Undefined if a space or a template was labelled. */
  content: v.nullish(
    v.object({
      id: entityId,
      type: v.string(),
      title: shortText,
      space: v.nullish(v.object({ key: shortText })),
      version: v.nullish(v.object({ number: versionNumber })),
      labels: v.nullish(v.array(named)),
      container: v.nullish(v.object({ id: entityId, type: shortText, title: shortText })),
    }),
  ),
});

type ForgeBody = v.InferOutput<typeof forgeBody>;
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

function readEvent(eventType: string, body: JsonObject, site: string): Reading {
  const type = TYPES.get(eventType);
  if (!type) return ignored(eventType);
  const parsed = v.safeParse(forgeBody, body);
  if (!parsed.success) return unusable(`the body of ${eventType} is not as documented`);
  const { eventCreatedDate: time, atlassianId: actor, selfGenerated, label, content } = parsed.output;
  // A write of our own app. Ignoring it is the first guard against a feedback loop.
  if (selfGenerated) return ignored("self-generated");
  if (type === "page.commented") {
    const page = commentedPage(content);
    return page
      ? pageReading(site, { type, time, actor, page, comment: content?.id })
      : ignored(`${eventType} without page`);
  }
  if (content?.type !== "page") return ignored(`${eventType} without page`);
  const { id, title, space, version, labels } = content;
  const names = labels?.slice(0, EVENT_LIMITS.labels).flatMap(({ name }) => name ?? []);
  const page = { id, version: version?.number, space: space?.key, title, labels: names };
  return pageReading(site, { type, time, actor, page, label });
}

function commentedPage(comment: ForgeBody["content"]): { id: string; title?: string; space?: string } | undefined {
  const { container, space } = comment ?? {};
  if (!container || (container.type && container.type !== "page")) return undefined;
  const { id, title } = container;
  return { id, ...(title && { title }), ...(space?.key && { space: space.key }) };
}

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null;
