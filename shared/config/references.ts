import type { Path } from "./yaml-file.ts";

/** Texts that are references to secrets. No other setting begins like one. */
export function refsIn(value: unknown, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value === "string") return /^(env|file|secretsmanager|ssm):/.test(value) ? [[path, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => refsIn(below, [...path, member]));
}

/** Texts, or lists of them, under a key anywhere below `value`: the places where a part names another. */
export function namesUnder(value: unknown, key: string, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => {
    const here = [...path, member];
    if (member !== key) return namesUnder(below, key, here);
    if (typeof below === "string") return [[here, below] as const];
    const names: readonly unknown[] = Array.isArray(below) ? below : [];
    return names.flatMap((name, index) => (typeof name === "string" ? [[[...here, index], name] as const] : []));
  });
}
