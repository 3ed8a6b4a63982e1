/**
 * The one table. Names are written here once; the adapters, the infrastructure and the storage documentation import
 * them. What each item looks like, with an example, is in `docs/storage/`.
 */
export const TABLE = {
  partitionKey: "pk",
  sortKey: "sk",
  /** Epoch seconds; DynamoDB deletes the item some time later. */
  timeToLive: "expiresAt",
  /** Id of the request that created the item. Only DynamoDB's items have it. */
  createdBy: "createdBy",
  /** Deliveries of a day, newest first. It projects the fields of a list, so that a list reads only this index. */
  dayIndex: {
    name: "by-day",
    partitionKey: "day",
    sortKey: "seen",
    projected: ["source", "outcome", "what", "subject", "principal", "refusal"],
  },
  /** Work that is due at a time. The index is sparse: an item leaves it when its work is done. */
  dueIndex: { name: "due", partitionKey: "queue", sortKey: "dueAt" },
} as const;

/** Partitions of one day in the index, so that the writes of a day are spread (each takes 1,000 writes a second). */
export const DAY_SHARDS = 4;
