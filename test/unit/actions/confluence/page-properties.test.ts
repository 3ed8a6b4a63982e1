import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentedOn } from "../../../../shared/actions/confluence/page-properties.ts";
import { storageDocument } from "./storage-documents.ts";

const macro = (content: string, name = "details"): string =>
  `<ac:structured-macro ac:name="${name}"><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const table = (...rows: readonly string[]): string =>
  macro(`<table><tbody>${rows.map((row) => `<tr>${row}</tr>`).join("")}</tbody></table>`);
const pipelines = (value: string): string => table(`<th>Pipeline</th><td>${value}</td>`);

const documented = async (body: string) => {
  const { subjects, environments } = await documentedOn(body);
  return { subjects: [...subjects], environments: [...environments] };
};

describe("the subjects and environments that a page documents", () => {
  test("names are read beside their headings, whatever the case and number of the headings", async () => {
    const body = table(
      "<th>Owner</th><td>Kim</td>",
      "<th><p><strong>REPOSITORY</strong></p></th><td><p>platform/docs</p></td>",
      "<th>pipelines</th><td>ci/docs</td>",
      "<td>Environments</td><td>production</td>",
    );
    expect(await documented(`<p>a</p>${body}<p>b</p>`)).toEqual({
      subjects: ["platform/docs", "ci/docs"],
      environments: ["production"],
    });
  });

  test("names are read below their headings if the headings stand in one row", async () => {
    const body = table(
      "<th>Pipeline</th><th>Owner</th><th>Environment</th>",
      "<td>ci/docs</td><td>Kim</td><td>production</td>",
      "<td>ci/site</td><td>Lou</td><td>staging</td>",
    );
    expect(await documented(body)).toEqual({
      subjects: ["ci/docs", "ci/site"],
      environments: ["production", "staging"],
    });
  });

  test.each<[string, string, readonly string[]]>([
    ["lines", "<p>ci/a</p><p>ci/b<br/>ci/c</p>", ["ci/a", "ci/b", "ci/c"]],
    ["a list", "<ul><li><p>ci/a</p></li><li>ci/b</li></ul>", ["ci/a", "ci/b"]],
    ["text separated by commas", "ci/a, ci/b;ci/c,,", ["ci/a", "ci/b", "ci/c"]],
    ["code", "<p><code>ci/a</code></p>", ["ci/a"]],
    ["a link", '<a href="https://ci.example.test/x">ci/a</a>', ["ci/a"]],
    ["character references", "ci/a&amp;b&nbsp;&#8211;&nbsp;c", ["ci/a&b – c"]],
    ["a line broken in the source", "ci/a\n  b", ["ci/a b"]],
    ["text with an inline comment", '<ac:inline-comment-marker ac:ref="4b">ci/a</ac:inline-comment-marker>', ["ci/a"]],
    ["several cells", "ci/a</td><td>ci/b", ["ci/a", "ci/b"]],
  ])("names may be written as %s", async (_, value, expected) => {
    expect((await documented(pipelines(value))).subjects).toEqual(expected);
  });

  test.each<[string, string]>([
    ["no macro", "<table><tbody><tr><th>Pipeline</th><td>ci/docs</td></tr></tbody></table>"],
    ["another macro", macro("<table><tbody><tr><th>Pipeline</th><td>ci/docs</td></tr></tbody></table>", "panel")],
    ["no table", macro("<p>Pipeline: ci/docs</p>")],
    ["no value", pipelines("")],
    ["another heading", table("<th>Pipeline of old</th><td>ci/docs</td>")],
    ["a heading of two lines", table("<th><p>Pipeline</p><p>Owner</p></th><td>ci/docs</td>")],
    [
      "a macro's parameters",
      pipelines(
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">ci/docs</ac:parameter></ac:structured-macro>',
      ),
    ],
    ["a macro's text", pipelines(macro("<p>ci/docs</p>", "expand"))],
    ["literal text", pipelines("<![CDATA[ci/docs]]><!-- ci/docs -->")],
    ["a mention", pipelines('<ac:link><ri:user ri:account-id="7"/><ac:link-body>ci/docs</ac:link-body></ac:link>')],
    ["a name of more than 300 characters", pipelines("a".repeat(301))],
    ["markup that does not close", `<p>${pipelines("ci/docs")}`],
    ["a bare ampersand", pipelines("ci & docs")],
  ])("a page with %s documents nothing", async (_, body) => {
    expect(await documented(body)).toEqual({ subjects: [], environments: [] });
  });

  test("a page documents a hundred names at most", async () => {
    const names = Array.from({ length: 150 }, (_, index) => `ci/${index}`);
    expect(await documented(pipelines(names.join(",")))).toMatchObject({ subjects: names.slice(0, 100) });
  });

  test("the time to read a page grows with its length alone, however deep it is nested", async () => {
    const depth = 20_000;
    const nested = "<table><tbody><tr><td>".repeat(depth) + "</td></tr></tbody></table>".repeat(depth);
    expect(await documented(macro(nested))).toEqual({ subjects: [], environments: [] });
    expect((await documented(`${"<p>".repeat(depth)}${pipelines("ci/docs")}${"</p>".repeat(depth)}`)).subjects).toEqual(
      ["ci/docs"],
    );
  });

  test("the names on any page are trimmed and visible, and no text causes a fault", async () => {
    const cell = fc.oneof(storageDocument, fc.constantFrom("Pipeline", "Repository", "Environment", "ci/docs"));
    const rows = fc.array(fc.array(cell, { maxLength: 3 }), { maxLength: 4 });
    const page = rows.map((all) => table(...all.map((cells) => cells.map((one) => `<td>${one}</td>`).join(""))));
    await fc.assert(
      fc.asyncProperty(fc.oneof(page, storageDocument, fc.string({ unit: "binary" })), async (body) => {
        const { subjects, environments } = await documentedOn(body);
        for (const name of [...subjects, ...environments]) {
          expect(name).toBe(name.trim());
          expect(name).not.toMatch(/[\n,;]|^$/);
        }
      }),
    );
    // Hidden text is never among the names, wherever it stands.
    const hidden =
      '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">HIDDEN</ac:parameter></ac:structured-macro>';
    await fc.assert(
      fc.asyncProperty(storageDocument, storageDocument, async (before, after) => {
        const { subjects } = await documentedOn(pipelines(`${before}${hidden}${after}`));
        expect([...subjects].join("\n")).not.toContain("hidden");
      }),
    );
  });
});
