import type { Path } from "./yaml-file.ts";

/** Texts that are references to secrets. No other setting begins like one. */
export const refsIn = (value: unknown, path: Path): readonly (readonly [Path, string])[] =>
  stringsIn(value, path).filter(([, text]) => /^(env|file|secretsmanager|ssm):/.test(text));

/** Every text at or below a path. */
export function stringsIn(value: unknown, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return membersOf(value).flatMap(([member, below]) => stringsIn(below, [...path, member]));
}

/** Texts, or lists of them, under a key anywhere below `value`: the places where a part names another. */
export function namesUnder(value: unknown, key: string, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return membersOf(value).flatMap(([member, below]) => {
    const here = [...path, member];
    if (member !== key) return namesUnder(below, key, here);
    if (typeof below === "string") return [[here, below] as const];
    const names: readonly unknown[] = Array.isArray(below) ? below : [];
    return names.flatMap((name, index) => (typeof name === "string" ? [[[...here, index], name] as const] : []));
  });
}

/** The members of a block or a list. The indices of a list are numbers, as in every path. */
export const membersOf = (value: object): readonly (readonly [string | number, unknown])[] =>
  Array.isArray(value) ? [...value.entries()] : Object.entries(value);
