import type { ConfiguredRoute } from "../schema.ts";
import type { Path } from "../yaml-file.ts";

/** One alternative of one field of a route's pattern. */
interface PatternValue {
  readonly path: Path;
  /** The names of the members from the pattern's root to the field. */
  readonly steps: readonly string[];
  /** The same joined by dots. */
  readonly field: string;
  readonly alternative: unknown;
}

/** Returns every alternative of every field of a route's pattern, as written. */
export const valuesOf = ({ name, when }: Pick<ConfiguredRoute, "name" | "when">): readonly PatternValue[] =>
  valuesIn(when, ["routes", name, "when"], []);

function valuesIn(pattern: unknown, path: Path, steps: readonly string[]): readonly PatternValue[] {
  if (typeof pattern !== "object" || pattern === null) return [];
  return Object.entries(pattern).flatMap(([member, below]) => {
    const here = [...path, member];
    if (member === "$or" && Array.isArray(below)) {
      return below.flatMap((branch: unknown, at) => valuesIn(branch, [...here, at], steps));
    }
    const inside = [...steps, member];
    if (!Array.isArray(below)) return valuesIn(below, here, inside);
    return below.map((alternative: unknown, at) => ({
      path: [...here, at],
      steps: inside,
      field: inside.join("."),
      alternative,
    }));
  });
}
