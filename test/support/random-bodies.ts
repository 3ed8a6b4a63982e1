import * as fc from "fast-check";

/** Any JSON text at all. */
export const jsonBodies: fc.Arbitrary<Uint8Array> = fc.json().map((text) => new Uint8Array(Buffer.from(text)));

/** A JSON body with some members removed or replaced: wrong types, long texts, odd numbers. */
export function mutatedBodies(body: Uint8Array): fc.Arbitrary<Uint8Array> {
  const text = Buffer.from(body).toString("utf8");
  return fc
    .array(mutation, { minLength: 1, maxLength: 4 })
    .map((mutations) => new Uint8Array(Buffer.from(mutations.reduce(mutated, text))));
}

interface Mutation {
  /** Index of the changed value, modulo the number of values. */
  readonly at: number;
  /** `undefined` removes the value. */
  readonly to: unknown;
}

function mutated(json: string, { at, to }: Mutation): string {
  let values = 0;
  JSON.parse(json, () => values++);
  let seen = 0;
  const changed: unknown = JSON.parse(json, (_, value) => (seen++ === at % values ? to : value));
  return JSON.stringify(changed) ?? "null";
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  to: fc.oneof(
    fc.constant(undefined),
    fc.jsonValue(),
    fc.constantFrom("", "x".repeat(20_000), `https://example.com/${"y".repeat(5_000)}`, "0000-00-00 99:99:99 UTC"),
    fc.constantFrom<unknown>(null, -1, 0.5, 1e308, Number.MAX_SAFE_INTEGER, true, [], {}, [[]], { id: {} }),
  ),
});
