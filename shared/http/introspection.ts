import * as v from "valibot";
import type { Clock } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Upstreams } from "../identity/upstream.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { BridgeIssuer } from "../outbound/issuer.ts";
import { verifyAccessToken } from "../outbound/verify-access-token.ts";
import type { EndedRunStore } from "../store/ended-runs.ts";
import { parseForm, readForm } from "./oauth-form.ts";
import { hasEnded, runClaim } from "./token-run.ts";

export interface IntrospectionApi extends CallerDeps {
  readonly config: { readonly upstreams: Upstreams };
  readonly issuer: Pick<BridgeIssuer, "issuer" | "keySet"> | undefined;
  readonly endedRuns: Pick<EndedRunStore, "hasEndedSince">;
  readonly clock: Clock;
}

/** RFC 7662 §2.1. */
export const introspectionForm = v.object({ token: nonEmptyText });

/** RFC 7662 §2.2: the claims of an active token, and nothing about any other. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true } & Readonly<Record<string, unknown>>);

/**
 * `POST /oauth/introspect`: says whether an access token of the bridge is active (RFC 7662). It is not once its run has
 * ended, or once its upstream is configured no more. The caller authenticates with a token of its own, in the
 * Authorization header, and needs the role.
 */
export async function introspectToken(request: ReceivedRequest, api: IntrospectionApi): Promise<Result<Introspection>> {
  const caller = await callerOf(request, "of a target", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  // A token of an upstream is about no event.
  const forbidden = api.policy.rejectCall(by, "introspection", []);
  if (forbidden) return reject(forbidden, by);
  const form = readForm(request.body);
  if (!form.ok) return reject(form.rejection, by);
  const asked = parseForm(form.value, introspectionForm);
  if (!asked.ok) return reject(asked.rejection, by);
  const { token } = asked.value;
  const claims = api.issuer && (await verifyAccessToken(token, api.issuer, api.clock.now()));
  return ok(claims && (await isActive(claims, api)) ? { active: true, token_type: "Bearer", ...claims } : INACTIVE);
}

const INACTIVE = { active: false } as const;

async function isActive(claims: object, { config, endedRuns }: IntrospectionApi): Promise<boolean> {
  const read = v.safeParse(ownClaims, claims);
  if (!read.success) return false;
  const { aud, run } = read.output;
  if (!Object.values(config.upstreams).some(({ audience }) => audience === aud)) return false;
  return run === undefined || !(await hasEnded(run, { endedRuns }));
}

/** Of a token that the bridge made. */
const ownClaims = v.object({ aud: v.string(), run: v.optional(runClaim) });
