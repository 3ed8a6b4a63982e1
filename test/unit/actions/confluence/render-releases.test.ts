import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { divideContent, STATUS_SHAPES } from "../../../../shared/actions/confluence/own-content.ts";
import { MAX_REGION_BYTES } from "../../../../shared/actions/confluence/render-region.ts";
import { renderLayout } from "../../../../shared/actions/confluence/render-releases.ts";
import type { Look } from "../../../../shared/actions/confluence/shown-row.ts";
import { readElements } from "../../../../shared/actions/confluence/storage-elements.ts";
import type { BoardRow, ShownBuild } from "../../../../shared/model/board.ts";
import { releaseAt, releasesOf } from "../../../support/release-rows.ts";
import { asSavedByEditor, asStored, parseStorage } from "../../../support/sandbox-confluence-markup.ts";

const render = (rows: readonly BoardRow[], look: Partial<Look> = {}): string =>
  renderLayout(rows, { onlyChanges: false, ...look }, "releases");

async function personsIn(content: string): Promise<string> {
  const elements = await readElements(content);
  if ("malformed" in elements) throw new Error(elements.malformed);
  const top = elements.filter(({ parent }) => !parent);
  return divideContent(content, { start: 0, end: content.length, elements: top, shapes: STATUS_SHAPES }).persons;
}

/** The cells of each row as text, without the header. */
const rowsIn = (content: string): readonly (readonly string[])[] =>
  Array.from(content.matchAll(/<tr><td>(.*?)<\/td><\/tr>/g), ([, row = ""]) =>
    row.split("</td><td>").map((cell) =>
      cell
        .replace(/<ac:parameter ac:name="colour">\w+<\/ac:parameter>/g, "")
        .replace(/<time datetime="([^"]*)" \/>/g, "$1")
        .replace(/<[^>]*>/g, " ")
        .replace(/\s+/g, " ")
        .trim(),
    ),
  );

describe("a record of releases", () => {
  test("a decision in an emergency says so", () => {
    const rows = releaseAt(2).map((row) => {
      const { release } = row.build;
      if (release?.kind !== "decision") return row;
      return { ...row, build: { ...row.build, release: { ...release, emergency: true as const } } };
    });
    expect(rowsIn(render(rows)).join()).toContain("emergency, granted by anna of login.example.com “Checked");
  });

  test("each row has the commits, who approved with which words, the duration and the version before it", () => {
    const [newest, second] = rowsIn(render([...releaseAt(1), ...releaseAt(2), ...releaseAt(3), ...releaseAt(4)]));
    expect(second).toEqual([
      "platform/docs to production (gitlab)",
      "PASSED",
      "#20498 41 s",
      "3 commits 6c1f4bc0 Fix the search by label",
      "approved by anna of login.example.com “Checked on staging, rollback is rehearsed.” (verified) for docs-deploy started by “Kim van der Berg-Oosterhuis” named by platform-gitlab (verified)",
      "6c1f899e",
      "2026-11-02 22:57 UTC",
    ]);
    expect(newest?.[0]).toBe("platform/docs to staging (gitlab)");
    expect(newest?.[4]).toBe("started by “Robin Example” named by platform-gitlab (verified)");
  });

  test("it is the newest first, and counts the states above the table", () => {
    const content = render(releasesOf(6).toReversed());
    expect(rowsIn(content).map(([, , run]) => run?.split(" ")[0])).toEqual(
      [0, 1, 2, 3, 4, 5].map((index) => `#${20_500 - index}`),
    );
    expect(content).toContain("<strong>Releases</strong></p><p>1 failed · 1 running · 4 passed · as of ");
  });

  test("the version before a deployment is the last one of its environment that succeeded", () => {
    const of = (index: number, changes: Partial<ShownBuild>) =>
      releaseAt(index, { environment: "production", ...changes });
    const failed = of(2, { state: "failed" });
    const elsewhere = of(3, { environment: "staging", state: "succeeded" });
    const before = of(4, { state: "succeeded" });
    const [newest, , third] = rowsIn(render([...of(1, {}), ...failed, ...elsewhere, ...before]));
    expect([newest?.[5], third?.[5]]).toEqual(["6c1f899e", "-"]);
  });

  test("hosts outside linkHosts get no link, and the text stays", () => {
    expect(render(releasesOf(3))).toContain('<a href="https://gitlab.example.test/platform/docs/-/compare/');
    const content = render(releasesOf(3), { linkHosts: ["ci.example.test"] });
    expect(content).not.toContain("<a ");
    expect(content).toContain("2 commits");
  });

  test("more than ten rows are in an expand macro, unless the region is flat, and the oldest are left out", () => {
    expect(render(releasesOf(10))).not.toContain('ac:name="expand"');
    expect(render(releasesOf(11))).toContain('ac:name="expand"');
    expect(render(releasesOf(11), { isFlat: true })).not.toContain('ac:name="expand"');
    const content = render(releasesOf(120));
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_REGION_BYTES);
    expect(content).toMatch(/\d+ more(?:, all|:) .*\. They are left out to keep this page small\./);
    expect(content).toContain("#20500");
  });

  test.each([0, 1, 5, 12, 120])("a record of %i contains nothing that is taken for a person's", async (count) => {
    for (const look of [{}, { isFlat: true }, { onlyChanges: true }, { refusedWith: () => 500 }]) {
      const content = render(releasesOf(count), look);
      for (const stored of [content, asStored(content), asSavedByEditor(content)])
        expect(await personsIn(stored)).toBe("");
    }
  });

  test("it is well-formed, bounded and recognized, whatever the senders report", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 2_000 }),
      fc.constantFrom(
        "<ac:link><ri:user ri:account-id='7'/></ac:link>",
        "]]>",
        "\u0000\u000B\uFFFE\uD800",
        "&".repeat(5_000),
      ),
    );
    const release = fc.record({
      kind: fc.constant("deployment" as const),
      names: fc.constant(["cause d-1"]),
      commitCount: fc.nat(),
      commits: fc.array(fc.record({ id: hostile, title: hostile, url: hostile }), { minLength: 1, maxLength: 3 }),
      diffUrl: hostile,
      title: hostile,
      url: hostile,
    });
    const starter = fc.record({ identity: hostile, name: hostile });
    const decision = fc.record({
      kind: fc.constant("decision" as const),
      about: fc.constant("cause d-1"),
      isGranted: fc.boolean(),
      by: starter,
      comment: hostile,
      route: hostile,
    });
    const build = fc.record({
      pipeline: hostile,
      environment: hostile,
      commit: hostile,
      url: hostile,
      finishedAt: hostile,
      starter,
      release,
    });
    const rowOf = (changes: Partial<ShownBuild>, at: number): BoardRow => ({
      key: `k ${at}`,
      delivery: "d-1",
      build: { system: "gitlab", id: String(at), pipeline: "p", state: "succeeded", ...changes },
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(build, { maxLength: 2 }),
        fc.array(decision, { maxLength: 5 }),
        async (builds, decisions) => {
          const rows = [...builds, ...decisions.map((one) => ({ release: one }))].map(rowOf);
          const content = render(rows);
          parseStorage(content);
          expect(content).not.toMatch(/CDATA|<ri:|<ac:link|<at:/);
          expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_REGION_BYTES);
          expect(render(structuredClone(rows))).toBe(content);
          expect(await personsIn(content)).toBe("");
          if (builds.length === 1) expect(rowsIn(content.replace(/[\n\r\u2028\u2029]/g, " "))).toHaveLength(1);
        },
      ),
      { numRuns: 40 },
    );
  });
});
