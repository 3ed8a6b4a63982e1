import { readinessByRead } from "../shared/delivery/readiness.ts";
import { RefusalCounts } from "../shared/delivery/refusal-counts.ts";
import type { Bridge } from "./bridge.ts";
import type { RequestPorts } from "./receive-app.ts";

/**
 * What a function in AWS needs to answer requests. `ready` reads an item that need not exist. The digest of the
 * configuration comes from the environment, because the function has no schemas of all providers to compute it.
 */
export function awsRequests(bridge: Bridge): RequestPorts {
  const { CONFIGURATION_DIGEST: configuration } = process.env;
  return {
    ready: async () => ({
      ...(await readinessByRead(() => bridge.deliveries.get("d-readiness"))),
      ...(configuration !== undefined && { configuration }),
    }),
    metrics: undefined,
    refusalCounts: new RefusalCounts(bridge),
  };
}
