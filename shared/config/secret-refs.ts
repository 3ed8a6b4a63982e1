import type { Path } from "./yaml-file.ts";

/** Texts that are references to secrets. No other setting begins like one. */
export function refsIn(value: unknown, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value === "string") return /^(env|file|secretsmanager|ssm):/.test(value) ? [[path, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => refsIn(below, [...path, member]));
}
