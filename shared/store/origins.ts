/** Which delivery a listener's `eventID` belongs to. Every method throws `store_unavailable`. */
export interface OriginStore {
  /** `source` is the source that will tell of the runs. Harmless when repeated. */
  remember(source: string, triggerEventId: string, delivery: string): Promise<void>;
  find(source: string, triggerEventId: string): Promise<string | undefined>;
}
