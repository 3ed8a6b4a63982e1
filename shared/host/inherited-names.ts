/** Names that mean something else in JavaScript. A `v.record` schema drops members with these names silently. */
export const INHERITED_NAMES: ReadonlySet<string> = new Set(["__proto__", "prototype", "constructor"]);
