import type { ConfigWithoutOrders } from "../shared/config/schema.ts";
import type { WatchedTokenVerifier } from "../shared/identity/token-verifier.ts";
import type { Ports } from "./bridge.ts";

/**
 * The verifier of a function that takes requests. Its code is loaded with the first token: a function in AWS that starts for
 * a signed webhook needs none of it, and the sender waits for its start.
 */
export function tokenVerifier(
  config: ConfigWithoutOrders,
  ports: Pick<Ports, "stores" | "clock" | "callOut">,
): WatchedTokenVerifier {
  const load = async (): Promise<WatchedTokenVerifier> => {
    const { createTokenVerifier } = await import("../shared/identity/verify-token.ts");
    return createTokenVerifier(config.issuers, {
      clock: ports.clock,
      callOut: ports.callOut,
      replayCache: ports.stores.replayCache,
      publicUrl: config.identity?.issuer,
    });
  };
  let loaded: Promise<WatchedTokenVerifier> | undefined;
  let verifier: WatchedTokenVerifier | undefined;
  return {
    async verify(presented, trustEntries) {
      loaded ??= load();
      verifier = await loaded;
      return verifier.verify(presented, trustEntries);
    },
    unreadable: () => verifier?.unreadable() ?? [],
  };
}
