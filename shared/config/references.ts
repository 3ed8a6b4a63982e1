import { looksLikeSecretRef } from "../host/secrets.ts";
import type { Path } from "./yaml-file.ts";

/** Returns the paths and texts of all references to secrets. No other setting begins like a reference. */
export const refsIn = (value: unknown, path: Path): readonly (readonly [Path, string])[] =>
  stringsIn(value, path).filter(([, text]) => looksLikeSecretRef(text));

/** Returns every text in `value`, with its path. `path` is the path of `value`. */
export function stringsIn(value: unknown, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return membersOf(value).flatMap(([member, below]) => stringsIn(below, [...path, member]));
}

/** Returns the texts under `key` anywhere below `value`, alone or in a list: references by name from one part to another. */
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

/** Returns the members of a block or a list. The indices of a list are numbers, as in every path. */
export const membersOf = (value: object): readonly (readonly [string | number, unknown])[] =>
  Array.isArray(value) ? [...value.entries()] : Object.entries(value);
