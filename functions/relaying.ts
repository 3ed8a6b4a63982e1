import { peopleOf } from "../shared/approvals/people.ts";
import { withSideEffects } from "../shared/approvals/side-effects.ts";
import { awsLog } from "../shared/aws/aws-log.ts";
import { eventBridgeClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledRunReporters, compiledWithoutRoutes, hasCompiledGates } from "../shared/config/compiled.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { awsStores } from "./aws-stores.ts";

/** What the functions that publish share: the stores, and the bus that first heeds what is said to the bridge itself. */
export function relaying(name: "relay" | "sweep") {
  const { limits, roles, sources, issuers } = compiledWithoutRoutes();
  const log = awsLog(name, process.env, clock);
  const stores = awsStores(limits);
  const bus = withSideEffects(new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME")), {
    ...stores,
    policy: policyOf(roles),
    people: peopleOf({ sources, issuers }),
    routes: compiledRunReporters(),
    hasGates: hasCompiledGates(),
    clock,
    log,
  });
  return { ...stores, outbox: stores.deliveries, bus, clock, log };
}
