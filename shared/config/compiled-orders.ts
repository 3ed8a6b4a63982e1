import * as v from "valibot";
import { type Orders, order } from "../identity/order.ts";

/**
 * The orders in the value of a compiled configuration, which was validated before it was compiled. A module of its own,
 * because a function in AWS that starts for a delivery needs none.
 */
export const ordersIn = (value: unknown): Orders => v.parse(withOrders, value).orders;

const withOrders = v.object({ orders: v.optional(v.record(v.string(), order), {}) });
