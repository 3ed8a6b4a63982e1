import * as v from "valibot";
import type { AuditLog } from "../delivery/audit-log.ts";
import type { RejectionAudit } from "../delivery/rejection-audit.ts";
import { type Clock, type EpochMillis, epochSeconds, laterBy, toMillis, toSeconds } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { Secret } from "../host/secrets.ts";
import type { CallerDeps } from "../identity/caller.ts";
import type { Roles } from "../identity/policy.ts";
import { type PresentedToken, presentedToken } from "../identity/presented-token.ts";
import { pathOfTarget } from "../identity/request-target.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import type { Upstream, Upstreams } from "../identity/upstream.ts";
import { scopesOfRequest, upstreamGrant } from "../identity/upstream-grant.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import { type Principal, principalIdOf } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { BridgeIssuer } from "../outbound/issuer.ts";
import { verifyAccessToken } from "../outbound/verify-access-token.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { EndedRunStore } from "../store/ended-runs.ts";
import { problemOf } from "./problem-of.ts";
import { issueAccessToken, refusalOf, unconfinedRoles } from "./token-exchange.ts";
import { hasEnded, runClaim, runOf, type TokenRun, type TokenRunDeps } from "./token-run.ts";

export interface AuthorizeApi extends TokenRunDeps, Pick<CallerDeps, "tokens" | "trustEntries" | "rejectOverRate"> {
  readonly config: {
    readonly issuers: Readonly<Record<string, TrustEntry>>;
    readonly roles: Roles;
    readonly upstreams: Upstreams;
  };
  readonly issuer: Pick<BridgeIssuer, "issuer" | "keySet" | "mintAccessToken"> | undefined;
  readonly endedRuns: Pick<EndedRunStore, "hasEndedSince">;
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline">;
  readonly auditLog: Pick<AuditLog, "record">;
  readonly rejectionAudit: Pick<RejectionAudit, "record">;
  readonly clock: Clock;
  readonly log: Log;
}

/** A request that a gateway asks about. Only its token is proved: everything else is what the gateway says. */
export interface AskedRequest {
  readonly method: string;
  /** As the client sent it: path and query. */
  readonly target: string;
  /** The headers of the client, with its token. */
  readonly headers: Headers;
}

/** The gateway may let the request pass. */
export interface Allowed {
  readonly upstream: string;
  /** Undefined if only shadow mode lets it pass. */
  readonly caller?: AllowedCaller;
  /** In shadow mode: why the request would be refused. */
  readonly wouldRefuse?: Rejection["reason"];
}

export interface AllowedCaller {
  /** See {@link principalIdOf}. */
  readonly id: string;
  readonly trustEntry: string;
  readonly roles: readonly string[];
  readonly scope: string;
  /** An access token for the upstream, with this scope. */
  readonly token: Secret;
}

/** Who presented a token, as far as its signature proves it. */
interface Caller {
  readonly principal: Principal;
  /** The token itself is an access token for this audience, with these scopes; undefined for a token of a trust entry. */
  readonly access?: { readonly audience: string; readonly scopes: readonly string[]; readonly token: Secret };
  readonly run?: TokenRun;
  readonly shadowRejection?: Rejection | undefined;
  readonly expiresAt: EpochMillis;
}

interface Remembered {
  readonly caller: Caller;
  readonly until: EpochMillis;
  /** Access tokens that were made for it, by upstream and scope. */
  readonly tokens: Map<string, { readonly token: Secret; readonly until: EpochMillis }>;
  endedAskedAt: EpochMillis | undefined;
}

/** A verified token counts as verified for this time. A key that its issuer withdraws is noticed after it. */
const REMEMBER_MS = 60_000;
/** Whether its run has ended is asked again after this time. */
const ENDED_MS = 5_000;
const MAX_REMEMBERED = 2_000;
/** Lifetime of an access token that a gateway passes on. It is made anew when half of it is over. */
const TOKEN_SECONDS = 300;

/**
 * The decision point for gateways: whether a request may pass to an upstream, by the token of its caller. One decision for
 * all gateways; `gateway-forms.ts` has their forms. A denied request is recorded; an allowed one is a line of the log, and
 * its access token is recorded as each exchange is.
 */
