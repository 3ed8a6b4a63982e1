import { compiledPatterns } from "../shared/config/compiled.ts";
import { readinessByRead } from "../shared/delivery/readiness.ts";
import { RefusalCounts } from "../shared/delivery/refusal-counts.ts";
import type { Bridge } from "./bridge.ts";
import type { RequestPorts } from "./receive-app.ts";

/** What a function in AWS needs to answer requests. `ready` reads an item that need not exist. */
export const awsRequests = (bridge: Bridge): RequestPorts => ({
  ready: () => readinessByRead(() => bridge.deliveries.get("d-readiness")),
  metrics: undefined,
  refusalCounts: new RefusalCounts(bridge),
  patterns: compiledPatterns,
});
