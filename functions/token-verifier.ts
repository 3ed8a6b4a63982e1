import type { Config } from "../shared/config/schema.ts";
import type { TokenVerifier } from "../shared/identity/token-verifier.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import type { Ports } from "./bridge.ts";

/** The verifier of a function that takes requests. */
export const tokenVerifier = (config: Config, ports: Pick<Ports, "stores" | "clock" | "callOut">): TokenVerifier =>
  createTokenVerifier(config.issuers, {
    clock: ports.clock,
    callOut: ports.callOut,
    replayCache: ports.stores.replayCache,
    publicUrl: config.identity?.issuer,
  });
