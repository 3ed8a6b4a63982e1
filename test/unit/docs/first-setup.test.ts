import { describe, expect, it } from "vitest";
import { pages } from "../../../docs/generated-blocks.ts";
import { blocksOf, readText } from "../../support/documents.ts";

const PAGE = readText("docs/first-setup.md");
const COMMANDS = blocksOf(PAGE, "sh").join("\n");
const allIn = (text: string, what: RegExp): readonly string[] =>
  Array.from(text.matchAll(what), ([, found = ""]) => found);

describe("docs/first-setup.md", () => {
  it("sets each shell variable before a command uses it", () => {
    const used = allIn(COMMANDS, /\$([A-Z_]+)/g);
    expect(used.length).toBeGreaterThan(0);
    const isSetBefore = (name: string): boolean => {
      const at = COMMANDS.search(new RegExp(`^(?:export )?${name}=`, "m"));
      return at >= 0 && at < COMMANDS.indexOf(`$${name}`);
    };
    expect(used.filter((name) => !isSetBefore(name))).toEqual([]);
  });

  it("writes each secret file that its configuration refers to", () => {
    const configured = allIn(blocksOf(PAGE, "yaml").join("\n"), /\bfile:([\w./-]+)/g);
    expect(configured).toHaveLength(6);
    expect(configured.filter((path) => !COMMANDS.includes(`> ${path}`))).toEqual([]);
  });

  it("refers to no environment variable as a secret, because a second terminal does not have it", () => {
    expect(allIn(PAGE, /\b(env:\w+)/g)).toEqual([]);
  });
});

describe("the Basic user name of a cluster", () => {
  it("is the same in every page", () => {
    const names = pages().flatMap((path) => allIn(readText(path), /^.*\b(?:basic: \{ | {2})username: ([\w-]+)/gm));
    expect(new Set(names)).toEqual(new Set(["tekton"]));
  });
});
