import { type EpochSeconds, toSeconds } from "../host/clock.ts";
import { hmacSha256, SHA256_BYTES } from "../host/hmac.ts";
import { type RotatingSecret, readBoth, type Secret } from "../host/secrets.ts";
import type { Proof } from "../model/authentic-delivery.ts";
import { sourcePrincipal } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { ProviderDeps, UnsignedRequest } from "./provider.ts";
import { decodeHex, equalBytes, rejectStale } from "./signature.ts";

/** How one kind of sender signs: with HMAC-SHA256 over a text and the body. */
export interface HmacScheme {
  /** `Principal.method` of a sender that it proves. */
  readonly method: string;
  /** The header that carries the signature. */
  readonly header: string;
  /** Reads what the headers present. The rejection names the header that is missing or malformed. Never throws. */
  readonly read: (headers: Headers) => Result<PresentedSignature>;
  /** Sets the headers of a request that is signed now. `sign` returns the signature of a text and the body. */
  readonly write: (headers: Headers, now: EpochSeconds, sign: (before: string) => Buffer) => void;
  /** The key of a secret, whose reference is `ref`. Throws `secret_unavailable` if the secret has not the form of a key. */
  readonly key: (secret: Secret, ref: string) => string | Uint8Array;
}

interface PresentedSignature {
  /** One of them must be correct. */
  readonly offered: readonly Buffer[];
  /** The text that is signed before the body. */
  readonly before: string;
  /** The signed time. Undefined if the sender signs none: a captured request is then valid until the secret is rotated. */
  readonly signedAt?: EpochSeconds;
}

interface HmacCheck {
  readonly source: string;
  readonly scheme: HmacScheme;
  readonly secret: RotatingSecret;
}

/**
 * Proves a sender by the signature in its headers. The order of the checks is the same for every scheme: a header is
 * missing, it is malformed, no secret accepts it, its time is outside the window. Throws `secret_unavailable`.
 */
export async function proveByHmac(
  { headers, body }: ReceivedRequest,
  { source, scheme, secret }: HmacCheck,
  { secrets, clock }: Pick<ProviderDeps, "secrets" | "clock">,
): Promise<Result<Proof>> {
  const presented = scheme.read(headers);
  if (!presented.ok) return presented;
  const { offered, before, signedAt } = presented.value;
  // All secrets and all signatures are compared, so that the time does not reveal which one was accepted.
  const [accepted] = (await readBoth(secrets, secret)).filter(({ label, secret: one }) => {
    const expected = hmacSha256(scheme.key(one, refOf(secret, label)), [before, body]);
    return offered.filter((signature) => equalBytes(signature, expected)).length > 0;
  });
  if (!accepted) return reject({ reason: "signature_mismatch", header: scheme.header });
  const stale = signedAt === undefined ? undefined : rejectStale(signedAt, clock.now());
  return stale ? reject(stale) : ok({ principal: sourcePrincipal(source, scheme.method, accepted.label) });
}

/** Returns the headers of a request that the sender signs now with its current secret. Throws `secret_unavailable`. */
export async function signByHmac(
  { headers: unsigned, body }: UnsignedRequest,
  { scheme, secret }: Omit<HmacCheck, "source">,
  { secrets, clock }: Pick<ProviderDeps, "secrets" | "clock">,
): Promise<Headers> {
  const key = scheme.key(await secrets.read(secret.current), secret.current);
  const headers = new Headers(unsigned);
  scheme.write(headers, toSeconds(clock.now()), (before) => hmacSha256(key, [before, body]));
  return headers;
}

/**
 * The scheme of `X-Hub-Signature` and its relatives: a prefix and the signature of the body in hex. The key is the text of
 * the secret. No time is signed.
 */
export function bodySignature({
  header,
  prefix,
  method,
}: {
  readonly header: string;
  readonly prefix: string;
  readonly method: string;
}): HmacScheme {
  return {
    method,
    header,
    read(headers) {
      const text = headers.get(header);
      if (text === null) return reject({ reason: "credential_missing", header });
      const signature = text.startsWith(prefix) ? decodeHex(text.slice(prefix.length), SHA256_BYTES) : undefined;
      return signature ? ok({ offered: [signature], before: "" }) : reject({ reason: "credential_malformed", header });
    },
    write: (headers, _now, sign) => headers.set(header, prefix + sign("").toString("hex")),
    key: textKey,
  };
}

/** The key is the text of the secret as it is, without decoding. */
export const textKey = (secret: Secret): string => secret.reveal();

const refOf = (secret: RotatingSecret, label: "current" | "next"): string => secret[label] ?? secret.current;
