import type { EpochMillis } from "../host/clock.ts";
import { sha256Hex } from "./idempotency-keys.ts";
import { OWN_ISSUERS, type Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";
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
  /** See {@link Proof.shadowRejection}. */
  readonly shadowRejection?: Rejection;
  readonly receivedAt: EpochMillis;
  readonly requestId: string;
}

/** What a provider's check found out. */
export interface Proof {
  readonly principal: Principal;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Why it would have been refused, had its trust entry or source not been in shadow mode. */
  readonly shadowRejection?: Rejection;
}

/**
 * Proves the sender of a request, over the bytes that arrived.
 * Throws a Fault (`keys_unavailable`, `secret_unavailable`) when it cannot decide: that is never the sender's fault.
 */
export type Authenticate = (request: ReceivedRequest) => Promise<Result<Proof>>;

/** What authentication needs to know of a source. */
export interface ProvingSource {
  readonly name: string;
  readonly authenticate: Authenticate;
  /** What the sender earns besides the roles of its token. */
  readonly roles?: readonly string[];
  /** `shadow`: a request that fails its proof goes on, as nobody's, and the record says why it would be refused. */
  readonly mode?: "enforce" | "shadow";
}

export async function authenticate(
  request: ReceivedRequest,
  source: ProvingSource,
): Promise<Result<AuthenticDelivery>> {
  const answer = await source.authenticate(request);
  if (!answer.ok && source.mode !== "shadow") return answer;
  const proof = answer.ok ? answer.value : unproved(source, answer.rejection);
  const { claims = {}, shadowRejection } = proof;
  const principal = {
    ...proof.principal,
    roles: shadowRejection ? [] : [...proof.principal.roles, ...(source.roles ?? [])],
  };
  const { url, headers, body, receivedAt, requestId } = request;
  const bodyDigest = sha256Hex(body);
  const told = { source: source.name, principal, claims, url, headers, body, bodyDigest, receivedAt, requestId };
  const delivery = shadowRejection ? { ...told, shadowRejection } : told;
  // The brand's only constructor: the check above has passed, or the operator lets everything pass for now.
  return ok(delivery as unknown as AuthenticDelivery);
}

const unproved = ({ name }: ProvingSource, shadowRejection: Rejection): Proof => ({
  principal: { issuer: OWN_ISSUERS.unproved, subject: name, method: "none", credential: "none", roles: [] },
  shadowRejection,
});
