import { randomUUID } from "node:crypto";
import { peopleOf } from "../shared/approvals/people.ts";
import { connectSources } from "../shared/config/connect.ts";
import type { Config } from "../shared/config/schema.ts";
import { tokenEncryptionsOf } from "../shared/config/system-tokens.ts";
import { rejectOverRate } from "../shared/delivery/rate-limits.ts";
import { RejectionAudit } from "../shared/delivery/rejection-audit.ts";
import type { RunReporter } from "../shared/delivery/run-tracking.ts";
import type { Clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { type AppDeps, createApp } from "../shared/http/app.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import type { Principal } from "../shared/model/principal.ts";
import { SystemTokens } from "../shared/outbound/system-tokens.ts";
import { statusSource } from "../shared/providers/status/index.ts";
import type { Stores } from "../shared/store/dynamodb/open-stores.ts";

interface BridgeAppDeps extends Stores, Pick<AppDeps, "issuer" | "ready" | "recorded"> {
  readonly secrets: Secrets;
  /** Every configured one, also where `config` is without them. */
  readonly routes: readonly RunReporter[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The HTTP interface of a bridge with this configuration, wherever it runs. */
export function bridgeApp(config: Config, deps: BridgeAppDeps): ReturnType<typeof createApp> {
  const policy = policyOf(config.roles);
  const trustEntries = Object.keys(config.issuers);
  const tokens = createTokenVerifier(config.issuers, { ...deps, publicUrl: config.identity?.issuer });
  const overRate = (principal: Principal) => rejectOverRate(principal, { ...deps, ...config, policy });
  const calls = { ...deps, tokens, trustEntries, policy, rejectOverRate: overRate };
  const systemTokens = new SystemTokens({ ...deps, encryptions: tokenEncryptionsOf(config) });
  const keepToken = systemTokens.keep.bind(systemTokens);
  return createApp({
    ...calls,
    sources: connectSources(config, { ...calls, keepToken }),
    maxBodyBytes: config.limits.bodyBytes,
    status: statusSource({ ...calls, issuers: config.issuers }),
    orders: { ...calls, people: peopleOf(config) },
    refusals: new RejectionAudit(deps),
    newRequestId: randomUUID,
  });
}
