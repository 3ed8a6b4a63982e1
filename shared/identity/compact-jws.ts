import { readJsonObject } from "../host/strict-json.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** A JWS taken apart. Nothing in it is proved. */
export interface UnverifiedJws {
  readonly header: TokenHeader;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The bytes that the signature is made over (RFC 7515 §5.1). */
  readonly signed: Uint8Array;
}

/** The same with its claims read: good for choosing a key, and for no decision in the sender's favour. */
export interface UnverifiedToken extends UnverifiedJws {
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The header parameters that are used (RFC 7515 §4.1). */
export interface TokenHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  /** Only in a DPoP proof, see {@link JwsForm}. */
  readonly jwk?: unknown;
}

/** What may be in a header besides what every token has. */
export interface JwsForm {
  /** A DPoP proof brings its own key, and the token that it goes with says which one that must be (RFC 9449 §4.2). */
  readonly keyInHeader?: boolean;
}

/** Fits every issuer the bridge knows, Entra tokens with many groups included. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/**
 * Takes a compact JWS apart, more strictly than jose does: base64url characters only (draft-ietf-oauth-rfc8725bis),
 * one spelling per token (RFC 4648 §3.5, unused bits are zero), no repeated member (RFC 7519 §4), and no header parameter
 * that brings a key, an address or another format along.
 */
export function readCompactJws(token: string, form: JwsForm = {}): Result<UnverifiedToken> {
  const jws = splitCompactJws(token, form);
  if (!jws.ok) return jws;
  const claims = readJsonObject(jws.value.payload);
  if (!claims.ok) return malformed("the payload is not one plain JSON object");
  return ok({ ...jws.value, claims: claims.value });
}

/** The part of {@link readCompactJws} that holds for any payload. */
export function splitCompactJws(token: string, { keyInHeader = false }: JwsForm = {}): Result<UnverifiedJws> {
  if (token.length > MAX_TOKEN_BYTES) return reject({ reason: "token_too_large", limitBytes: MAX_TOKEN_BYTES });
  const [header, payload, signature, ...others] = token.split(".", 4).map(decodeCanonical);
  if (!header || !payload || !signature || others.length > 0) {
    return malformed("not three segments of canonical base64url");
  }
  const readHeader = readJsonObject(header);
  if (!readHeader.ok) return malformed("the header is not one plain JSON object");
  const forbidden = keyInHeader ? FORBIDDEN.filter((name) => name !== "jwk") : FORBIDDEN;
  const parameter = forbidden.find((name) => Object.hasOwn(readHeader.value, name));
  if (parameter) return reject({ reason: "token_header_forbidden", parameter });
  if (!isTokenHeader(readHeader.value)) return malformed("the header's alg, kid or typ is not text");
  const signed = Buffer.from(token.slice(0, token.lastIndexOf(".")), "latin1");
  return ok({ header: readHeader.value, payload, signature, signed });
}

/** Whether `text` is three segments, and so meant as a JWS. */
export const looksLikeJws = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797 §3: keys and addresses from the token, critical extensions, encryption. */
const FORBIDDEN = ["jku", "x5u", "jwk", "x5c", "crit", "zip", "enc", "b64"];

type Members = Readonly<Record<string, unknown>>;

function isTokenHeader(header: Members): header is Members & TokenHeader {
  const { alg, kid = "", typ = "" } = header;
  return [alg, kid, typ].every((value) => typeof value === "string");
}

/** Only what encodes back to itself is canonical, and of no other character than the alphabet's. */
function decodeCanonical(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, "base64url");
  return segment !== "" && bytes.toString("base64url") === segment ? bytes : undefined;
}

const malformed = (detail: string): Result<never> => reject({ reason: "token_malformed", detail });
