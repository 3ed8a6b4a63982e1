import { Fault } from "../host/fault.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";

/**
 * What a call to a target came to that gave no answer to read: to be repeated, and with an unknown outcome unless no
 * connection came about. Throws what is no fault of the target's.
 */
export function failedCall(error: unknown): Extract<ActionOutcome, { readonly outcome: "retry" }> {
  if (!(error instanceof Fault)) throw error;
  switch (error.code) {
    case "target_unreachable":
      return { outcome: "retry", summary: error.message };
    case "target_timeout":
    case "target_answer_too_large":
      return { outcome: "retry", summary: error.message, unknownOutcome: true };
    default:
      throw error;
  }
}
