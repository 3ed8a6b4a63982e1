/** What each operator must and must not match. The unit test and the oracle lane both run these rows. */
export interface PatternRow {
  readonly name: string;
  readonly pattern: unknown;
  readonly matches: readonly object[];
  readonly misses: readonly object[];
}

const of = (...values: unknown[]): object[] => values.map((a) => ({ a }));
const row = (name: string, pattern: unknown, matches: readonly object[], misses: readonly object[]): PatternRow => ({
  name,
  pattern,
  matches,
  misses,
});

export const patternRows: readonly PatternRow[] = [
  row("a text is equal", { a: ["x"] }, of("x", ["y", "x"]), [...of("X", "xx", "", 1, null, [], { x: 1 }), {}]),
  row("one of several texts", { a: ["x", "y"] }, of("x", "y", ["z", "y"]), of("z", ["z"])),
  row("the empty text", { a: [""] }, of("", [""]), [...of(null, " ", []), {}]),
  row("a number is equal, however it is written", { a: [300] }, of(300, 3e2, [1, 300]), of("300", 301, 300.1, true)),
  row("a fraction", { a: [301.8] }, of(301.8), of(301, 301.80001)),
  row("zero", { a: [0] }, of(0, -0), of("0", false, null)),
  row("a large number", { a: [123456789012] }, of(123456789012), of(123456789013, "123456789012")),
  row("true and false", { a: [true] }, of(true, [false, true]), of(false, "true", 1)),
  row("null", { a: [null] }, of(null, [null]), [...of("null", "", 0, []), {}]),
  row("all fields together", { a: ["x"], b: ["y"] }, [{ a: "x", b: "y", c: 1 }], [{ a: "x" }, { a: "x", b: "x" }]),
  row(
    "nested fields",
    { a: { b: { c: ["x"] } } },
    [{ a: { b: { c: "x" } } }],
    [{ a: { c: "x" } }, { a: "x" }, { c: "x" }],
  ),
  row("a dot in a name is a level", { "a.b": ["x"] }, [{ a: { b: "x" } }, { "a.b": "x" }], [{ a: "x" }, { b: "x" }]),
  row("names that objects inherit", { constructor: ["x"] }, [{ constructor: "x" }], [{}, { toString: "x" }]),

  row("prefix", { a: [{ prefix: "ab" }] }, of("ab", "abc", ["x", "abc"]), [...of("a", "xab", "AB", 1, null), {}]),
  row("an empty prefix is any text", { a: [{ prefix: "" }] }, of("", "x"), [...of(1, null, true), {}]),
  row("suffix", { a: [{ suffix: ".md" }] }, of(".md", "x.md"), [...of("md", "x.mdx", "x.MD", 1), {}]),
  row("equals-ignore-case", { a: [{ "equals-ignore-case": "eVent" }] }, of("event", "EVENT"), of("events", "even", 1)),
  row(
    "equals-ignore-case beyond ASCII",
    { a: [{ "equals-ignore-case": "straße" }] },
    of("STRASSE", "Straße"),
    of("strase"),
  ),
  row(
    "prefix, ignoring case",
    { a: [{ prefix: { "equals-ignore-case": "eV" } }] },
    of("event", "EVENT"),
    of("e", "xev", 1),
  ),
  row(
    "suffix, ignoring case",
    { a: [{ suffix: { "equals-ignore-case": ".pNg" } }] },
    of("x.png", ".PNG"),
    of("png", "x.pngx"),
  ),

  row(
    "wildcard in the middle",
    { a: [{ wildcard: "a*c" }] },
    of("ac", "abc", "abcbc"),
    of("a", "abcd", "xac", "AC", 1),
  ),
  row("wildcards at both ends", { a: [{ wildcard: "*/lib/*" }] }, of("/lib/", "a/lib/b"), of("lib", "/lib", "/LIB/")),
  row("several wildcards", { a: [{ wildcard: "a*b*c" }] }, of("abc", "aXbYc", "abbcc"), of("acb", "ab", "abcx")),
  row(
    "a wildcard does not use a character twice",
    { a: [{ wildcard: "ab*ba" }] },
    of("abba", "abxba"),
    of("aba", "ab"),
  ),
  row("only a wildcard", { a: [{ wildcard: "*" }] }, of("", "x"), [...of(1, null, true), {}]),
  row("a wildcard without a star", { a: [{ wildcard: "ab" }] }, of("ab"), of("abc", "a")),
  row("an escaped star", { a: [{ wildcard: "a\\*b*" }] }, of("a*b", "a*bc"), of("axb", "a\\*b")),
  row("an escaped backslash", { a: [{ wildcard: "a\\\\*" }] }, of("a\\", "a\\x"), of("a", "a*")),
  row("an escaped star beside a star", { a: [{ wildcard: "\\**" }] }, of("*", "*x"), of("x", "")),

  row("anything but a text", { a: [{ "anything-but": "x" }] }, of("y", "", 1, null, true, ["x", "y"]), [
    ...of("x", ["x"], []),
    {},
  ]),
  row("anything but texts", { a: [{ "anything-but": ["x", "y"] }] }, of("z", 1, ["x", "z"]), of("x", "y", ["x", "y"])),
  row("anything but a number", { a: [{ "anything-but": 5 }] }, of(6, "5", null), of(5, 5.0, [5])),
  row("anything but numbers", { a: [{ "anything-but": [5, 6] }] }, of(7, "5"), of(5, 6)),
  row("anything but a prefix", { a: [{ "anything-but": { prefix: "ab" } }] }, of("a", "xab", 1, null), [
    ...of("ab", "abc"),
    {},
  ]),
  row("anything but prefixes", { a: [{ "anything-but": { prefix: ["ab", "x"] } }] }, of("a", 1), of("abc", "x")),
  row("anything but a suffix", { a: [{ "anything-but": { suffix: ".md" } }] }, of("md", "x.txt", 1), of("x.md", ".md")),
  row("anything but suffixes", { a: [{ "anything-but": { suffix: [".md", "t"] } }] }, of("md"), of("x.md", "x.txt")),
  row(
    "anything but, ignoring case",
    { a: [{ "anything-but": { "equals-ignore-case": ["aB", "c"] } }] },
    of("abc", 1),
    of("AB", "C"),
  ),
  row(
    "anything but a wildcard",
    { a: [{ "anything-but": { wildcard: "*/lib/*" } }] },
    of("lib", "/lib", 1),
    of("/lib/", "a/lib/b"),
  ),
  row("anything but wildcards", { a: [{ "anything-but": { wildcard: ["a*", "*z"] } }] }, of("b"), of("a", "az", "z")),

  row("numeric, equal", { a: [{ numeric: ["=", 3.018e2] }] }, of(301.8), of("301.8", 301, null)),
  row("numeric, below", { a: [{ numeric: ["<", 10] }] }, of(9.999999, -5e9, [11, 9]), of(10, 11, "9", true, null)),
  row("numeric, at most", { a: [{ numeric: ["<=", 10] }] }, of(10, 9), of(10.000001)),
  row("numeric, above", { a: [{ numeric: [">", -1.5] }] }, of(-1.4, 5e9, 6e9), of(-1.5, -2)),
  row("numeric, at least", { a: [{ numeric: [">=", 5e9] }] }, of(5e9, 5000000000.5), of(4999999999)),
  row("numeric, a range", { a: [{ numeric: [">", 0, "<=", 5] }] }, of(0.000001, 5), of(0, 5.000001, -1)),
  row("numeric, a range the other way open", { a: [{ numeric: [">=", 0, "<", 5] }] }, of(0, 4.9), of(-0.1, 5)),

  row("exists", { a: [{ exists: true }] }, of("", null, false, 0, ["x"]), [...of([], {}, { b: 1 }, [{ b: 1 }]), {}]),
  row("does not exist", { a: [{ exists: false }] }, [...of([], {}, { b: 1 }, [{ b: 1 }]), {}], of("", null, [1])),
  row(
    "a nested field that does not exist",
    { a: { b: [{ exists: false }] } },
    [...of({}, { c: 1 }, "x"), {}],
    of({ b: 1 }),
  ),
  row("missing or equal", { a: [{ exists: false }, "x"] }, [...of("x"), {}], of("y")),

  row(
    "cidr, IPv4",
    { a: [{ cidr: "10.0.0.0/24" }] },
    of("10.0.0.0", "10.0.0.255"),
    of("10.0.1.0", "x", "10.0.0", 10, "::1"),
  ),
  row("cidr with host bits set", { a: [{ cidr: "10.0.0.77/8" }] }, of("10.255.0.1"), of("11.0.0.1")),
  row("cidr of everything", { a: [{ cidr: "0.0.0.0/0" }] }, of("1.2.3.4"), of("::1", "")),
  row(
    "cidr, IPv6",
    { a: [{ cidr: "2001:db8::/32" }] },
    of("2001:db8::1", "2001:DB8:0:0:0:0:0:1"),
    of("2001:db9::", "1.2.3.4"),
  ),
  row(
    "cidr, a mask within a byte",
    { a: [{ cidr: "192.0.2.128/26" }] },
    of("192.0.2.191"),
    of("192.0.2.192", "192.0.2.127"),
  ),
  row(
    "an address is equal in each spelling",
    { a: ["2001:db8::1"] },
    of("2001:DB8:0:0:0:0:0:1"),
    of("2001:db8::2", "x"),
  ),
  row("an IPv4 address is equal", { a: ["10.0.0.15"] }, of("10.0.0.15"), of("10.0.0.16", "10.0.0.1")),

  row(
    "operators of one list are alternatives",
    { a: ["x", { prefix: "y" }, { numeric: [">", 5] }] },
    of("x", "yy", 6),
    of("z", 5),
  ),
  row("anything-but beside a number", { a: [{ "anything-but": "x" }, 5] }, of(5, 6, "y"), of("x")),

  row(
    "$or",
    { s: ["x"], $or: [{ a: [1] }, { b: [2], c: [3] }] },
    [
      { s: "x", a: 1 },
      { s: "x", b: 2, c: 3 },
    ],
    [{ s: "x" }, { a: 1 }, { s: "x", b: 2 }, { s: "y", a: 1 }],
  ),
  row(
    "$or below a field, and twice",
    { d: { $or: [{ a: [1] }, { b: [2] }] }, $or: [{ x: [1] }, { y: [2] }] },
    [
      { d: { a: 1 }, x: 1 },
      { d: { b: 2 }, y: 2 },
    ],
    [{ d: { a: 1 } }, { x: 1 }, { d: { a: 2 }, x: 1 }],
  ),
  row(
    "$or within $or",
    { $or: [{ a: [1], $or: [{ b: [1] }, { c: [1] }] }, { d: [1] }] },
    [{ a: 1, b: 1 }, { a: 1, c: 1 }, { d: 1 }],
    [{ a: 1 }, { b: 1 }, { b: 1, c: 1 }],
  ),
  row(
    "$or below a field takes part in its element",
    { a: { k: [1], $or: [{ v: [1] }, { w: [1] }] } },
    of([{ k: 1, w: 1 }]),
    of([{ k: 1 }, { v: 1 }]),
  ),

  row(
    "fields of one array element",
    { a: { k: ["x"], v: [1] } },
    of(
      [{ k: "x", v: 1 }],
      [
        { k: "y", v: 2 },
        { k: "x", v: 1 },
      ],
      { k: ["y", "x"], v: [2, 1] },
    ),
    of(
      [
        { k: "x", v: 2 },
        { k: "y", v: 1 },
      ],
      [{ k: "x" }, { v: 1 }],
    ),
  ),
  row(
    "fields of nested array elements",
    { a: { k: ["x"], l: { m: [1], n: [2] } } },
    of([{ k: "x", l: [{ m: 0 }, { m: 1, n: 2 }] }]),
    of(
      [{ k: "x", l: [{ m: 1 }, { n: 2 }] }],
      [
        { k: "x", l: [] },
        { k: "y", l: [{ m: 1, n: 2 }] },
      ],
    ),
  ),
  row(
    "elements of two arrays are independent",
    { a: { k: [2] }, b: { k: [1] } },
    [{ a: [{ k: 1 }, { k: 2 }], b: [{ k: 1 }] }],
    [{ a: [{ k: 1 }], b: [{ k: 1 }] }],
  ),
  row(
    "arrays of arrays",
    { a: { k: [1], l: [2] } },
    of([[{ k: 1, l: 2 }]]),
    of([[{ k: 1 }, { l: 2 }]], [[{ k: 1 }], [{ l: 2 }]]),
  ),
  row(
    "absence within an array element",
    { a: { k: ["x"], v: [{ exists: false }] } },
    of([{ k: "x" }, { k: "y", v: 1 }]),
    of([{ k: "x", v: 1 }, { k: "y" }]),
  ),
  row(
    "absence is decided in the order of names",
    { a: { j: [{ exists: false }], k: ["x"] } },
    of([{ k: "x" }]),
    of([{ k: "x" }, { j: 1 }]),
  ),
];

