import { epochSeconds, toSeconds } from "../../host/clock.ts";
import { type RotatingSecret, readBoth } from "../../host/secrets.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import { sourcePrincipal } from "../../model/principal.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import type { ProviderDeps, UnsignedRequest } from "../provider.ts";
import { acceptedBy, decodeHex, equalBytes, hmacSha256, rejectStale } from "../signature.ts";
import { proveByToken } from "../static-token.ts";

interface Tokens {
  readonly signature: RotatingSecret | undefined;
  readonly token: RotatingSecret | undefined;
}

type ProofDeps = Pick<ProviderDeps, "secrets" | "clock">;

/**
 * A webhook sends its token in clear or signs with it, never both (https://buildkite.com/docs/apis/webhooks/pipelines).
 * If a signature is present, only the signature counts. One that this source has no token for is rejected, not ignored.
 */
export async function prove(
  request: ReceivedRequest,
  { source, signature, token }: Tokens & { readonly source: string },
  deps: ProofDeps,
): Promise<Result<Proof>> {
  const header = request.headers.get(SIGNATURE);
  if (header !== null) {
    if (!signature) return reject({ reason: "signature_unverifiable", header: SIGNATURE });
    return proveBySignature(header, request.body, { source, signature }, deps);
  }
  if (token) return proveByToken(request, { source, header: TOKEN, token, secrets: deps.secrets });
  return reject({ reason: "credential_missing", header: SIGNATURE });
}

async function proveBySignature(
  header: string,
  body: Uint8Array,
  { source, signature }: { readonly source: string; readonly signature: RotatingSecret },
  { secrets, clock }: ProofDeps,
): Promise<Result<Proof>> {
  const parsed = readSignature(header);
  if (!parsed) return reject({ reason: "credential_malformed", header: SIGNATURE });
  const accepted = acceptedBy(await readBoth(secrets, signature), (secret) =>
    equalBytes(parsed.signature, signatureOf(parsed.timestamp, body, secret)),
  );
  if (!accepted) return reject({ reason: "signature_mismatch", header: SIGNATURE });
  const stale = rejectStale(epochSeconds(Number(parsed.timestamp)), clock.now());
  if (stale) return reject(stale);
  return ok({ principal: sourcePrincipal(source, "hmac-signature", accepted.label) });
}

/** Parses `timestamp=<Unix seconds>,signature=<hex>`: the parts in either order, each exactly once. */
function readSignature(header: string): { readonly timestamp: string; readonly signature: Buffer } | undefined {
  const pairs = header.split(",").map((part) => {
    const [name = "", ...value] = part.trim().split("=");
    return [name, value.join("=")] as const;
  });
  const parts = new Map(pairs);
  const timestamp = parts.get("timestamp") ?? "";
  const signature = decodeHex(parts.get("signature") ?? "", SIGNATURE_BYTES);
  return pairs.length === 2 && /^\d{1,12}$/.test(timestamp) && signature ? { timestamp, signature } : undefined;
}

/** The key is the token's text as it is, without decoding. */
const signatureOf = (timestamp: string, body: Uint8Array, token: string): Buffer =>
  hmacSha256(token, [`${timestamp}.`, body]);

/**
 * Returns the headers of a webhook with these tokens: signed if `signature` is configured, otherwise with the token in
 * clear.
 */
export async function sign(
  { headers: unsigned, body }: UnsignedRequest,
  { signature, token }: Tokens,
  { secrets, clock }: ProofDeps,
): Promise<Headers> {
  const headers = new Headers(unsigned);
  if (signature) {
    const timestamp = String(toSeconds(clock.now()));
    const secret = (await secrets.read(signature.current)).reveal();
    headers.set(SIGNATURE, `timestamp=${timestamp},signature=${signatureOf(timestamp, body, secret).toString("hex")}`);
  } else if (token) {
    headers.set(TOKEN, (await secrets.read(token.current)).reveal());
  }
  return headers;
}

const SIGNATURE = "x-buildkite-signature";
const TOKEN = "x-buildkite-token";
const SIGNATURE_BYTES = 32;
