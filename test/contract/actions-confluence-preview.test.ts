import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { renderRegion } from "../../shared/actions/confluence/render-region.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { boardOf } from "../support/board-rows.ts";
import { commandHost } from "../support/command-host.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import type { Failure, PageSeed } from "../support/sandbox-confluence-site.ts";

type Product = "cloud" | "data-center";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function sandboxOf(product: Product, seed: PageSeed, failure?: Failure): Promise<SandboxConfluence> {
  const sandbox = await startSandboxConfluence({ product, pages: [seed] });
  closing.push(sandbox.close);
  if (failure) sandbox.failNext(failure);
  return sandbox;
}

/** The lines that `drawbridge check --live wiki --page <id>` prints. */
async function previewed(
  sandbox: SandboxConfluence,
  product: Product,
  {
    target = "wiki",
    page = "98310",
    args = [],
    options = [{}],
    settings = {},
    route = {},
  }: {
    settings?: object;
    route?: object;
    target?: string;
    page?: string;
    args?: readonly string[];
    options?: readonly object[];
  } = {},
): Promise<{ readonly code: number; readonly printed: string }> {
  const { user, token, bearer } = sandbox.credentials;
  const home = await mkdtemp(join(tmpdir(), "drawbridge-"));
  closing.push(() => rm(home, { recursive: true, force: true }));
  const config = join(home, "drawbridge.yaml");
  const credential = product === "cloud" ? { basic: { user, token: "env:TOKEN" } } : { bearer: "env:BEARER" };
  const routes = options.map((one, index) => [
    `status-${index}`,
    { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "wiki", ...one } }, ...route },
  ]);
  const targets = { wiki: { kind: "confluence", product, site: sandbox.site(product), credential, ...settings } };
  await writeFile(config, stringify({ sources: {}, targets, routes: Object.fromEntries(routes) }));
  const lines: string[] = [];
  const host = commandHost({ environment: { TOKEN: token, BEARER: bearer }, print: (text) => lines.push(text) });
  const code = await runCommand(["check", "--live", target, "--page", page, "--config", config, ...args], host);
  return { code, printed: lines.join("\n") };
}

