import { Fault } from "../host/fault.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";

/**
 * Classifies a call to a target that failed without a response: it is retried, and its outcome is unknown unless no
 * connection was made. Rethrows an error that the target did not cause.
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