export class Authorizer {
  readonly #api: AuthorizeApi;
  /** By the digest of the token. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(api: AuthorizeApi) {
    this.#api = api;
  }

  /** Throws as the store and the keys of an issuer do: then nothing may pass. */
  async decide(name: string, asked: Result<AskedRequest>, request: ReceivedRequest): Promise<Result<Allowed>> {
    const { config, log } = this.#api;
    const upstream = Object.hasOwn(config.upstreams, name) ? config.upstreams[name] : undefined;
    const decided = await this.#decide({ name, upstream, asked, request });
    if (decided.ok) {
      const { id: principal, scope } = decided.value;
      log.info({ request: request.requestId, upstream: name, principal, scope }, "allowed");
      return ok({ upstream: name, caller: decided.value });
    }
    const { rejection, by } = decided;
    const isShadow = upstream?.mode === "shadow";
    // Only a configured name is recorded. A token that is not accepted is recorded by what answers every such call.
    const isRecorded = upstream !== undefined && (isShadow || problemOf(rejection).status !== 401);
    if (isRecorded && by) {
      // The headers of the client have the ids by which the gateway's log names the request.
      const about = asked.ok ? { ...request, headers: asked.value.headers } : request;
      const sentTo = { source: "api", provider: "api", upstream: name, isShadow } as const;
      const rejected = { ...sentTo, rejection, by, request: about, isRead: true };
      await this.#api.rejectionAudit.record(rejected);
    }
    if (!isShadow) return isRecorded ? reject(rejection) : decided;
    log.warn({ request: request.requestId, upstream: name, ...rejection }, "would be refused");
    return ok({ upstream: name, wouldRefuse: rejection.reason });
  }

