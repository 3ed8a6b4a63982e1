import { type EpochMillis, toIso } from "../host/clock.ts";
import { cut, type OrderPart } from "../model/event.ts";

/** The bridge's own source of orders. */
export const ORDERS_SOURCE = "orders";

/** The event of an order, in the delivery with this id. */
export const orderEvent = (id: string, part: OrderPart, at: EpochMillis) =>
  ({ type: "order.placed", keyParts: [id], time: toIso(at), subject: subjectOf(part), order: part }) as const;

/** The order and its inputs, for people. */
const subjectOf = ({ name, inputs }: OrderPart): string =>
  cut([name, ...Object.entries(inputs).map(([input, value]) => `${input}=${value}`)].join(" "), 200);
