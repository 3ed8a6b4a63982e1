import { decodeBase64url } from "../host/base64url.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** The parts of a JWS, none of them proved. */
export interface UnverifiedJws {
  readonly header: TokenHeader;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The signing input (RFC 7515 §5.1). */
  readonly signed: Uint8Array;
}

/**
 * A JWS with parsed claims, none of them proved: usable to choose a key, but for no decision in favour of the sender.
 */
export interface UnverifiedToken extends UnverifiedJws {
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The header parameters that are used (RFC 7515 §4.1). */
export interface TokenHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  /** Only in a DPoP proof, see {@link JwsOptions}. */
  readonly jwk?: unknown;
}

/** Header parameters that are allowed in addition to those of every token. */
export interface JwsOptions {
  /** Allows `jwk`: a DPoP proof contains its own key, and its token names the required key (RFC 9449 §4.2). */
  readonly keyInHeader?: boolean;
}

/** Large enough for every supported issuer, including Entra tokens with many groups. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/**
 * Parses a compact JWS with a JSON payload, more strictly than jose does: base64url characters only
 * (draft-ietf-oauth-rfc8725bis), one spelling per token (RFC 4648 §3.5, unused bits are zero), no repeated member (RFC
 * 7519 §4), and no header parameter that contains a key, an address or another format.
 */
export function readCompactJws(token: string, options: JwsOptions = {}): Result<UnverifiedToken> {
  const jws = splitCompactJws(token, options);
  if (!jws.ok) return jws;
  const claims = readJsonObject(jws.value.payload);
  if (!claims.ok) return malformed("the payload is not one plain JSON object");
  return ok({ ...jws.value, claims: claims.value });
}

/** Parses a compact JWS like {@link readCompactJws}, with any payload. */
export function splitCompactJws(token: string, { keyInHeader = false }: JwsOptions = {}): Result<UnverifiedJws> {
  if (token.length > MAX_TOKEN_BYTES) return reject({ reason: "token_too_large", limitBytes: MAX_TOKEN_BYTES });
  const [header, payload, signature, ...others] = token.split(".", 4).map(decodeBase64url);
  if (!header?.length || !payload?.length || !signature?.length || others.length > 0) {
    return malformed("not three segments of canonical base64url");
  }
  const parsedHeader = readJsonObject(header);
  if (!parsedHeader.ok) return malformed("the header is not one plain JSON object");
  const forbidden = keyInHeader ? FORBIDDEN.filter((name) => name !== "jwk") : FORBIDDEN;
  const parameter = forbidden.find((name) => Object.hasOwn(parsedHeader.value, name));
  if (parameter) return reject({ reason: "token_header_forbidden", parameter });
  if (!isTokenHeader(parsedHeader.value)) return malformed("the header's alg, kid or typ is not text");
  const signed = Buffer.from(token.slice(0, token.lastIndexOf(".")), "latin1");
  return ok({ header: parsedHeader.value, payload, signature, signed });
}

/** Whether `text` has three segments, and so is probably a JWS. */
export const looksLikeJws = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797 §3: keys and addresses from the token, critical extensions, encryption. */
const FORBIDDEN = ["jku", "x5u", "jwk", "x5c", "crit", "zip", "enc", "b64"];

type Members = Readonly<Record<string, unknown>>;

function isTokenHeader(header: Members): header is Members & TokenHeader {
  const { alg, kid = "", typ = "" } = header;
  return [alg, kid, typ].every((value) => typeof value === "string");
}

const malformed = (detail: string): Result<never> => reject({ reason: "token_malformed", detail });
