import type { EpochSeconds } from "../../host/clock.ts";
import type { ReplayCache } from "../replay-cache.ts";
import { TABLE } from "./key-schema.ts";
import type { DynamoDbTable } from "./table.ts";

export class DynamoDbReplayCache implements ReplayCache {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  async take(token: string, use: string, until: EpochSeconds): Promise<boolean> {
    const before = await this.#table.change(
      { pk: `seen#${token}`, sk: "head" },
      {
        text: "SET #use = :use, #expiresAt = :expiresAt",
        condition: "attribute_not_exists(#use) OR #use = :use",
        names: { "#use": "use", "#expiresAt": TABLE.timeToLive },
        values: { ":use": use, ":expiresAt": until },
      },
    );
    return before !== undefined;
  }
}
