import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { folderOf, KINDS, linesToFillIn } from "../../infra/new/scaffold.ts";

/** Also folders that a registry does not have, such as one of a run that was interrupted. */
const FOLDERS = KINDS.flatMap((kind) =>
  readdirSync(join(PROJECT_ROOT, `shared/${kind}s`), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => folderOf(kind, name)),
);

describe("a folder that npm run new wrote", () => {
  it.each(FOLDERS)("nothing in %s is left to fill in", (folder) => {
    expect(linesToFillIn(folder)).toEqual([]);
  });

  it.each(KINDS)("a new %s has lines to fill in, each with its file and number", (kind) => {
    const lines = linesToFillIn(`infra/new/${kind}`);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(line).toMatch(/^infra\/new\/.+\.(ts|md):\d+ FILL IN: [a-z]/);
  });
});
