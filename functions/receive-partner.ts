import { partnerHandler } from "../shared/aws/partner-events.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { partnerSources } from "../shared/providers/buildkite/partner-source.ts";
import { awsBridge } from "./aws-bridge.ts";

const { config, deliveries, origins, rejectOverRate, runReporters, secrets, recorded, clock, log } = awsBridge(
  "receive-partner",
  compiledWithoutRoutes(),
);

/** Records the events of Buildkite's partner event source. The table's stream invokes the relay. */
export const handler = partnerHandler({
  sources: partnerSources(config.sources),
  deliveries,
  origins,
  rejectOverRate,
  runReporters,
  secrets,
  recorded,
  clock,
  log,
});