/** Patterns that are refused, and where. `ours` marks what Event Ruler would take and EventBridge or we do not. */
export interface RefusedRow {
  readonly name: string;
  readonly pattern: unknown;
  readonly at: readonly (string | number)[];
  readonly ours?: string;
}

const documented = "the documented range of numeric matching";

export const refusedRows: readonly RefusedRow[] = [
  { name: "nothing", pattern: {}, at: [] },
  { name: "a text", pattern: "x", at: [] },
  { name: "a list", pattern: [{ a: ["x"] }], at: [] },
  { name: "null", pattern: null, at: [] },
  { name: "a leaf that is no list", pattern: { a: { b: "x" } }, at: ["a", "b"] },
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
  { name: "prefix of an operator it has not", pattern: { a: [{ prefix: { wildcard: "x" } }] }, at: ["a", 0, "prefix"] },
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
  { name: "two stars", pattern: { a: [{ wildcard: "a**" }] }, at: ["a", 0, "wildcard"] },
  { name: "an escape of nothing", pattern: { a: [{ wildcard: "a\\" }] }, at: ["a", 0, "wildcard"] },
  { name: "an escape of a letter", pattern: { a: [{ wildcard: "a\\b" }] }, at: ["a", 0, "wildcard"] },
  { name: "anything but null", pattern: { a: [{ "anything-but": null }] }, at: ["a", 0, "anything-but"] },
  { name: "anything but a truth", pattern: { a: [{ "anything-but": [true] }] }, at: ["a", 0, "anything-but"] },
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
  { name: "a range upside down", pattern: { a: [{ numeric: [">", 5, "<", 0] }] }, at: ["a", 0, "numeric"] },
  { name: "a range of nothing", pattern: { a: [{ numeric: [">=", 5, "<=", 5] }] }, at: ["a", 0, "numeric"] },
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
  { name: "$or of an object", pattern: { $or: { a: ["x"] } }, at: ["$or"] },
  { name: "$or of texts", pattern: { $or: ["x", "y"] }, at: ["$or", 0] },
  { name: "$or with an empty object", pattern: { $or: [{ a: ["x"] }, {}] }, at: ["$or", 1] },
  {
    name: "$or of operators",
    pattern: { a: { $or: [{ prefix: ["x"] }, { b: ["x"] }] } },
    at: ["a", "$or", 0, "prefix"],
  },
  { name: "a field in and beside $or", pattern: { a: ["x"], $or: [{ a: ["y"] }, { b: ["x"] }] }, at: ["$or", 0, "a"] },
  { name: "a field named in two ways", pattern: { a: { b: ["x"] }, "a.b": ["y"] }, at: ["a.b"] },
];
