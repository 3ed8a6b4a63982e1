import type { EpochMillis } from "../host/clock.ts";
import { sha256Hex } from "./idempotency-keys.ts";
import { OWN_ISSUERS, type Principal } from "./principal.ts";
import type { Reading } from "./reading.ts";
import type { Rejection } from "./rejection.ts";
import type { ReceivedRequest } from "./request.ts";
import { ok, type Result } from "./result.ts";

declare const proved: unique symbol;

/**
 * A request whose sender is proved. Only {@link authenticate} creates one, and parsing and the store accept nothing
 * else, so unproved bytes cannot reach either.
 */
export interface AuthenticDelivery {
  readonly [proved]: true;
  /** Name of the configured source. */
  readonly source: string;
  readonly principal: Principal;
  readonly url: URL;
  /**
   * All headers of the request. A header that the sender's signature does not cover is only a hint; the README of each
   * provider lists the headers that it reads. Never stored, never logged.
   */
  readonly headers: Headers;
  /** The bytes that were verified. */
  readonly body: Uint8Array;
  /** SHA-256 of the body, hex. */
  readonly bodyDigest: string;
  /** Claims of the verified token; empty if the sender was not proved with one. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** See {@link Proof.shadowRejection}. */
  readonly shadowRejection?: Rejection;
  readonly receivedAt: EpochMillis;
  readonly requestId: string;
}

/** What is recorded of one request that has several records. */
export interface SelectedRecords {
  /** Each is recorded by itself. `reading` is undefined for one that is still to be read. */
  readonly deliveries: readonly { readonly delivery: AuthenticDelivery; readonly reading?: Reading }[];
  /** How many records the request had, by what they are; and of how many that can be read a delivery was made (`kept`). */
  readonly counts: Readonly<Record<string, number>> & { readonly unusable: number; readonly kept: number };
  /** Is called once all of them are recorded. Until then, the same request may come again. */
  readonly recorded: () => void;
}

/** A record of a request, as a delivery of its own. The proof of the request is its proof. */
export const partOf = (delivery: AuthenticDelivery, body: Uint8Array): AuthenticDelivery => ({
  ...delivery,
  body,
  bodyDigest: sha256Hex(body),
});

/** The result of a provider's authentication. */
export interface Proof {
  readonly principal: Principal;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The rejection that shadow mode of the trust entry or source did not enforce. */
  readonly shadowRejection?: Rejection;
}

/**
 * Proves the sender of a request, over the bytes that arrived.
 * Throws a Fault (`keys_unavailable`, `secret_unavailable`) if it cannot decide: that is never the sender's fault.
 */
export type Authenticate = (request: ReceivedRequest) => Promise<Result<Proof>>;

/** The part of a source that authentication uses. */
export interface ProvingSource {
  readonly name: string;
  readonly authenticate: Authenticate;
  /** Roles of the sender in addition to the roles of its token. */
  readonly roles?: readonly string[];
  /**
   * `shadow`: a request that fails authentication is accepted with an unproved principal, and the rejection is
   * recorded.
   */
  readonly mode?: "enforce" | "shadow";
}

export async function authenticate(
  request: ReceivedRequest,
  source: ProvingSource,
): Promise<Result<AuthenticDelivery>> {
  const result = await source.authenticate(request);
  if (!result.ok && source.mode !== "shadow") return result;
  const proof = result.ok ? result.value : unproved(source, result.rejection);
  const { claims = {}, shadowRejection } = proof;
  const principal = {
    ...proof.principal,
    roles: shadowRejection ? [] : [...proof.principal.roles, ...(source.roles ?? [])],
  };
  const { url, headers, body, receivedAt, requestId } = request;
  const delivery = {
    source: source.name,
    principal,
    claims,
    url,
    headers,
    body,
    bodyDigest: sha256Hex(body),
    receivedAt,
    requestId,
    ...(shadowRejection && { shadowRejection }),
  };
  // The only constructor of the brand: the check above has passed, or the source or trust entry is in shadow mode.
  return ok(delivery as unknown as AuthenticDelivery);
}

const unproved = ({ name }: ProvingSource, shadowRejection: Rejection): Proof => ({
  principal: { issuer: OWN_ISSUERS.unproved, subject: name, method: "none", credential: "none", roles: [] },
  shadowRejection,
});
