/** Identifies a credential that proves deliveries of a source, or that is sent to a target. Never holds its value. */
export interface Credential {
  readonly kind: "source" | "target";
  /** Name of the source or target. */
  readonly name: string;
  /** For a source, the method as in {@link Principal.method}; for a target, `secret`. */
  readonly method: string;
  /** For a source, `current`, `next` or the key id of a token; for a target, the reference of its secret. */
  readonly credential: string;
}
