import type { Config } from "../schema.ts";
import { type Path, shownPath } from "../yaml-file.ts";
import type { Check, Found } from "./check.ts";

/** An entry without a finding would hide a later finding of the same check. */
export const unusedIgnore: Check = {
  id: "unused-ignore",
  level: "warning",
  finds: "an entry of `checks.ignore` that no finding matches",
  remedy: "remove the entry, or correct its `at`",
  canBeIgnored: false,
  needs: ["identity", "issuers", "roles", "sources", "targets", "routes", "console", "limits", "checks"],
  run: ({ checks }, { found }) =>
    checks.ignore.flatMap((entry, index) => {
      if (found.some((one) => isCovered(entry, one))) return [];
      const others = found.filter(({ check }) => check.id === entry.id).map(({ problem }) => shownPath(problem.path));
      const hint = others.length > 0 ? `; it finds something at ${others.join(", ")}` : ": remove the entry";
      const message = `"${entry.id}" finds nothing at ${entry.at}${hint}`;
      return [{ path: ["checks", "ignore", index], message }];
    }),
};

type Ignore = Config["checks"]["ignore"][number];

/** Returns the entry that ignores a finding; undefined if none does. */
export const ignoreOf = ({ checks }: Config, found: Found): Ignore | undefined =>
  checks.ignore.find((entry) => isCovered(entry, found));

/** `at` covers the finding at this path and all findings below it. */
function isCovered({ id, at }: Ignore, { check, problem }: Found): boolean {
  const path: Path = problem.path;
  return check.id === id && path.some((_, index) => shownPath(path.slice(0, index + 1)) === at);
}
