import { epochSeconds } from "../../host/clock.ts";
import { SHA256_BYTES } from "../../host/hmac.ts";
import type { RotatingSecret } from "../../host/secrets.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import { type HmacScheme, proveByHmac, signByHmac, textKey } from "../hmac-proof.ts";
import type { ProviderDeps, UnsignedRequest } from "../provider.ts";
import { decodeHex } from "../signature.ts";
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
  const { header } = scheme;
  if (request.headers.has(header)) {
    if (!signature) return reject({ reason: "signature_unverifiable", header });
    return proveByHmac(request, { source, scheme, secret: signature }, deps);
  }
  if (token) return proveByToken(request, { source, header: TOKEN, token, secrets: deps.secrets });
  return reject({ reason: "credential_missing", header });
}

/** `timestamp=<Unix seconds>,signature=<hex>`, over the timestamp, a full stop and the body. */
const scheme: HmacScheme = {
  method: "hmac-signature",
  header: "x-buildkite-signature",
  read(headers) {
    const text = headers.get(scheme.header);
    if (text === null) return reject({ reason: "credential_missing", header: scheme.header });
    const parsed = readSignature(text);
    if (!parsed) return reject({ reason: "credential_malformed", header: scheme.header });
    const { timestamp, signature } = parsed;
    return ok({ offered: [signature], before: `${timestamp}.`, signedAt: epochSeconds(Number(timestamp)) });
  },
  write: (headers, now, sign) =>
    headers.set(scheme.header, `timestamp=${now},signature=${sign(`${now}.`).toString("hex")}`),
  key: textKey,
};

/** Parses `timestamp=<Unix seconds>,signature=<hex>`: the parts in either order, each exactly once. */
function readSignature(header: string): { readonly timestamp: string; readonly signature: Buffer } | undefined {
  const pairs = header.split(",").map((part) => {
    const [name = "", ...value] = part.trim().split("=");
    return [name, value.join("=")] as const;
  });
  const parts = new Map(pairs);
  const timestamp = parts.get("timestamp") ?? "";
  const signature = decodeHex(parts.get("signature") ?? "", SHA256_BYTES);
  return pairs.length === 2 && /^\d{1,12}$/.test(timestamp) && signature ? { timestamp, signature } : undefined;
}

/**
 * Returns the headers of a webhook with these tokens: signed if `signature` is configured, otherwise with the token in
 * clear.
 */
export async function sign(request: UnsignedRequest, { signature, token }: Tokens, deps: ProofDeps): Promise<Headers> {
  if (signature) return signByHmac(request, { scheme, secret: signature }, deps);
  const headers = new Headers(request.headers);
  if (token) headers.set(TOKEN, (await deps.secrets.read(token.current)).reveal());
  return headers;
}

const TOKEN = "x-buildkite-token";
