import type { BusEvent } from "../model/bus-event.ts";

/**
 * Returns the text of a template. A template that starts with `$.` is a path into the bus event, such as
 * `$.detail-type` or `$.detail.code.commits[0].id`: a string, number or boolean becomes text, anything else (null, an
 * object, a missing member) becomes "". Every other template is returned unchanged.
 */
export function fill(busEvent: BusEvent, template: string): string {
  if (!template.startsWith("$.")) return template;
  let found: unknown = busEvent;
  for (const step of stepsOf(template)) found = memberOf(found, step);
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean" ? String(found) : "";
}

/** Why {@link fill} returns "" for a template, in one clause. */
export function whyEmpty(busEvent: BusEvent, template: string): string {
  if (!template.startsWith("$.")) return "it is an empty text";
  let found: unknown = busEvent;
  const steps: string[] = [];
  for (const step of stepsOf(template)) {
    steps.push(step);
    found = memberOf(found, step);
    if (found === undefined) return `the event has no ${steps.join(".").replaceAll(".[", "[")}`;
  }
  if (found === null) return "the event has null there";
  if (typeof found === "object") return `the event has a ${Array.isArray(found) ? "list" : "block of fields"} there`;
  return "the event has an empty text there";
}

/** Whether a template is a literal or a valid path; `$.detail..page` and `$.commits[last]` are neither. */
export function isTemplate(template: string): boolean {
  return !template.startsWith("$.") || PATH.test(template);
}

const PATH = /^\$(\.[A-Za-z0-9_-]+(\[\d{1,4}\])*)+$/;

/** Returns the member names and `[index]` steps in order; none if `path` is invalid, and then the text is "". */
function stepsOf(path: string): readonly string[] {
  return PATH.test(path) ? (path.match(/[A-Za-z0-9_-]+|\[\d+\]/g) ?? []) : [];
}

/** Reads own members only, never inherited ones. */
function memberOf(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (step.startsWith("[")) return Array.isArray(value) ? value[Number(step.slice(1, -1))] : undefined;
  if (Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, step)?.value;
}
