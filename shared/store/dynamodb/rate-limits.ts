import { type EpochMillis, toSeconds } from "../../host/clock.ts";
import type { RateLimitStore } from "../rate-limits.ts";
import { TABLE } from "./key-schema.ts";
import type { DynamoDbTable } from "./table.ts";

export class DynamoDbRateLimits implements RateLimitStore {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  async count(bucket: readonly string[], now: EpochMillis, limit: number): Promise<boolean> {
    const minute = Math.floor(now / MINUTE_MS);
    const before = await this.#table.change(
      { pk: `rate#${JSON.stringify(bucket)}`, sk: String(minute) },
      {
        text: "ADD #count :one SET #expiresAt = :expiresAt",
        condition: "attribute_not_exists(#count) OR #count < :limit",
        names: { "#count": "count", "#expiresAt": TABLE.timeToLive },
        values: { ":one": 1, ":limit": limit, ":expiresAt": toSeconds(now) + RETENTION_SECONDS },
      },
    );
    return before !== undefined;
  }
}

const MINUTE_MS = 60_000;
/** A count is not used after its minute. */
const RETENTION_SECONDS = 300;
