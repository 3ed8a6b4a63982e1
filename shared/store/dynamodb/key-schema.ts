/**
 * The one table. Names are written here once; the adapters, the infrastructure and the storage documentation import
 * them. What each item looks like, with an example, is in `docs/storage-schema.md`.
 */
export const TABLE = {
  partitionKey: "pk",
  sortKey: "sk",
  /** Epoch seconds; DynamoDB deletes the item some time after it. */
  timeToLive: "expiresAt",
  /** Deliveries of a day, newest first. Holds what a list shows, so that a list reads nothing else. */
  dayIndex: {
    name: "by-day",
    partitionKey: "day",
    sortKey: "seen",
    projected: ["source", "outcome", "what", "subject", "principal", "refusal"],
  },
  /** What is to be done at a time: sparse, an item leaves it when it is done. */
  dueIndex: { name: "due", partitionKey: "queue", sortKey: "dueAt" },
} as const;

/** The parts of a day's index, so that one day's writes do not all meet in one partition (1,000 writes a second each). */
export const DAY_SHARDS = 4;
