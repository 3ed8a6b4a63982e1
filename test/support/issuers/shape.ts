import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/** How one issuer's tokens look, as its documentation tells, with invented names; and a trust entry that takes them. */
export interface IssuerShape {
  /** The preset. */
  readonly preset: TrustEntry["preset"]["name"];
  readonly issuer: string;
  readonly audience: string;
  /** Lines of the trust entry besides preset, issuer, audience and keys. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** All claims but `iss` and the times. */
  readonly claims: Claims;
  readonly header?: Claims;
  /** From `iat` to `exp`, in seconds. */
  readonly lifetime: number;
  /** What must be refused besides the mistakes of all: a claim set to this value, and the reason. */
  readonly refused: readonly (readonly [what: string, changes: Claims, reason: string])[];
  /** What looks odd and must be taken. */
  readonly accepted: readonly (readonly [what: string, changes: Claims])[];
  /** What the principal is called. */
  readonly subject: string;
}

/** What the bridge is called in most tokens for it. */
export const AUDIENCE = "https://bridge.example.test";
