import { eventBridgeClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { streamHandler } from "../shared/aws/stream-records.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { relayAll } from "../shared/delivery/relay.ts";
import { recordedEventIn } from "../shared/store/deliveries.ts";
import { fromStored } from "../shared/store/dynamodb/item.ts";
import { TABLE } from "../shared/store/key-schema.ts";
import { awsBridge } from "./aws-bridge.ts";
import { relayBus } from "./relay-bus.ts";

const bridge = awsBridge("relay", compiledWithoutRoutes());
const { deliveries: outbox, ownAccounts, credentialUsage, clock, log } = bridge;
const bus = relayBus(bridge, new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME")));

/** Publishes the deliveries that the table's stream reports as recorded. */
export const handler = streamHandler({
  read: (image) => recordedEventIn(fromStored(image)),
  relay: async (deliveries) => {
    const left = await relayAll(deliveries, { bus, outbox, deliveries: outbox, ownAccounts, clock, log });
    for (const delivery of deliveries) credentialUsage.delivered(delivery);
    await credentialUsage.settled();
    return left;
  },
  idIn: (keys) => keys[TABLE.partitionKey]?.S,
  markForSweep: (id) => {
    const now = clock.now();
    return outbox.mark(id, now, now);
  },
  log,
});
