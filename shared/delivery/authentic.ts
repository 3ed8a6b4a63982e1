import type { EpochMillis } from "../host/clock.ts";
import { sha256Hex } from "./keys.ts";
import type { Principal } from "./principal.ts";
import type { ReceivedRequest } from "./request.ts";
import { ok, type Result } from "./result.ts";

declare const proved: unique symbol;

/**
 * A request whose sender is proved. Only {@link authenticate} makes one, and parsing and the store take nothing else, so
 * unproved bytes cannot reach either.
 */
export interface AuthenticDelivery {
  readonly [proved]: true;
  /** Name of the configured source. */
  readonly source: string;
  readonly principal: Principal;
  readonly url: URL;
  /**
   * All headers of the request. What the sender's signature does not cover is a hint and no more: each provider says in
   * its README which of them it reads. Never stored, never logged.
   */
  readonly headers: Headers;
  /** The bytes that were verified. */
  readonly body: Uint8Array;
  /** SHA-256 of these bytes, hex. */
  readonly bodyDigest: string;
  /** Claims of the verified token, where the sender proved itself with one. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly receivedAt: EpochMillis;
  readonly requestId: string;
}

/** What a provider's check found out. */
export interface Proof {
  readonly principal: Principal;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/**
 * Proves the sender of a request, over the bytes that arrived.
 * Throws a Fault (`keys_unavailable`, `secret_unavailable`) when it cannot decide: that is never the sender's fault.
 */
export type Authenticate = (request: ReceivedRequest) => Promise<Result<Proof>>;

export async function authenticate(
  request: ReceivedRequest,
  source: { readonly name: string; readonly authenticate: Authenticate },
): Promise<Result<AuthenticDelivery>> {
  const proof = await source.authenticate(request);
  if (!proof.ok) return proof;
  const { principal, claims = {} } = proof.value;
  const { url, headers, body, receivedAt, requestId } = request;
  const bodyDigest = sha256Hex(body);
  const delivery = { source: source.name, principal, claims, url, headers, body, bodyDigest, receivedAt, requestId };
  // The brand's only constructor: the check above has passed.
  return ok(delivery as unknown as AuthenticDelivery);
}
