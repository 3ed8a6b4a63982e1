/**
 * Maps the `eventID` of a Tekton listener to the delivery that triggered it. Every method throws `store_unavailable`.
 */
export interface OriginStore {
  /** `source` is the source that reports the runs. Idempotent. */
  remember(source: string, triggerEventId: string, delivery: string): Promise<void>;
  find(source: string, triggerEventId: string): Promise<string | undefined>;
}
