import * as v from "valibot";
import type { AuditLog } from "../delivery/audit-log.ts";
import { type Clock, toSeconds } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import type { CallerDeps } from "../identity/caller.ts";
import type { Roles } from "../identity/policy.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import type { Upstream, Upstreams } from "../identity/upstream.ts";
import { upstreamGrant } from "../identity/upstream-grant.ts";
import { namedPrincipal, type Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { type BridgeIssuer, type OutboundToken, TOKEN_EXCHANGE } from "../outbound/issuer.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { EndedRunStore } from "../store/ended-runs.ts";
import { parseForm, readForm } from "./oauth-form.ts";
import { hasEnded, type RunForm, runOf, type TokenRun, type TokenRunDeps } from "./token-run.ts";

export interface TokenExchangeApi extends TokenRunDeps, Pick<CallerDeps, "tokens" | "trustEntries" | "rejectOverRate"> {
  readonly config: {
    readonly issuers: Readonly<Record<string, TrustEntry>>;
    readonly roles: Roles;
    readonly upstreams: Upstreams;
  };
  readonly issuer: Pick<BridgeIssuer, "mintAccessToken"> | undefined;
  readonly endedRuns: Pick<EndedRunStore, "hasEndedSince">;
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline">;
  readonly auditLog: Pick<AuditLog, "record">;
  readonly clock: Clock;
}

/** RFC 8693 §2.2.1. */
export interface ExchangedToken {
  readonly access_token: string;
  readonly issued_token_type: typeof ACCESS_TOKEN;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
}

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";
/** Systems call the tokens of their jobs by each of these names. All are JWTs, and are verified alike. */
const SUBJECT_TYPES = [JWT, ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:id_token"] as const;
/** RFC 6749 §3.3. A longer word is no scope, and may be a token in the wrong place. */
const SCOPES = /^[!#-[\]-~]{1,100}(?: [!#-[\]-~]{1,100})*$/;

/** The form of a token exchange (RFC 8693 §2.1). The last three members are from a pod, see {@link runOf}. */
export const exchangeForm = v.object({
  grant_type: v.literal(TOKEN_EXCHANGE),
  subject_token: nonEmptyText,
  subject_token_type: v.optional(v.picklist(SUBJECT_TYPES, `must be ${JWT}`)),
  requested_token_type: v.optional(v.picklist([ACCESS_TOKEN, JWT], `must be ${ACCESS_TOKEN}`)),
  actor_token: v.optional(v.never("is not supported: a token is for the holder of another")),
  resource: v.optional(v.never('is not supported: "audience" names the upstream')),
  scope: v.optional(v.pipe(v.string(), v.regex(SCOPES, "must be scopes, separated by one blank"))),
  audience: nonEmptyText,
  drawbridge_run: v.optional(nonEmptyText),
  drawbridge_delivery: v.optional(nonEmptyText),
  drawbridge_proof: v.optional(nonEmptyText),
});

/**
 * `POST /oauth/token`: exchanges the token of a run for a short-lived access token for an upstream (RFC 8693). The subject
 * token is the only credential: it is verified by its trust entry like every token, and its roles decide. The new token
 * never outlives it, and ends with its run. Every exchange is recorded before the token is made.
 */
export async function exchangeToken(request: ReceivedRequest, api: TokenExchangeApi): Promise<Result<ExchangedToken>> {
  const asked = readRequest(request);
  if (!asked.ok) return asked;
  const { form, token, upstream: name, scopes } = asked.value;
  const verified = await api.tokens.verify({ scheme: "bearer", token, request }, api.trustEntries);
  if (!verified.ok) return verified;
  const { principal, shadowRejection, claims } = verified.value;
  const refused = (rejection: Rejection) => reject(rejection, principal);
  const rejection = shadowRejection ?? (await api.rejectOverRate(principal, request));
  if (rejection) return refused(rejection);
  const upstream = Object.hasOwn(api.config.upstreams, name) ? api.config.upstreams[name] : undefined;
  if (upstream === undefined || api.issuer === undefined) return refused({ reason: "upstream_unknown" });
  const run = await runOf(verified.value, form, api);
  const roles = unconfinedRoles(principal, api.config.roles);
  const grant = upstreamGrant(upstream, { roles, hasRun: run !== undefined }, scopes);
  if (!grant.granted) return refused(refusalOf(grant));
  const leftSeconds = Math.floor(Number(claims["exp"])) - toSeconds(api.clock.now());
  const lifetimeSeconds = Math.min(upstream.minutes * 60, leftSeconds);
  // The clock of the trust entry's issuer may be behind.
  if (!(lifetimeSeconds > 0)) return refused({ reason: "token_expired", expiredBySeconds: -lifetimeSeconds });
  if (run !== undefined && (await hasEnded(run, api))) return refused({ reason: "run_ended" });
  const { scopes: granted } = grant;
  const wish = { upstream, name, scopes: granted, by: principal, run, lifetimeSeconds, request };
  const issued = await issueAccessToken(wish, { ...api, issuer: api.issuer });
  return ok({
    access_token: issued.token.reveal(),
    issued_token_type: ACCESS_TOKEN,
    token_type: "Bearer",
    expires_in: lifetimeSeconds,
    scope: granted.join(" "),
  });
}

/** An exchange is about no event, so a confined role allows none. */
export const unconfinedRoles = ({ roles }: Principal, configured: Roles): readonly string[] =>
  roles.filter((role) => configured[role]?.in === undefined);

interface AccessTokenWish {
  readonly name: string;
  readonly upstream: Upstream;
  readonly scopes: readonly string[];
  readonly by: Principal;
  /** The run that the token ends with. */
  readonly run: TokenRun | undefined;
  readonly lifetimeSeconds: number;
  readonly request: ReceivedRequest;
}

/**
 * Records an exchange, in the audit log and in the timeline of the delivery for which the run was started, and then makes
 * the access token.
 */
export async function issueAccessToken(
  { name, upstream, scopes, by, run, lifetimeSeconds, request }: AccessTokenWish,
  {
    config,
    issuer,
    auditLog,
    deliveries,
    clock,
  }: Pick<TokenExchangeApi, "auditLog" | "deliveries" | "clock"> & {
    readonly config: Pick<TokenExchangeApi["config"], "roles">;
    readonly issuer: NonNullable<TokenExchangeApi["issuer"]>;
  },
): Promise<OutboundToken> {
  const now = clock.now();
  const scope = scopes.join(" ");
  await auditLog.record({ act: "token_exchanged", object: `${name} ${scope}`.trim(), by, request });
  const { delivery } = run ?? {};
  if (delivery !== undefined)
    await deliveries.addToTimeline(delivery, { at: now, kind: "token_exchanged", upstream: name, scope, by });
  const content = {
    audience: upstream.audience,
    scopes,
    lifetimeSeconds,
    principal: namedPrincipal(by),
    roles: unconfinedRoles(by, config.roles),
    ...(run && { run: { keys: run.keys, since: run.since }, initiator: run.initiator, delivery }),
  };
  return issuer.mintAccessToken(content, now);
}

interface AskedToken {
  readonly form: RunForm;
  readonly token: string;
  readonly upstream: string;
  readonly scopes: readonly string[] | undefined;
}

function readRequest({ body }: ReceivedRequest): Result<AskedToken> {
  const form = readForm(body);
  if (!form.ok) return form;
  const { grant_type = TOKEN_EXCHANGE } = form.value;
  if (grant_type !== TOKEN_EXCHANGE) return reject({ reason: "grant_type_unsupported" });
  const asked = parseForm(form.value, exchangeForm);
  if (!asked.ok) return asked;
  const { subject_token: token, audience: upstream, scope } = asked.value;
  return ok({ form: asked.value, token, upstream, scopes: scope?.split(" ") });
}

export function refusalOf(grant: Extract<ReturnType<typeof upstreamGrant>, { granted: false }>): Rejection {
  switch (grant.because) {
    case "role":
      return { reason: "role_missing", role: grant.role };
    case "run":
      return { reason: "run_missing" };
    case "scope":
      return { reason: "scope_forbidden", scope: grant.scope };
  }
}
