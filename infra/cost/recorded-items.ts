import { DynamoDBClient, type PutItemCommandInput, type ServiceOutputTypes } from "@aws-sdk/client-dynamodb";
import { receive } from "../../shared/delivery/receive.ts";
import type { TraceParent } from "../../shared/host/trace.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import { ok } from "../../shared/model/result.ts";
import { providers } from "../../shared/providers/registry.ts";
import { DeliveryStore, deliveryIn } from "../../shared/store/deliveries.ts";
import { fromStored, type StoredItem } from "../../shared/store/dynamodb/item.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { recordedDeliveries } from "../../test/support/peer-data.ts";
import {
  connectFixtureSource,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  SOURCE,
} from "../../test/support/provider-fixtures.ts";
import { noProvedRuns, secretsOf, silentLog, testClock } from "../../test/support/test-doubles.ts";

/** A request to record in the table. */
interface Sample {
  readonly provider: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly url: URL;
  readonly sentAt?: string;
}

export interface RecordedItem {
  readonly provider: string;
  readonly body: Uint8Array;
  /** As `receive` writes it in AWS. */
  readonly item: StoredItem;
  /** Bytes of the event that `relay` publishes; 0 if it publishes none. */
  readonly entryBytes: number;
}

/** The items of every fixture of this repository. */
export const fixtureItems = (): Promise<readonly RecordedItem[]> =>
  itemsOf(providers.flatMap(({ name }) => fixturesOf(name).map((fixture) => ({ ...fixture, provider: name }))));

/**
 * The items of every body that others recorded, below the folder `root`. The recorded files are indented; the bodies are
 * measured without indentation, as senders write JSON.
 */
export const peerItems = (root: string): Promise<readonly RecordedItem[]> =>
  itemsOf(
    recordedDeliveries(root).map(({ body, query, ...one }) => ({
      ...one,
      body: Buffer.from(JSON.stringify(JSON.parse(Buffer.from(body).toString("utf8")))),
      url: new URL(`${ADDRESS}${query}`),
    })),
  );

const ADDRESS = `https://bridge.example.test/webhooks/${SOURCE}`;

async function itemsOf(samples: readonly Sample[]): Promise<readonly RecordedItem[]> {
  const items: RecordedItem[] = [];
  for (const sample of samples) {
    const { provider, body } = sample;
    const item = await itemOf(sample);
    const delivery = deliveryIn(fromStored(item));
    const busEvents = delivery ? busEventsOf(delivery) : [];
    items.push({
      provider,
      body,
      item,
      entryBytes: busEvents.reduce((bytes, busEvent) => bytes + Buffer.byteLength(JSON.stringify(busEvent)), 0),
    });
  }
  return items;
}

/** Receives a sample as the bridge would, except for authentication: the bridge has no key for what others recorded. */
async function itemOf({ provider, url, body, headers, sentAt }: Sample): Promise<StoredItem> {
  const clock = testClock(sentAt);
  const implementation = providers.find(({ name }) => name === provider);
  if (implementation === undefined) throw new Error(`there is no provider ${provider}`);
  const { read } = connectFixtureSource(implementation, fixtureSourceOf(provider), clock);
  const proof = ok({ principal: sourcePrincipal(SOURCE, "hub-signature", "current") });
  const source = { name: SOURCE, provider, contentTypes: [], read, authenticate: async () => proof };
  const request = { ...requestOf({ url, body }, new Headers(headers), clock), requestId: REQUEST_ID };
  const { client, put } = capturingClient();
  const table = new DynamoDbTable(client, "drawbridge");
  const deliveries = new DeliveryStore(table, { retentionDays: 90, markUnrelayed: false });
  await receive({ ...request, traceparent: TRACE }, source, {
    deliveries,
    rejectOverRate: async () => undefined,
    runReporters: [],
    origins: noProvedRuns,
    secrets: secretsOf({}),
    recorded: () => undefined,
    log: silentLog,
  });
  const [item, ...more] = put;
  if (item === undefined || more.length > 0) throw new Error("a delivery is one write");
  return item;
}

/** A constant request id of the usual length, so that measurements are repeatable. */
export const REQUEST_ID = "6f1b0d3e-92c4-4a57-8be1-d07c35f9a284";
const TRACE = "00-4f6c1d2e8a9b4c3d9e0f1a2b3c4d5e6f-7a8b9c0d1e2f3a4b-01" as TraceParent;

/** A client that records the items of its puts and sends nothing. */
function capturingClient() {
  const put: StoredItem[] = [];
  const client = new DynamoDBClient({ region: "local" });
  client.middlewareStack.add(
    () => async (call) => {
      // `as`: `receive` sends no other command.
      put.push((call.input as PutItemCommandInput).Item ?? {});
      return { response: undefined, output: { $metadata: {} } as ServiceOutputTypes };
    },
    { step: "initialize" },
  );
  return { client, put };
}
