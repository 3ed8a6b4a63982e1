import type { Clock } from "../host/clock.ts";
import type { Secrets } from "../host/secrets.ts";
import { createTokenVerifier } from "../identity/verify-token.ts";
import type { ProviderDeps } from "../providers/provider.ts";
import { noReplayCache } from "../store/replay-cache.ts";
import type { Config } from "./schema.ts";

/** The dependencies of a command that signs fixtures or checks sources. Such a command receives no deliveries. */
export const signingDeps = ({ issuers }: Pick<Config, "issuers">, secrets: Secrets, clock: Clock): ProviderDeps => ({
  secrets,
  clock,
  tokens: createTokenVerifier(issuers, { clock, replayCache: noReplayCache, publicUrl: undefined }),
  keepToken: async () => undefined,
});
