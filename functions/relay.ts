import { streamHandler } from "../shared/aws/stream-records.ts";
import { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { relayAll } from "../shared/delivery/relay.ts";
import { recordedEventIn } from "../shared/store/dynamodb/deliveries.ts";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { relaying } from "./relaying.ts";

const deps = relaying("relay");
const credentialUsage = new CredentialUsage(deps);

/** Publishes what the table's stream tells was recorded. */
export const handler = streamHandler({
  read: recordedEventIn,
  relay: async (deliveries) => {
    const left = await relayAll(deliveries, deps);
    for (const delivery of deliveries) credentialUsage.delivered(delivery);
    await credentialUsage.settled();
    return left;
  },
  idIn: (keys) => keys[TABLE.partitionKey]?.S,
  leave: (id) => deps.outbox.mark(id, deps.clock.now()),
  log: deps.log,
});
