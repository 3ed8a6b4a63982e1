import type { Rejection } from "../delivery/rejection.ts";
import { ok, type Result, refuse } from "../delivery/result.ts";
import { readJsonObject } from "../host/strict-json.ts";

/** A token taken apart. Nothing in it is proved: it is good for choosing a key, and for no decision in the sender's favour. */
export interface UnverifiedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Fits every issuer the bridge knows, Entra tokens with many groups included. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/**
 * Takes a compact JWS apart, more strictly than jose does: base64url characters only (draft-ietf-oauth-rfc8725bis),
 * one spelling per token (RFC 4648 §3.5, unused bits are zero), no repeated member (RFC 7519 §4), and no header parameter
 * that brings a key, an address or another format along.
 */
export function readCompactJws(token: string): Result<UnverifiedToken> {
  const jws = splitCompactJws(token);
  if (!jws.ok) return jws;
  const claims = readJsonObject(jws.value.payload);
  if (!claims.ok) return malformed("the payload is not one plain JSON object");
  return ok({ header: jws.value.header, claims: claims.value });
}

/** The part of {@link readCompactJws} that holds for any payload. */
export function splitCompactJws(
  token: string,
): Result<{ readonly header: UnverifiedToken["header"]; readonly payload: Uint8Array }> {
  if (token.length > MAX_TOKEN_BYTES) return refuse({ reason: "token_too_large", limitBytes: MAX_TOKEN_BYTES });
  const [header, payload, signature, ...others] = token.split(".", 4).map(decodeCanonical);
  if (!header || !payload || !signature || others.length > 0) {
    return malformed("not three segments of canonical base64url");
  }
  const readHeader = readJsonObject(header);
  if (!readHeader.ok) return malformed("the header is not one plain JSON object");
  const refusal = refuseHeader(readHeader.value);
  return refusal ? refuse(refusal) : ok({ header: readHeader.value, payload });
}

/** Whether `text` is three segments, and so meant as a JWS. */
export const looksLikeJws = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797 §3: keys and addresses from the token, critical extensions, encryption. */
const FORBIDDEN = ["jku", "x5u", "jwk", "x5c", "crit", "zip", "enc", "b64"];

function refuseHeader(header: Readonly<Record<string, unknown>>): Rejection | undefined {
  const parameter = FORBIDDEN.find((name) => Object.hasOwn(header, name));
  if (parameter) return { reason: "token_header_forbidden", parameter };
  const { alg, kid = "" } = header;
  if (typeof alg === "string" && typeof kid === "string") return undefined;
  return { reason: "token_malformed", detail: "the header's alg or kid is not text" };
}

/** Only what encodes back to itself is canonical, and of no other character than the alphabet's. */
function decodeCanonical(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, "base64url");
  return segment !== "" && bytes.toString("base64url") === segment ? bytes : undefined;
}

const malformed = (detail: string): Result<never> => refuse({ reason: "token_malformed", detail });
