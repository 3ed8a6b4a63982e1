/** Longest time that SQS stores a message (API reference, SetQueueAttributes), in days. */
export const QUEUE_DAYS = 14;

/**
 * The shortest time to live of a record in AWS, in days. DynamoDB deletes whatever waits: a record of the stream waits for a
 * day at most, its message in the queue of its action, and then in a dead-letter queue until a person sends it back.
 */
export const MIN_RECORD_DAYS = 1 + 2 * QUEUE_DAYS;
