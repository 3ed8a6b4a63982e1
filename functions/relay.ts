import { eventBridgeClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { streamHandler } from "../shared/aws/stream-records.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { relayAll } from "../shared/delivery/relay.ts";
import type { DeliverySummary } from "../shared/model/recorded-delivery.ts";
import { deliveryIn, summaryIn } from "../shared/store/deliveries.ts";
import { fromStored, type StoredItem } from "../shared/store/dynamodb/item.ts";
import { TABLE } from "../shared/store/key-schema.ts";
import { awsBridge } from "./aws-bridge.ts";
import { relayBus } from "./relay-bus.ts";
import { wokenAction } from "./woken-action.ts";

const bridge = awsBridge("relay", compiledWithoutRoutes(), { wokenOf: wokenAction });
const { deliveries: outbox, ownAccounts, credentialUsage, clock, log } = bridge;
const bus = relayBus(bridge, new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME")));

/** Publishes and lists the deliveries that the table's stream reports as recorded. */
export const handler = streamHandler({
  read: (image) => deliveryIn(fromStored(image)),
  relay: async (deliveries) => {
    const left = await relayAll(deliveries, { bus, outbox, deliveries: outbox, ownAccounts, clock, log });
    for (const delivery of deliveries) credentialUsage.delivered(delivery);
    await credentialUsage.settled();
    return left;
  },
  idIn: (keys) => keys[TABLE.partitionKey]?.S,
  markForSweep: async (id, image) => {
    const now = clock.now();
    const summary = image && readableSummaryIn(image);
    await Promise.all([outbox.mark(id, now, now), outbox.addToList(summary ? [summary] : [])]);
  },
  log,
});

function readableSummaryIn(image: StoredItem): DeliverySummary | undefined {
  try {
    return summaryIn(fromStored(image));
  } catch {
    // It has an id and no readable head, so nothing of it can be listed.
    return undefined;
  }
}
