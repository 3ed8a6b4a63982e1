/** Patterns that are rejected, and where. `ours` says why, if Event Ruler accepts what EventBridge or the bridge rejects. */
export interface RefusedRow {
  readonly name: string;
  readonly pattern: unknown;
  readonly at: readonly (string | number)[];
  readonly ours?: string;
}

const documented = "the documented range of numeric matching";
const asField = "it would be a field named $or, which no event has";

export const refusedRows: readonly RefusedRow[] = [
  { name: "nothing", pattern: {}, at: [] },
  { name: "a text", pattern: "x", at: [] },
  { name: "a list", pattern: [{ a: ["x"] }], at: [] },
  { name: "null", pattern: null, at: [] },
  { name: "a leaf that is not a list", pattern: { a: { b: "x" } }, at: ["a", "b"] },
  { name: "a number as a leaf", pattern: { a: 5 }, at: ["a"] },
  { name: "an empty list", pattern: { a: [] }, at: ["a"] },
  { name: "an empty object", pattern: { a: {} }, at: ["a"] },
  { name: "a list within a list", pattern: { a: ["x", ["y"]] }, at: ["a", 1] },
  { name: "an operator without its list", pattern: { a: { prefix: "x" } }, at: ["a", "prefix"] },
  { name: "an unknown operator", pattern: { a: [{ contains: "x" }] }, at: ["a", 0, "contains"] },
  { name: "an inherited name as operator", pattern: { a: [{ toString: "x" }] }, at: ["a", 0, "toString"] },
  { name: "two operators in one object", pattern: { a: [{ prefix: "x", suffix: "y" }] }, at: ["a", 0] },
  { name: "no operator", pattern: { a: [{}] }, at: ["a", 0] },
  { name: "prefix of a number", pattern: { a: [{ prefix: 1 }] }, at: ["a", 0, "prefix"] },
  { name: "prefix of a list", pattern: { a: [{ prefix: ["x"] }] }, at: ["a", 0, "prefix"] },
  {
    name: "prefix of an operator that it does not take",
    pattern: { a: [{ prefix: { wildcard: "x" } }] },
    at: ["a", 0, "prefix"],
  },
  {
    name: "prefix, ignoring the case of a number",
    pattern: { a: [{ prefix: { "equals-ignore-case": 1 } }] },
    at: ["a", 0, "prefix", "equals-ignore-case"],
  },
  { name: "suffix of null", pattern: { a: [{ suffix: null }] }, at: ["a", 0, "suffix"] },
  {
    name: "equals-ignore-case of a list",
    pattern: { a: [{ "equals-ignore-case": ["x"] }] },
    at: ["a", 0, "equals-ignore-case"],
  },
  {
    name: "ignoring case beside an emoji",
    pattern: { a: [{ prefix: { "equals-ignore-case": "done \u{1F389}" } }] },
    at: ["a", 0, "prefix", "equals-ignore-case"],
    ours: "Event Ruler compares it with question marks",
  },
  { name: "two stars", pattern: { a: [{ wildcard: "a**" }] }, at: ["a", 0, "wildcard"] },
  { name: "an escape of nothing", pattern: { a: [{ wildcard: "a\\" }] }, at: ["a", 0, "wildcard"] },
  { name: "an escape of a letter", pattern: { a: [{ wildcard: "a\\b" }] }, at: ["a", 0, "wildcard"] },
  { name: "anything but null", pattern: { a: [{ "anything-but": null }] }, at: ["a", 0, "anything-but"] },
  { name: "anything but a boolean", pattern: { a: [{ "anything-but": [true] }] }, at: ["a", 0, "anything-but"] },
  { name: "anything but nothing", pattern: { a: [{ "anything-but": [] }] }, at: ["a", 0, "anything-but"] },
  { name: "anything but a mixed list", pattern: { a: [{ "anything-but": ["x", 1] }] }, at: ["a", 0, "anything-but"] },
  {
    name: "anything but numeric",
    pattern: { a: [{ "anything-but": { numeric: ["=", 1] } }] },
    at: ["a", 0, "anything-but", "numeric"],
  },
  {
    name: "anything but an empty prefix",
    pattern: { a: [{ "anything-but": { prefix: "" } }] },
    at: ["a", 0, "anything-but", "prefix"],
  },
  {
    name: "anything but a bad wildcard",
    pattern: { a: [{ "anything-but": { wildcard: ["x", "**"] } }] },
    at: ["a", 0, "anything-but", "wildcard"],
  },
  {
    name: "anything but no prefixes",
    pattern: { a: [{ "anything-but": { prefix: [] } }] },
    at: ["a", 0, "anything-but", "prefix"],
    ours: "it would match everything",
  },
  { name: "numeric of a number", pattern: { a: [{ numeric: 5 }] }, at: ["a", 0, "numeric"] },
  { name: "numeric without a number", pattern: { a: [{ numeric: [">"] }] }, at: ["a", 0, "numeric"] },
  { name: "numeric of a text", pattern: { a: [{ numeric: [">", "5"] }] }, at: ["a", 0, "numeric"] },
  { name: "numeric with an unknown operator", pattern: { a: [{ numeric: ["!=", 5] }] }, at: ["a", 0, "numeric"] },
  { name: "numeric with too much", pattern: { a: [{ numeric: [">", 1, "<", 5, "<", 6] }] }, at: ["a", 0, "numeric"] },
  {
    name: "a range with its upper end first",
    pattern: { a: [{ numeric: ["<", 5, ">", 0] }] },
    at: ["a", 0, "numeric"],
  },
  { name: "a range with its ends reversed", pattern: { a: [{ numeric: [">", 5, "<", 0] }] }, at: ["a", 0, "numeric"] },
  { name: "an empty range", pattern: { a: [{ numeric: [">=", 5, "<=", 5] }] }, at: ["a", 0, "numeric"] },
  { name: "a range from equal", pattern: { a: [{ numeric: ["=", 5, "<", 6] }] }, at: ["a", 0, "numeric"] },
  {
    name: "a number beyond the range",
    pattern: { a: [{ numeric: ["<", 5.1e9] }] },
    at: ["a", 0, "numeric"],
    ours: documented,
  },
  {
    name: "a number too long to hold",
    pattern: { a: [2 ** 53] },
    at: ["a", 0],
    ours: "it may not be the number that was meant",
  },
  { name: "exists of a text", pattern: { a: [{ exists: "true" }] }, at: ["a", 0, "exists"] },
  { name: "cidr without a mask", pattern: { a: [{ cidr: "10.0.0.0" }] }, at: ["a", 0, "cidr"] },
  { name: "cidr of a single address", pattern: { a: [{ cidr: "10.0.0.0/32" }] }, at: ["a", 0, "cidr"] },
  { name: "cidr of a single IPv6 address", pattern: { a: [{ cidr: "::1/128" }] }, at: ["a", 0, "cidr"] },
  { name: "cidr of a name", pattern: { a: [{ cidr: "localhost/8" }] }, at: ["a", 0, "cidr"] },
  { name: "cidr of a number", pattern: { a: [{ cidr: 10 }] }, at: ["a", 0, "cidr"] },
  { name: "$or of one", pattern: { $or: [{ a: ["x"] }] }, at: ["$or"] },
  { name: "$or of an object", pattern: { $or: { a: ["x"] } }, at: ["$or"], ours: asField },
  { name: "$or of texts", pattern: { $or: ["x", "y"] }, at: ["$or", 0], ours: asField },
  { name: "$or with an empty object", pattern: { $or: [{ a: ["x"] }, {}] }, at: ["$or", 1] },
  {
    name: "$or of operators",
    pattern: { a: { $or: [{ prefix: ["x"] }, { b: ["x"] }] } },
    at: ["a", "$or", 0, "prefix"],
  },
  { name: "a field in and beside $or", pattern: { a: ["x"], $or: [{ a: ["y"] }, { b: ["x"] }] }, at: ["$or", 0, "a"] },
  { name: "a field named in two ways", pattern: { a: { b: ["x"] }, "a.b": ["y"] }, at: ["a.b"] },
];
