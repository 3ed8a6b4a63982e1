import { of, type PatternRow, row } from "./pattern-row.ts";

/** Fields of one event together: alternatives, and arrays of objects. */
export const structureRows: readonly PatternRow[] = [
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

  // A sender that cannot distinguish forks reports no `fork`, so its runs may be those of forks.
  row(
    "false of a field that may be absent",
    { build: { change: { fork: [false] } } },
    [{ build: { change: { fork: false } } }],
    [
      { build: { change: { fork: true } } },
      { build: { change: { fork: "false" } } },
      { build: { change: {} } },
      { build: { branch: "main" } },
      {},
    ],
  ),
  row(
    "a field that may be absent, and is absent or false",
    { build: { $or: [{ change: { fork: [false] } }, { branch: [{ exists: true }] }] } },
    [{ build: { change: { fork: false } } }, { build: { branch: "main" } }],
    [{ build: { change: {} } }, { build: { change: { fork: true } } }, { build: {} }],
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
