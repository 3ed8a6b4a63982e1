import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * The form of one issuer's tokens according to its documentation, with invented names, and a trust entry that accepts
 * them.
 */
export interface IssuerShape {
  /** The preset. */
  readonly preset: TrustEntry["preset"]["name"];
  readonly issuer: string;
  readonly audience: string;
  /** Members of the trust entry in addition to preset, issuer, audience and keys. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** All claims except `iss` and the times. */
  readonly claims: Claims;
  readonly header?: Claims;
  /** From `iat` to `exp`, in seconds. */
  readonly lifetime: number;
  /** What must be rejected besides the mistakes of all: a claim set to this value, and the reason. */
  readonly refused: readonly (readonly [what: string, changes: Claims, reason: string])[];
  /** What looks odd and must be accepted. */
  readonly accepted: readonly (readonly [what: string, changes: Claims])[];
  /** The subject of the principal. */
  readonly subject: string;
}

/** The audience of most tokens for the bridge. */
export const AUDIENCE = "https://bridge.example.test";
