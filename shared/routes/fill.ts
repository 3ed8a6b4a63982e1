import type { BusEvent } from "../model/bus-event.ts";

/**
 * The text a template stands for. A template that starts with `$.` is a path into the published entry, such as
 * `$.detail-type` or `$.detail.code.commits[0].id`: strings, numbers and booleans become text, anything else (null, an
 * object, nothing there) is empty. Every other template is itself.
 */
export function fill(busEvent: BusEvent, template: string): string {
  if (!template.startsWith("$.")) return template;
  let found: unknown = busEvent;
  for (const step of stepsOf(template)) found = memberOf(found, step);
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean" ? String(found) : "";
}

/** Whether a template is a literal or a path that can be followed; `$.detail..page` and `$.commits[last]` are neither. */
export function isTemplate(template: string): boolean {
  return !template.startsWith("$.") || PATH.test(template);
}

const PATH = /^\$(\.[A-Za-z0-9_-]+(\[\d{1,4}\])*)+$/;

/** Member names and `[index]` steps, in order. What is not a path has no steps, and a whole entry is no text. */
function stepsOf(path: string): readonly string[] {
  return PATH.test(path) ? (path.match(/[A-Za-z0-9_-]+|\[\d+\]/g) ?? []) : [];
}

/** Own members only: an event cannot lead to what objects inherit. */
function memberOf(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (step.startsWith("[")) return Array.isArray(value) ? value[Number(step.slice(1, -1))] : undefined;
  if (Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, step)?.value;
}