const inExcerpt = (name: string, content: string): string =>
  `<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const OLD = renderRegion(boardOf("ci/old"));
const LAYOUT =
  '<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell><p>a</p></ac:layout-cell></ac:layout-section></ac:layout>';

describe.each([
  ["cloud", "in an excerpt macro", "fixed-width"],
  ["data-center", "between two anchors", "single"],
] as const)("the preview of a page of %s", (product, carrier, section) => {
  test.each<[string, string, string]>([
    [
      "a page that documents a folder",
      "<tr><th>Repository</th><td>Platform/Docs</td></tr><tr><th>Path</th><td>Deploy/</td></tr>",
      "the commits in platform/docs that touch Deploy/, since a person edited or reviewed the page; page.outdated from 20 on",
    ],
    [
      "a page that documents nothing",
      "<tr><th>Owner</th><td>Kim</td></tr>",
      "none: no Page Properties of the page name",
    ],
  ])("it says what the last line counts on %s", async (_, rows, expected) => {
    const body = `<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody>${rows}</tbody></table></ac:rich-text-body></ac:structured-macro>`;
    const sandbox = await sandboxOf(product, { body });
    const { printed } = await previewed(sandbox, product, { settings: { outdated: { after: 20 } } });
    expect(printed.replace(/\s+/g, " ")).toContain(expected);
  });

  test.each<[string, PageSeed, readonly RegExp[]]>([
    [
      "a new region",
      {},
      [
        /^page +98310 "Release 4", version 1$/m,
        /^would +add a region$/m,
        /^content +Build status Pipeline State For .*, and one row for each pipeline and place$/m,
        new RegExp(`^where +${carrier}, at the end of the page$`, "m"),
      ],
    ],
    [
      "a new region in a layout",
      { body: LAYOUT },
      [new RegExp(`^where +${carrier}, in a new section \\(${section}\\) at the end of the page's layout$`, "m")],
    ],
    [
      "the region that is there",
      { body: `<h2>State &amp; plans</h2><h3> </h3>${inExcerpt("Drawbridge", OLD)}` },
      [
        /^would +replace what a bridge wrote/m,
        /^where +in an excerpt macro, at character \d+ of \d+, below the heading "State & plans"$/m,
      ],
    ],
    [
      "a copied region with a person's words",
      { body: inExcerpt("drawbridge:77", `${OLD}<p>Call <b>Kim</b></p>`) },
      [/^copied from +page 77;/m, /^moves +to below the region, because no bridge wrote it: Call Kim$/m],
    ],
  ])("shows %s, and writes nothing", async (_, seed, expected) => {
    const sandbox = await sandboxOf(product, seed);
    const { code, printed } = await previewed(sandbox, product);
    for (const line of expected) expect(printed).toMatch(line);
    expect(printed).toMatch(/^unknown +whether the account may edit the page/m);
    expect(code).toBe(0);
    expect(sandbox.page("98310").versions).toHaveLength(1);
  });

  test.each<[string, PageSeed, string, Failure?]>([
    ["two regions", { body: inExcerpt("drawbridge", "") + inExcerpt("drawbridge:77", "") }, "more than one region"],
    ["a person's own excerpt", { body: inExcerpt("drawbridge", "<p>a</p>") }, "only content that no bridge wrote"],
    ["an archived page", { status: "archived" }, "the page is archived"],
    ["a page that the account may not read", {}, "the read with 403", { on: "GET", status: 403 }],
    ["a page that does not exist", { id: "1" }, "there is no such page"],
  ])("says why nothing would be written to %s", async (_, seed, why, failure) => {
    const sandbox = await sandboxOf(product, seed, failure);
    const { code, printed } = await previewed(sandbox, product);
    expect(printed).toMatch(/^would +write nothing$/m);
    expect(printed).toMatch(new RegExp(`^why not +.*${why}`, "m"));
    expect(code).toBe(1);
  });

  test.each<[string, PageSeed, object, string]>([
    ["the label that opts out", { labels: ["drawbridge", "drawbridge-off"] }, {}, "it has the label drawbridge-off"],
    ["the label against its region", { labels: ["ci-off"] }, { region: "ci" }, "it has the label ci-off"],
    ["a space that is not listed", {}, { spaces: ["DOC"] }, 'its space ENG is not in the target\'s "spaces"'],
    ["an id that is not listed", {}, { pages: ["7"] }, 'it is not in the target\'s "pages"'],
  ])("says that nothing would be written to a page with %s", async (_, seed, settings, why) => {
    const sandbox = await sandboxOf(product, { body: inExcerpt("drawbridge", OLD), ...seed });
    const { code, printed } = await previewed(sandbox, product, { settings });
    expect(printed).toMatch(/^would +write nothing$/m);
    expect(printed).toContain(why);
    expect(code).toBe(1);
  });

  test("shows the region that the label asks for, also if each route skips pages without a region", async () => {
    const sandbox = await sandboxOf(product, { labels: ["drawbridge"] });
    const { code, printed } = await previewed(sandbox, product, { options: [{ whenMissing: "skip" }] });
    expect(printed).toMatch(/^would +add a region$/m);
    expect(printed).not.toContain("except");
    expect(code).toBe(0);
  });

  test("names the routes that skip a page without a region", async () => {
    const sandbox = await sandboxOf(product, {});
    const skip = { whenMissing: "skip" };
    const all = await previewed(sandbox, product, { options: [skip, skip] });
    expect(all).toMatchObject({ code: 1, printed: expect.stringMatching(/why not +.* status-0, status-1$/) });
    const some = await previewed(sandbox, product, { options: [skip, {}] });
    expect(some).toMatchObject({ code: 0, printed: expect.stringMatching(/^except +routes .*: status-0$/m) });
    const none = await previewed(sandbox, product, { options: [] });
    expect(none).toMatchObject({ code: 1, printed: expect.stringContaining("no route writes states to this target") });
  });

  test.each([
    ["only take summaries", { when: { "detail-type": ["summary.submitted"] } }, {}, "no route writes states"],
    ["only let rows go", { when: { "detail-type": ["code.deleted", "page.commented"] } }, {}, "no route writes states"],
    ["execute nothing", { mode: "shadow" }, {}, "no route writes states"],
    ["name another page", {}, { page: "7" }, "each route of the target names another page"],
  ])("says that nothing would be written if the routes %s", async (_, route, options, why) => {
    const sandbox = await sandboxOf(product, {});
    const { code, printed } = await previewed(sandbox, product, { route, options: [options] });
    expect(printed).toMatch(new RegExp(`^why not +${why}`, "m"));
    expect(code).toBe(1);
  });

  test.each([{ page: "98310" }, { page: "$.detail.build.results.page" }, { page: "7", documentedBy: "docs" }])(
    "shows what a route with the options %j would write",
    async (options) => {
      const sandbox = await sandboxOf(product, {});
      const { code, printed } = await previewed(sandbox, product, { options: [options] });
      expect(printed).toMatch(/^would +add a region$/m);
      expect(code).toBe(0);
    },
  );

  test("is printed as JSON", async () => {
    const sandbox = await sandboxOf(product, {});
    const { printed } = await previewed(sandbox, product, { args: ["--json"] });
    expect(JSON.parse(printed)).toMatchObject({ writes: true, would: "add a region" });
  });
});

test("the preview of a page of the new editor says so, and names the heading above the region", async () => {
  const content = [
    { type: "heading", attrs: { level: 2 }, content: [{ type: "text", text: "State" }] },
    {
      type: "bodiedExtension",
      attrs: {
        extensionType: "com.atlassian.confluence.macro.core",
        extensionKey: "excerpt",
        parameters: { macroParams: { name: { value: "drawbridge:77" } } },
      },
      content: [{ type: "paragraph", content: [{ type: "text", text: "Call Kim" }] }],
    },
  ];
  const sandbox = await sandboxOf("cloud", {
    editor: "v2",
    body: JSON.stringify({ version: 1, type: "doc", content }),
  });
  const { code, printed } = await previewed(sandbox, "cloud");
  for (const line of [
    /^page +98310 "Release 4", version 1, of the new editor$/m,
    /^where +in an excerpt macro, below the heading "State"$/m,
    /^copied from +page 77;/m,
    /^moves +to below the region, because no bridge wrote it: Call Kim$/m,
  ])
    expect(printed).toMatch(line);
  expect(code).toBe(0);
  expect(sandbox.page("98310").versions).toHaveLength(1);
});

test.each([
  [["check", "wiki"]],
  [["check", "--live", "wiki"]],
  [["check", "--live", "--page", "1"]],
  [["check", "--live", "wiki", "--page", "1", "--url", "http://127.0.0.1:1"]],
])("the command line %j is refused", async (args) => {
  await expect(runCommand(args, commandHost())).rejects.toMatchObject({ code: "usage_invalid" });
});

test("a page's id that is none and a target that is none are refused before any request", async () => {
  const sandbox = await sandboxOf("cloud", {});
  sandbox.failNext({ on: "GET", status: 500 });
  expect(await previewed(sandbox, "cloud", { page: "x/1" })).toMatchObject({
    code: 1,
    printed: expect.stringMatching(/no page's id/),
  });
  await expect(previewed(sandbox, "cloud", { target: "other" })).rejects.toMatchObject({ code: "usage_invalid" });
});
