import type { Rejection } from "./rejection.ts";

/** The answer of a check: a value, or the reason why there is none. A refusal is expected, so it is returned, not thrown. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rejection: Rejection };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const refuse = (rejection: Rejection): Result<never> => ({ ok: false, rejection });
