import { readJsonObject } from "../host/strict-json.ts";
import type { AuthenticDelivery } from "../model/authentic-delivery.ts";
import type { BridgeEvents } from "../model/event.ts";
import type { Reading } from "../model/reading.ts";
import type { Rejection } from "../model/rejection.ts";

type Read = (delivery: AuthenticDelivery) => Reading;

/**
 * A reader whose events are ignored, with the reason, if the source's settings exclude them. A delivery that is no event
 * changes nothing anyway, and stays what it is.
 */
export const confined =
  (read: Read, exclusionOf: (events: BridgeEvents, delivery: AuthenticDelivery) => Rejection | undefined): Read =>
  (delivery) => {
    const reading = read(delivery);
    if (reading.outcome !== "event") return reading;
    const { events, ...facts } = reading;
    const excludedFor = exclusionOf(events, delivery);
    return excludedFor ? { ...facts, outcome: "ignored", excludedFor, subject: events[0].subject } : reading;
  };

/** The text at this path of a JSON body; undefined if there is none. */
export function textIn({ body }: Pick<AuthenticDelivery, "body">, path: readonly string[]): string | undefined {
  const json = readJsonObject(body);
  const found = path.reduce<unknown>(
    (value, member) =>
      typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, member)?.value : undefined,
    json.ok ? json.value : undefined,
  );
  return typeof found === "string" ? found : undefined;
}
