import type { BusEvent } from "../../model/bus-event.ts";
import { fill, isTemplate } from "../../routes/fill.ts";

/** Whether a value is JSON whose texts are templates. */
export function isBody(value: unknown): boolean {
  if (typeof value === "string") return isTemplate(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value === null || typeof value === "boolean";
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return isPlain && Object.values(value).every(isBody);
}

/** The template of a body. {@link isBody} has checked it. */
export type BodyTemplate = Readonly<Record<string, unknown>>;

/** Returns a copy of `template` in which each text is filled from the event. The names of members stay as they are. */
export const fillBody = (busEvent: BusEvent, template: BodyTemplate): BodyTemplate =>
  Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillValue(busEvent, value)]));

function fillValue(busEvent: BusEvent, value: unknown): unknown {
  if (typeof value === "string") return fill(busEvent, value);
  if (Array.isArray(value)) return value.map((one) => fillValue(busEvent, one));
  return typeof value === "object" && value !== null ? fillBody(busEvent, { ...value }) : value;
}

/** The body of an event without a template, as Standard Webhooks recommends it. */
export const eventBody = ({ detail }: BusEvent): BodyTemplate => ({
  type: detail.type,
  timestamp: detail.time,
  data: detail,
});
