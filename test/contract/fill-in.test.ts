import { describe, expect, it } from "vitest";
import { folderOf, KINDS, linesToFillIn } from "../../infra/new/scaffold.ts";
import { actions } from "../../shared/actions/registry.ts";
import { providers } from "../../shared/providers/registry.ts";

const FOLDERS = [
  ...providers.map(({ name }) => folderOf("provider", name)),
  ...actions.map(({ name }) => folderOf("action", name)),
];

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
