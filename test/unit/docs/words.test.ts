import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readText } from "../../support/documents.ts";

/** Words of a private dialect, by the standard terms to write instead. */
const FORBIDDEN: ReadonlyMap<string, readonly string[]> = new Map([
  ["report, claim, parse, record or show", ["tell", "tells", "telling", "teller", "told"]],
  ["receive or read", ["hear", "hears", "hearing", "heard"]],
  ["apply or execute", ["heed", "heeds", "heeding", "heeded"]],
  ["record", ["note", "notes", "noting", "noted"]],
  ["event", ["happening", "happenings"]],
  ["feedback loop", ["echo", "echoes", "echoing", "echoed"]],
  ["dependencies (deps)", ["tools"]],
  ["defer", ["put off", "puts off", "putting off"]],
  ["release", ["give back", "gives back", "giving back", "gave back", "given back"]],
  ["execute", ["carry out", "carries out", "carrying out", "carried out"]],
]);

/** Names on the wire, which their owners chose. No other word of these files is allowed. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  // GitLab calls a comment a note: https://docs.gitlab.com/user/project/integrations/webhook_events/#comment-events
  "shared/providers/gitlab/parse.ts": ["note"],
  "shared/providers/gitlab/parse-change.ts": ["note"],
  // The path of the API: https://docs.gitlab.com/api/notes/
  "shared/actions/gitlab/comment-client.ts": ["notes"],
  "shared/store/content-dictionary.ts": ["note"],
  // The option of Kong's plugin that returns the id: https://developer.konghq.com/plugins/correlation-id/
  "shared/cli/kong/render.ts": ["echo"],
  // What people write on their own page.
  "shared/actions/confluence/render-region.ts": ["notes"],
  "shared/actions/confluence/own-content.ts": ["notes"],
};

/** Forms of code that hide which dependencies or members an object has. */
const FORBIDDEN_FORMS: readonly (readonly [name: string, form: RegExp])[] = [
  ["an interface of tools: name it Deps", /\binterface \w*Tools?\b/g],
  ["a bag of dependencies that is spread: name its members", /\{\s*\.\.\.(?:\w+\.)?tools\b/gi],
  ["an object literal that is spread: write its members", /\.\.\.\{/g],
  ["an array literal that is spread: write its elements", /\.\.\.\[(?:"|(?:[^[\]]|\[[^[\]]*\])*\](?=\s*[,\])]))/g],
];

const FILES = ["shared", "functions", "infra"].flatMap((folder) =>
  readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => `${folder}/${path}`),
);

/** The words of a text, in lower case. An identifier is split where its case changes. */
const wordsOf = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .replace(/[^A-Za-z]+/g, " ")
    .trim()
    .toLowerCase();

/** The forbidden words of a text, comments and strings included, with the terms to write instead. */
function forbiddenWords(text: string, allowed: readonly string[] = []): readonly string[] {
  const terms = [...FORBIDDEN].flatMap(([term, words]) =>
    words.filter((word) => !allowed.includes(word)).map((word) => ({ term, word })),
  );
  return text.split("\n").flatMap((line, index) => {
    const spoken = ` ${wordsOf(line)} `;
    return terms.flatMap(({ term, word }) =>
      spoken.includes(` ${word} `) ? [`${index + 1}: "${word}": write ${term}`] : [],
    );
  });
}

const forbiddenForms = (text: string): readonly string[] =>
  FORBIDDEN_FORMS.flatMap(([name, form]) =>
    Array.from(text.matchAll(form), ({ index }) => `${text.slice(0, index).split("\n").length}: ${name}`),
  );

describe("the search for forbidden words", () => {
  it.each([
    ["an identifier", "const isToldAlready = true;"],
    ["an identifier that begins with capitals", "new URLTeller()"],
    ["an identifier with underscores", "TOLD_AT"],
    ["a property", "entry.toldAt"],
    ["a comment", "/** What the sender tells. */"],
    ["a string", 'print("the page was told")'],
    ["two words", "carriedOut(command)"],
  ])("finds one in %s", (_, line) => {
    expect(forbiddenWords(`first line\n${line}`)).toEqual([expect.stringMatching(/^2: "/)]);
  });

  it.each(["toolset", "intelligent", "shear", "Notebook", "give up"])("accepts %s", (text) => {
    expect(forbiddenWords(text)).toEqual([]);
  });
});

describe("the search for forbidden forms", () => {
  it.each([
    "export interface ActTools {}",
    "call({ ...tools, clock })",
    "call({\n  ...this.tools,\n  clock,\n})",
    "return { ...{ name, kind }, settings };",
    "return {\n  ...{\n    name,\n  },\n};",
    'rows([...["a", "b"].map(row)])',
    "rows([\n  ...[receivedAt, source],\n  id,\n])",
  ])("finds %j", (text) => {
    expect(forbiddenForms(text)).toEqual([expect.stringMatching(/^[12]: /)]);
  });

  it.each([
    "call({ ...deps, clock })",
    "return { name, ...(reason && { reason }) };",
    "rows([...(next ? [next] : [])])",
    "[...[...rules, ...implied].map(findingOf)]",
  ])("accepts %j", (text) => {
    expect(forbiddenForms(text)).toEqual([]);
  });
});

describe("the code", () => {
  it("uses no forbidden word except names on the wire", () => {
    const found = FILES.flatMap((path) => forbiddenWords(readText(path), ALLOWED[path]).map((one) => `${path}:${one}`));
    expect(FILES.length).toBeGreaterThan(300);
    expect(found).toEqual([]);
  });

  it("uses each word that is allowed as a name on the wire", () => {
    const unused = Object.entries(ALLOWED).filter(
      ([path, words]) => !words.every((word) => ` ${wordsOf(readText(path))} `.includes(` ${word} `)),
    );
    expect(unused).toEqual([]);
  });

  it("uses no forbidden form", () => {
    expect(FILES.flatMap((path) => forbiddenForms(readText(path)).map((one) => `${path}:${one}`))).toEqual([]);
  });
});