  async #decide({ name, upstream, asked, request }: Question): Promise<Result<AllowedCaller>> {
    if (!asked.ok) return asked;
    const { headers } = asked.value;
    const presented = presentedToken({ ...request, headers });
    if (!presented.ok) return presented;
    const found = await this.#callerOf(presented.value);
    if (!found.ok) return found;
    const { caller } = found.value;
    const { principal } = caller;
    const refused = (rejection: Rejection) => reject(rejection, principal);
    const rejection = caller.shadowRejection ?? (await this.#api.rejectOverRate(principal, request));
    if (rejection) return refused(rejection);
    const { issuer } = this.#api;
    if (upstream === undefined || issuer === undefined) return refused({ reason: "upstream_unknown" });
    const leftSeconds = toSeconds(caller.expiresAt) - toSeconds(this.#api.clock.now());
    // The clock of the trust entry's issuer may be behind.
    if (leftSeconds <= 0) return refused({ reason: "token_expired", expiredBySeconds: -leftSeconds });
    const plain = plainRequest(asked.value);
    if (plain === undefined) return refused({ reason: "asked_request_ambiguous", upstream: name });
    const scopes = scopesOfRequest(upstream, plain);
    if (scopes.length === 0)
      return refused({ reason: "asked_request_not_listed", upstream: name, method: plain.method });
    const scope = this.#scopeOf(caller, upstream, scopes);
    if (!scope.ok) return refused(scope.rejection);
    if (await this.#hasEnded(found.value)) return refused({ reason: "run_ended" });
    const wish = { name, upstream, issuer, scope: scope.value, request };
    const token = caller.access?.token ?? (await this.#tokenFor(found.value, wish));
    return ok({
      id: principalIdOf(principal),
      trustEntry: principal.trustEntry ?? "",
      roles: principal.roles,
      scope: scope.value,
      token,
    });
  }

  /** Verifies a token, unless it was verified a moment ago. A token that is bound to one request is verified each time. */
  async #callerOf(presented: PresentedToken): Promise<Result<Remembered>> {
    const now = this.#api.clock.now();
    const digest = sha256Hex(presented.token);
    const known = presented.scheme === "bearer" ? this.#remembered.get(digest) : undefined;
    // After the clock was set back, it is verified again.
    if (known && now >= known.until - REMEMBER_MS && now < known.until) return ok(known);
    const verified = await this.#verify(presented, now);
    if (!verified.ok) return verified;
    const { caller, isBound } = verified.value;
    const until = Math.min(laterBy(now, REMEMBER_MS), caller.expiresAt) as EpochMillis;
    const remembered = { caller, until, tokens: known?.tokens ?? new Map(), endedAskedAt: known?.endedAskedAt };
    if (isBound || presented.scheme !== "bearer") return ok(remembered);
    this.#remembered.delete(digest);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#forgetOldest();
    this.#remembered.set(digest, remembered);
    return ok(remembered);
  }

  #forgetOldest(): void {
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  async #verify(
    presented: PresentedToken,
    now: EpochMillis,
  ): Promise<Result<{ readonly caller: Caller; readonly isBound: boolean }>> {
    const { issuer, tokens, trustEntries } = this.#api;
    const { token, scheme } = presented;
    const own = issuer && scheme === "bearer" ? await verifyAccessToken(token, issuer, now) : undefined;
    const access = v.safeParse(accessClaims, own);
    if (access.success) return this.#ofAccess(token, access.output);
    const verified = await tokens.verify(presented, trustEntries);
    if (!verified.ok) return verified;
    const { principal, shadowRejection, claims } = verified.value;
    const entry = this.#api.config.issuers[principal.trustEntry ?? ""];
    // The gateway keeps the body, so the digest of another one was compared, or that of none.
    if (entry?.bodyDigestClaim)
      return reject({ reason: "body_digest_mismatch", claim: entry.bodyDigestClaim.join(".") });
    const run = await runOf(verified.value, {}, this.#api);
    const expiresAt = toMillis(epochSeconds(Math.floor(Number(claims["exp"]))));
    const caller = { principal, shadowRejection, expiresAt, ...(run && { run }) };
    return ok({ caller, isBound: entry?.singleUse === true || claims["cnf"] !== undefined });
  }

  /** Of a trust entry that the configuration has no more, an access token counts for nothing. */
  #ofAccess(token: string, claims: AccessClaims): Result<{ readonly caller: Caller; readonly isBound: boolean }> {
    if (!Object.hasOwn(this.#api.config.issuers, claims.trust_entry)) return reject({ reason: "issuer_unknown" });
    return ok({ caller: callerOfAccess(token, claims), isBound: false });
  }

  /** The first of the scopes that the caller has. */
  #scopeOf({ principal, access, run }: Caller, upstream: Upstream, scopes: readonly string[]): Result<string> {
    const [first = ""] = scopes;
    const isOfAccess = (scope: string): boolean =>
      access === undefined || (access.audience === upstream.audience && access.scopes.includes(scope));
    const holder = { roles: unconfinedRoles(principal, this.#api.config.roles), hasRun: run !== undefined };
    const grants = scopes.map((scope) => ({ scope, grant: upstreamGrant(upstream, holder, [scope]) }));
    const granted = grants.find(({ scope, grant }) => grant.granted && isOfAccess(scope));
    if (granted) return ok(granted.scope);
    const [{ grant } = { grant: undefined }] = grants;
    return reject(grant?.granted === false ? refusalOf(grant) : { reason: "scope_forbidden", scope: first });
  }

  async #hasEnded(remembered: Remembered): Promise<boolean> {
    const { run } = remembered.caller;
    const now = this.#api.clock.now();
    const { endedAskedAt } = remembered;
    if (run === undefined || (endedAskedAt !== undefined && now >= endedAskedAt && now < endedAskedAt + ENDED_MS))
      return false;
    if (await hasEnded(run, this.#api)) return true;
    remembered.endedAskedAt = now;
    return false;
  }

  async #tokenFor(
    { caller: { principal, run, expiresAt }, tokens }: Remembered,
    { name, upstream, scope, issuer, request }: TokenWish,
  ): Promise<Secret> {
    const now = this.#api.clock.now();
    const key = `${name} ${scope}`;
    const made = tokens.get(key);
    if (made && now < made.until) return made.token;
    const lifetimeSeconds = Math.min(TOKEN_SECONDS, upstream.minutes * 60, toSeconds(expiresAt) - toSeconds(now));
    const exchange = { name, upstream, scopes: [scope], by: principal, run, lifetimeSeconds, request };
    const { token } = await issueAccessToken(exchange, { ...this.#api, issuer });
    tokens.set(key, { token, until: laterBy(now, (lifetimeSeconds * 1_000) / 2) });
    return token;
  }
}

interface Question {
  readonly name: string;
  readonly upstream: Upstream | undefined;
  readonly asked: Result<AskedRequest>;
  readonly request: ReceivedRequest;
}

interface TokenWish {
  readonly name: string;
  readonly upstream: Upstream;
  readonly issuer: NonNullable<AuthorizeApi["issuer"]>;
  readonly scope: string;
  readonly request: ReceivedRequest;
}

/** Services read these as another method, or as another path, than those of the request. */
const OVERRIDES: ReadonlySet<string> = new Set([
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
]);

/** The method and the path, if every server reads them alike. CGI and its kin read `_` in a header's name as `-`. */
function plainRequest({ method, target, headers }: AskedRequest): { method: string; path: string } | undefined {
  const path = pathOfTarget(target);
  const isOverridden = [...headers.keys()].some((name) => {
    const read = name.replaceAll("_", "-");
    return OVERRIDES.has(read) || (name !== read && read.startsWith("x-drawbridge-"));
  });
  return path === undefined || isOverridden || !/^[A-Z]{1,20}$/.test(method) ? undefined : { method, path };
}

/** Of a token that the bridge made for an upstream. */
const accessClaims = v.object({
  aud: v.string(),
  exp: v.pipe(v.number(), v.transform(epochSeconds)),
  scope: v.string(),
  roles: v.array(v.string()),
  principal: v.object({ iss: v.string(), sub: v.string() }),
  trust_entry: v.string(),
  run: v.optional(runClaim),
});

type AccessClaims = v.InferOutput<typeof accessClaims>;

function callerOfAccess(token: string, claims: AccessClaims): Caller {
  const { aud: audience, exp, scope, roles, principal, trust_entry: trustEntry, run } = claims;
  const { iss: issuer, sub: subject } = principal;
  return {
    principal: { issuer, subject, trustEntry, method: "access-token", credential: "bridge", roles },
    access: { audience, scopes: scope.split(" "), token: new Secret(token) },
    ...(run && { run }),
    expiresAt: toMillis(exp),
  };
}
