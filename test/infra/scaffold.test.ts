import { describe, expect, it } from "vitest";
import { KINDS, type Kind, scaffold } from "../../infra/new/scaffold.ts";

describe.each(KINDS)("a new %s", (kind) => {
  const written = scaffold(kind, "zuul");
  const folder = `shared/${kind}s/zuul`;

  it("it is a folder and a line in the registry", () => {
    const registry = `shared/${kind}s/registry.ts`;
    const others = [...written.keys()].filter((path) => !path.startsWith(`${folder}/`));
    expect(others).toEqual([registry]);
    expect(written.get(registry)).toContain('import { zuul } from "./zuul/index.ts";');
    expect(written.get(registry)).toMatch(/\[\w+(, \w+)+, zuul\b/);
    expect(written.get(`${folder}/index.ts`)).toContain("export const zuul");
  });

  it("its files name it, and neither the name nor the place of the template", () => {
    for (const [path, text] of written) expect(text, path).not.toMatch(/acme|\.\.\/shared\//i);
  });

  it("its comments and its README have no line that is wider than a screen shows, however long the name is", () => {
    const lines = [...scaffold(kind, "z".repeat(20))].flatMap(([, text]) => text.split("\n"));
    expect(lines.filter((line) => /^\s*(\/\/|\/?\*|- |[A-Z])/.test(line) && line.length > 125)).toEqual([]);
  });

  it("it can have the name of the guide's example", () => {
    expect([...scaffold(kind, "acme").keys()]).toContain(`shared/${kind}s/acme/index.ts`);
  });

  it.each(["", "Zuul", "zu-ul", "7zuul", "z", "../zuul", "zuul ", "z".repeat(21)])(
    "it cannot have the name %j",
    (name) => {
      expect(() => scaffold(kind, name)).toThrow(/^".*" is not a name: [^\n]*$/);
    },
  );

  it.each(["class", "let", "eval", "arguments", "undefined", "constructor", "settings", "readonly", `${kind}s`])(
    "it cannot have the name %s, which its code could not export",
    (name) => {
      expect(() => scaffold(kind, name)).toThrow(`"${name}" is a word of TypeScript or of the code in the folder`);
    },
  );
});

it.each<[Kind, string]>([
  ["provider", "tekton"],
  ["provider", "status"],
  ["action", "webhook"],
])("a %s with the name %s, whose folder is there, is not written again", (kind, name) => {
  expect(() => scaffold(kind, name)).toThrow(`shared/${kind}s/${name} is there already`);
});
