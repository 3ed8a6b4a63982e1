import { streamHandler } from "../shared/aws/stream-records.ts";
import { LastUses } from "../shared/delivery/credential-usage.ts";
import { relayAll } from "../shared/delivery/relay.ts";
import { recordedEventIn } from "../shared/store/dynamodb/deliveries.ts";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { relaying } from "./relaying.ts";

const tools = relaying("relay");
const lastUses = new LastUses(tools);

/** Publishes what the table's stream tells was recorded. */
export const handler = streamHandler({
  read: recordedEventIn,
  relay: async (deliveries) => {
    const left = await relayAll(deliveries, tools);
    for (const delivery of deliveries) lastUses.delivered(delivery);
    await lastUses.settled();
    return left;
  },
  idIn: (keys) => keys[TABLE.partitionKey]?.S,
  leave: (id) => tools.outbox.mark(id, tools.clock.now()),
  log: tools.log,
});
