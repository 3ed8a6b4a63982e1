import type { Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";

/** The answer of a check: a value, or the reason why there is none. A refusal is expected, so it is returned, not thrown. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly rejection: Rejection;
      /**
       * Whose token it was, where its signature was good and its issuer does not sign for strangers too: such a refusal is
       * recorded. Its roles count for nothing.
       */
      readonly by?: Principal;
    };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const reject = (rejection: Rejection, by?: Principal): Result<never> =>
  by === undefined ? { ok: false, rejection } : { ok: false, rejection, by };
