import type { ConfigWithoutOrders } from "../shared/config/schema.ts";
import type { TokenVerifier } from "../shared/identity/token-verifier.ts";
import type { Ports } from "./bridge.ts";

/**
 * The verifier of a function that takes requests. Its code is loaded with the first token: a function in AWS that starts for
 * a signed webhook needs none of it, and the sender waits for its start.
 */
export function tokenVerifier(
  config: ConfigWithoutOrders,
  ports: Pick<Ports, "stores" | "clock" | "callOut">,
): TokenVerifier {
  const load = async (): Promise<TokenVerifier> => {
    const { createTokenVerifier } = await import("../shared/identity/verify-token.ts");
    return createTokenVerifier(config.issuers, {
      clock: ports.clock,
      callOut: ports.callOut,
      replayCache: ports.stores.replayCache,
      publicUrl: config.identity?.issuer,
    });
  };
  let loaded: Promise<TokenVerifier> | undefined;
  return {
    async verify(presented, trustEntries) {
      loaded ??= load();
      return (await loaded).verify(presented, trustEntries);
    },
  };
}
