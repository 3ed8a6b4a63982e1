import type { Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";

/** The result of a check: a value or a rejection. A rejection is expected, so it is returned, not thrown. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly rejection: Rejection;
      /**
       * The principal of the token, if its signature is valid and its issuer signs only for this customer. Such a
       * rejection is recorded. The roles of this principal are not used.
       */
      readonly by?: Principal;
    };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const reject = (rejection: Rejection, by?: Principal): Result<never> =>
  by === undefined ? { ok: false, rejection } : { ok: false, rejection, by };
