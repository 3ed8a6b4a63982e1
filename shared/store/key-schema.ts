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
  /** Work that is due at a time. The index is sparse: an item leaves it when its work is done. */
  dueIndex: { name: "due", partitionKey: "queue", sortKey: "dueAt" },
  /**
   * Actions and deliveries that a person has to look at, by state, newest first. The index is sparse, and each entry is put
   * and removed in the write that settles the attempt.
   */
  stateIndex: {
    name: "by-state",
    partitionKey: "attention",
    sortKey: "attentionAt",
    projected: ["delivery", "route", "target", "source"],
  },
} as const;

/** Partitions of one state in its index. */
export const STATE_SHARDS = 4;
