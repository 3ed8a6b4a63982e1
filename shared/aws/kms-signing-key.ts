import { createPublicKey } from "node:crypto";
import { GetPublicKeyCommand, KMSClient, SignCommand } from "@aws-sdk/client-kms";
import { Fault } from "../host/fault.ts";
import { published, type SigningKey } from "../outbound/signing-key.ts";
import { CALL_LIMITS } from "./call-limits.ts";

/**
 * A signing key whose private key never leaves AWS KMS (`ECC_NIST_P256`, `SIGN_VERIFY`). Calls KMS once for the public key,
 * and once for each signature. Throws `secret_unavailable`.
 */
export async function kmsSigningKey(keyId: string): Promise<SigningKey> {
  const client = new KMSClient(CALL_LIMITS);
  const { PublicKey: der } = await orUnavailable(() => client.send(new GetPublicKeyCommand({ KeyId: keyId })));
  if (der === undefined) throw unavailable();
  const { kid, publicJwk } = await published(createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }));
  return {
    kid,
    publicJwk,
    async sign(bytes) {
      const { Signature: signature } = await orUnavailable(() =>
        client.send(
          new SignCommand({ KeyId: keyId, Message: bytes, MessageType: "RAW", SigningAlgorithm: "ECDSA_SHA_256" }),
        ),
      );
      if (signature === undefined) throw unavailable();
      return rawOfDer(signature);
    },
  };
}

/** Length in bytes of R, and of S, on curve P-256. */
const SIZE = 32;

/**
 * Converts a signature from the ASN.1 `SEQUENCE` of two integers that KMS returns (RFC 3279 §2.2.3) to the two integers at
 * full length that a JWS needs (RFC 7518 §3.4). On this curve every length is one byte.
 */
export function rawOfDer(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(SIZE * 2);
  let at = 2;
  for (const end of [SIZE, SIZE * 2]) {
    const length = der[at + 1] ?? 0;
    // A leading zero only marks the number as not negative.
    const digits = Buffer.from(der.subarray(at + 2, at + 2 + length)).subarray(Math.max(0, length - SIZE));
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  if (at !== der.length) throw unavailable();
  return raw;
}

async function orUnavailable<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (cause) {
    throw unavailable(cause);
  }
}

const unavailable = (cause?: unknown): Fault =>
  new Fault("secret_unavailable", "the signing key in KMS cannot be used", { retryable: true, cause });
