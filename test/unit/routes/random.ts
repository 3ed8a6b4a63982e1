import fc from "fast-check";

/** Few names and few values, so that random patterns and random events meet. */
const name = fc.constantFrom("a", "b", "c", "a.b");
const text = fc.constantFrom("", "x", "y", "xy", "X", "yx", "10.0.0.1", "*");
const number = fc.constantFrom(0, 1, 2.5, -3);
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));

const member = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));

export const anEvent: fc.Arbitrary<object> = member.object;

const wildcard = fc.constantFrom("*", "x*", "*y", "x*y", "\\*", "*x*");
const texts = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 2 }));
const someTexts = texts.filter((value) => value !== "" && !value.includes(""));

const operator = fc.oneof(
  fc.record({ prefix: text }),
  fc.record({ suffix: text }),
  fc.record({ prefix: fc.record({ "equals-ignore-case": text }) }),
  fc.record({ suffix: fc.record({ "equals-ignore-case": text }) }),
  fc.record({ "equals-ignore-case": text }),
  fc.record({ wildcard }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ cidr: fc.constantFrom("10.0.0.0/8", "11.0.0.0/8") }),
  fc.record({ numeric: fc.constantFrom([">", 0], ["=", 1], ["<=", 1], [">=", 0, "<", 2]) }),
  fc.record({ "anything-but": fc.oneof(texts, number, fc.array(number, { minLength: 1, maxLength: 2 })) }),
  fc.record({ "anything-but": fc.record({ prefix: someTexts }) }),
  fc.record({ "anything-but": fc.record({ suffix: someTexts }) }),
  fc.record({ "anything-but": fc.record({ "equals-ignore-case": texts }) }),
  fc.record({ "anything-but": fc.record({ wildcard }) }),
);

const leaf = fc.array(fc.oneof(scalar, operator), { minLength: 1, maxLength: 2 });

const fields = fc.letrec<{ field: unknown; object: object; either: object }>((tie) => ({
  field: fc.oneof({ maxDepth: 2, depthSize: "small" }, leaf, tie("object"), tie("either")),
  object: fc.dictionary(name, tie("field"), { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  either: fc.record({ $or: fc.array(tie("object"), { minLength: 2, maxLength: 2 }) }),
}));

/** Mostly patterns that compile; a field named twice is among them, and is rejected. */
export const aPattern: fc.Arbitrary<object> = fc.oneof({ weight: 3, arbitrary: fields.object }, fields.either);

/** Addresses of few digits, so that they meet in blocks, also across the two families. */
const dotted = fc
  .array(fc.constantFrom("0", "1", "10", "010", "255", "256"), { minLength: 4, maxLength: 4 })
  .map((bytes) => bytes.join("."));
const groups = fc.array(fc.constantFrom("0", "1", "a00", "A01", "00ff", "ffff"), { minLength: 1, maxLength: 3 });
const colons = fc.tuple(groups, groups).map((halves) => halves.map((half) => half.join(":")).join("::"));
const mapped = colons.map((address) => address.replace(/^.*::/, "::ffff:"));
const address = fc.oneof(dotted, colons, mapped);
const block = fc.tuple(address, fc.nat(130)).map(([base, mask]) => ({ cidr: `${base}/${mask}` }));

export const anAddress: fc.Arbitrary<object> = fc.record({ a: address });
export const anAddressPattern: fc.Arbitrary<object> = fc.record({ a: fc.tuple(fc.oneof(address, block)) });
