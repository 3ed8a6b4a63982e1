import { awsLog } from "../shared/aws/aws-log.ts";
import { partnerHandler } from "../shared/aws/partner-events.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { partnerSources } from "../shared/providers/buildkite/partner-source.ts";
import { awsStores } from "./aws-stores.ts";

const { sources, limits } = compiledWithoutRoutes();

/** Records what Buildkite's partner event source tells. The table's stream tells the relay. */
export const handler = partnerHandler({
  sources: partnerSources(sources),
  deliveries: awsStores(limits).deliveries,
  clock,
  log: awsLog("receive-partner", process.env, clock),
});
