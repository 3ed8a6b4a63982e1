import { paginateScan } from "@aws-sdk/client-dynamodb";
import { unpackContent } from "../../shared/store/dynamodb/delivery-content.ts";
import { startEmbeddedDynamoDb } from "../../shared/store/dynamodb/embedded.ts";
import { fromStored } from "../../shared/store/dynamodb/item.ts";
import type { Output } from "./canaries.ts";

/** Every item in a data folder that no process has open: its content unpacked, without the body that was received. */
export async function storedItems(path: string): Promise<readonly Output[]> {
  const { client, stop } = await startEmbeddedDynamoDb({ path });
  const items: Output[] = [];
  for await (const { Items = [] } of paginateScan({ client }, { TableName: "drawbridge" })) {
    for (const stored of Items) {
      const { content, ...item } = fromStored(stored);
      const { body: _, ...unpacked } = content === undefined ? {} : unpackContent({ ...item, content });
      const kind = String(item["pk"]).split(/[-#]/)[0];
      items.push({ where: `an item of ${kind}`, text: JSON.stringify({ ...item, ...unpacked }) });
    }
  }
  await stop();
  return items;
}
