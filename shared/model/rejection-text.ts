import type { Rejection } from "./rejection.ts";
import { hintOf } from "./rejection-hints.ts";

/** A rejection in one line: its reason with the facts, and what to do next, without a full stop at the end. */
export function rejectionText(rejection: Rejection): string {
  const { reason, ...facts } = rejection;
  const known = Object.entries(facts).map(([name, fact]) => `${name} ${String(fact)}`);
  return `${reason}${known.length === 0 ? "" : ` (${known.join(", ")})`}. ${hintOf(rejection)}`;
}
