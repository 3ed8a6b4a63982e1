import { randomUUID } from "node:crypto";
import { peopleOf } from "../shared/approvals/people.ts";
import { connectSources } from "../shared/config/connect.ts";
import type { Config } from "../shared/config/schema.ts";
import { sealingsOf } from "../shared/config/system-tokens.ts";
import { refuseOverRate } from "../shared/delivery/rate-limits.ts";
import { Refusals } from "../shared/delivery/rejection-audit.ts";
import type { RunReporter } from "../shared/delivery/run-tracking.ts";
import type { Clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { type AppTools, createApp } from "../shared/http/app.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import type { Principal } from "../shared/model/principal.ts";
import { SystemTokens } from "../shared/outbound/system-tokens.ts";
import { statusSource } from "../shared/providers/status/index.ts";
import type { Stores } from "../shared/store/dynamodb/open-stores.ts";

interface BridgeAppTools extends Stores, Pick<AppTools, "issuer" | "ready" | "recorded"> {
  readonly secrets: Secrets;
  /** Every configured one, also where `config` is without them. */
  readonly routes: readonly RunReporter[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The HTTP interface of a bridge with this configuration, wherever it runs. */
export function bridgeApp(config: Config, tools: BridgeAppTools): ReturnType<typeof createApp> {
  const policy = policyOf(config.roles);
  const trustEntries = Object.keys(config.issuers);
  const tokens = createTokenVerifier(config.issuers, { ...tools, publicUrl: config.identity?.issuer });
  const overRate = (principal: Principal) => refuseOverRate(principal, { ...tools, ...config, policy });
  const calls = { ...tools, tokens, trustEntries, policy, refuseOverRate: overRate };
  const systemTokens = new SystemTokens({ ...tools, sealings: sealingsOf(config) });
  const keepToken = systemTokens.keep.bind(systemTokens);
  return createApp({
    ...calls,
    sources: connectSources(config, { ...calls, keepToken }),
    maxBodyBytes: config.limits.bodyBytes,
    status: statusSource({ ...calls, issuers: config.issuers }),
    orders: { ...calls, people: peopleOf(config) },
    refusals: new Refusals(tools),
    newRequestId: randomUUID,
  });
}
