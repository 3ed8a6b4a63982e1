import type { Mismatch } from "../routes/explain-match.ts";

/** In which state, of which kind, on which branch or about which files something happened. */
const REF = ["branch", "refName", "tag", "change.sourceBranch", "change.targetBranch", "change.fork"];
const RUN = [...REF, "system", "state", "reason", "protected", "defaultBranch"];
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  page: ["kind", "status", "labels", "minorEdit", "notificationsSuppressed"],
  code: ["ref", "name", "change", "protected", "defaultBranch", "commitCount", "paths.changed", "paths.count"],
  change: ["sourceBranch", "targetBranch", "fork", "labels", "draft", "changed", "defaultBranch"],
  build: [...RUN, "round"],
  job: [...RUN, "name", "exitCode", "retried", "softFailed", "tags"],
  deployment: ["tier", "state"],
  release: ["tag"],
};

/**
 * The fields of an event that a caller with a confined role may see of the pattern of a route. Every other field may name
 * what the caller may not know: a project, a page of another space, a person. A new field is hidden until it is listed.
 */
export const CONFINED_FIELDS: readonly string[] = [
  "detail-type",
  "detail.type",
  "detail.label",
  ...Object.entries(SHOWN).flatMap(([part, names]) => names.map((name) => `detail.${part}.${name}`)),
];

const listed = new Set(CONFINED_FIELDS);

/** Whether a route that misses in these fields may be shown to such a caller. */
export const isShownToConfined = ({ misses }: Mismatch): boolean => misses.every(({ field }) => listed.has(field));
