import { createHash } from "node:crypto";
import * as v from "valibot";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, type EpochMillis, epochSeconds, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { isSha256Of } from "../identity/binding/digest.ts";
import { readCompactJws, type UnverifiedToken } from "../identity/compact-jws.ts";
import { rejectToken } from "../identity/token-checks.ts";
import { trustEntry } from "../identity/trust-entry.ts";
import { rejectSignature, type Trusted, trustedAs } from "../identity/verify-signature.ts";
import type { RejectionReason } from "../model/rejection.ts";
import type { TriggerCall } from "./trigger-call.ts";
import type { UsedTokens } from "./used-tokens.ts";

/** Why a trigger does not run: a reason of the bridge's own checks of tokens, or one of these. */
export type RefusalReason =
  | RejectionReason
  /** The trigger gives no param `route`, one that is no text, or no `audience` while the interceptor has none either. */
  | "trigger_unusable"
  /** The token may have been used before this process started, which remembers nothing of that. */
  | "token_before_start"
  /** The issuer's keys cannot be loaded. */
  | "keys_unavailable";

export type Verdict =
  | { readonly continues: true; readonly origin: VerifiedOrigin }
  /** `isSigned`: a key of the bridge signed the token, so the request may be the bridge's own. */
  | { readonly continues: false; readonly reason: RefusalReason; readonly isSigned: boolean };

/** What the bridge's token says about the request that carries it. */
export interface VerifiedOrigin {
  /** `sub`: who caused the request, with the trust entry or source that proved it. */
  readonly who: string;
  readonly trustEntry: string | undefined;
  readonly delivery: string;
  readonly route: string;
  readonly principal: unknown;
  readonly replay: unknown;
}

/**
 * The bridge as an issuer of tokens, whose keys are loaded by discovery when a token first needs them. Throws
 * `configuration_invalid`.
 */
export function bridgeAsIssuer(issuer: string, deps: { readonly clock: Clock; readonly callOut: CallOut }): Trusted {
  const settings = {
    issuer,
    audience: "replaced by that of the trigger",
    algorithms: ["ES256"],
    maxLifetimeSeconds: 600,
  };
  const read = v.safeParse(trustEntry, settings);
  if (read.success) return trustedAs("bridge", read.output, deps);
  throw new Fault("configuration_invalid", `--issuer: ${read.issues[0].message}`, { retryable: false });
}

export interface VerifyDeps {
  /** The bridge as an issuer. Its audience is replaced by that of each trigger. */
  readonly bridge: Trusted;
  /** For triggers that name no audience. */
  readonly audience: string | undefined;
  readonly usedTokens: UsedTokens;
  /** When this process began to remember tokens. */
  readonly startedAt: EpochMillis;
  readonly clock: Clock;
}

/**
 * Decides whether the bridge made a request for the route of a trigger: the token is the bridge's, for this audience, this
 * route and exactly this body, and was not used for another request. Throws `keys_unavailable` if that is unknown.
 */
export async function verifyTrigger(call: TriggerCall, deps: VerifyDeps): Promise<Verdict> {
  const { bridge, clock } = deps;
  const { route, audience = deps.audience } = call;
  if (typeof route !== "string" || typeof audience !== "string") return unsigned("trigger_unusable");
  const presented = presentedIn(call.authorization);
  if ("reason" in presented) return unsigned(presented.reason);
  const token = readCompactJws(presented.token);
  if (!token.ok) return unsigned(token.rejection.reason);
  const { claims } = token.value;
  if (claims["iss"] !== bridge.entry.issuer) return unsigned("issuer_unknown");
  const forged = await rejectSignature(token.value, bridge);
  if (forged) return unsigned(forged.reason);
  const entry = { ...bridge.entry, audience: [audience] };
  const rejection = rejectToken(token.value, entry, toSeconds(clock.now()));
  if (rejection) return signed(rejection.reason);
  const read = v.safeParse(boundClaims, claims);
  // A token of the bridge for another purpose, such as an exchange, names no request.
  if (!read.success) return signed("claim_missing");
  const bound = read.output;
  if (!isSha256Of(call.body, bound.body_sha256, ["base64url"])) return signed("body_digest_mismatch");
  if (bound.route !== route) return signed("claim_mismatch");
  const again = rejectUsed(bound, token.value, call, deps);
  if (again) return signed(again);
  const { sub: who, trust_entry: trustEntry, delivery, principal, replay } = bound;
  return { continues: true, origin: { who, trustEntry, delivery, route, principal, replay } };
}

const unsigned = (reason: RefusalReason): Verdict => ({ continues: false, reason, isSigned: false });
const signed = (reason: RefusalReason): Verdict => ({ continues: false, reason, isSigned: true });

/** The claims that bind a token of the bridge to one request: `docs/identity/bridge-tokens.md` lists them. */
const boundClaims = v.object({
  sub: v.pipe(v.string(), v.nonEmpty()),
  iat: v.number(),
  exp: v.number(),
  delivery: v.pipe(v.string(), v.nonEmpty()),
  route: v.string(),
  body_sha256: v.string(),
  trust_entry: v.optional(v.string()),
  principal: v.optional(v.unknown()),
  replay: v.optional(v.unknown()),
});

function presentedIn([value, ...others]: readonly string[]): { readonly token: string } | { reason: RefusalReason } {
  if (value === undefined) return { reason: "credential_missing" };
  const [, token] = others.length > 0 ? [] : (BEARER.exec(value) ?? []);
  return token === undefined ? { reason: "credential_malformed" } : { token };
}

/** RFC 6750 §2.1; the name of the scheme is case-insensitive (RFC 9110 §11.1). */
const BEARER = /^bearer +([\w.-]+)$/i;

/**
 * A request is one use of its token, for all triggers of its listener: the sink asks once for each of them, with one random
 * id of the request. The sink never repeats a question, because Go's client repeats no POST that may have arrived.
 */
function rejectUsed(
  { iat, exp }: v.InferOutput<typeof boundClaims>,
  token: UnverifiedToken,
  { eventId }: TriggerCall,
  { usedTokens, startedAt, bridge }: VerifyDeps,
): RefusalReason | undefined {
  if (iat * 1_000 < startedAt) return "token_before_start";
  const id = createHash("sha256").update(token.signed).digest("base64url");
  const until = epochSeconds(Math.ceil(exp) + bridge.entry.clockSkewSeconds);
  return usedTokens.take(id, eventId, until) ? undefined : "token_replayed";
}
