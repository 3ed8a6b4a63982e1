/** What proves a source's deliveries, or is shown to a target: says which it is, never its value. */
export interface Credential {
  readonly kind: "source" | "target";
  /** Name of the source or target. */
  readonly name: string;
  /** How it proves the sender, as in {@link Principal.method}; `secret` for a target. */
  readonly method: string;
  /** Of a source `current` or `next`, or the key id of a token; of a target the reference of its secret. */
  readonly credential: string;
}
