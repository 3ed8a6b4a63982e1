import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { blocksOf, readText } from "../../support/documents.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

const WHEN = "detail-type: [page.updated]";
const DO = "{ tekton: { target: docs-listener } }";

async function findings(text: string): Promise<readonly string[]> {
  const secrets = secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" });
  const found = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", secrets);
  return found.map(({ level, id, message }) => `${level} ${id} ${message.replace(/^\S+ routes\.docs-build\./, "")}`);
}

/** Without the warning that no edit of a page has a field of another part. */
async function withWhen(fields: string): Promise<readonly string[]> {
  const found = await findings(whole.replace(WHEN, `${WHEN}\n      ${fields}`));
  return found.filter((line) => !line.startsWith("warning unmatchable-route"));
}
const withParam = (value: string) =>
  findings(whole.replace(DO, `{ tekton: { target: docs-listener, params: { p: "${value}" } } }`));

describe("a pattern", () => {
  it.each([
    [
      "a misspelt field",
      "detail: { page: { idd: [x] } }",
      'when.detail.page.idd: no event has "idd" in detail.page (did you mean "id"?)',
    ],
    [
      "a misspelt part",
      "detail: { pages: { id: [x] } }",
      'when.detail.pages.id: no event has "pages" in detail (did you mean "page"?)',
    ],
    [
      "a misspelt top field",
      "detial: { page: { id: [x] } }",
      'when.detial.page.id: no event has "detial" in an event (did you mean "detail"?)',
    ],
    [
      "a part without detail",
      "page: { id: [x] }",
      'when.page.id: no event has "page" in an event (did you mean "detail.page.id"?)',
    ],
    [
      "a name of another system",
      "detail: { code: { branch: [main] } }",
      'when.detail.code.branch: no event has "branch" in detail.code (did you mean "name"?)',
    ],
    [
      "a field of another part",
      "detail: { build: { space: [x] } }",
      /^error unknown-path when\.detail\.build\.space: no event has "space" in detail\.build/,
    ],
    [
      "a field below a value",
      "detail: { page: { id: { x: [y] } } }",
      'when.detail.page.id.x: "detail.page.id" is a value and has no "x"',
    ],
    [
      "a block in place of a value",
      "detail: { page: [x] }",
      /"detail\.page" is a block of fields, not a value: name one of them \(site, id/,
    ],
    ["a field of all objects", "detail: { constructor1: [x] }", /no event has "constructor1" in detail/],
    [
      "a field in a list",
      "detail: { code: { commits: { ids: [x] } } }",
      'when.detail.code.commits.ids: no event has "ids" in detail.code.commits (did you mean "id"?)',
    ],
  ])("a pattern with %s is an error", async (_, fields, message) => {
    const expected = typeof message === "string" ? `error unknown-path ${message}` : expect.stringMatching(message);
    expect(await withWhen(fields)).toEqual([expected]);
  });

  it("a pattern has one error for each unknown field in each branch", async () => {
    const branches = "$or: [{ detail: { page: { idd: [x, y] } } }, { detail: { page: { tilte: [x] } } }]";
    expect(await findings(whole.replace(WHEN, branches))).toEqual([
      expect.stringMatching(/when\.\$or\[0\]\.detail\.page\.idd: /),
      expect.stringMatching(/when\.\$or\[1\]\.detail\.page\.tilte: /),
    ]);
  });

  it.each(["account: [x]", "region: [x]", "resources: [x]"])(
    "a pattern on a field that EventBridge adds is a warning: %s",
    async (field) => {
      expect(await withWhen(field)).toEqual([
        expect.stringMatching(/^warning aws-only-field when\.\w+: "\w+" is a field that EventBridge adds/),
      ]);
    },
  );

  it.each([
    "detail: { build: { results: { anything: [x] } } }",
    "detail: { page: { labels: [x], space: [y] } }",
    "detail: { code: { commits: { id: [x] } } }",
    "detail: { principal: { roles: [x] }, actor: { id: [y] } }",
    "detail: { approval: { gate: { state: [granted] } } }",
    "detail: { replay: { of: [{ exists: false }] } }",
    "time: [{ exists: true }]",
  ])("a pattern may ask for %s", async (fields) => expect(await withWhen(fields)).toEqual([]));
});

describe("a path in an option of an action", () => {
  it.each([
    ["a misspelt field", "$.detail.page.idd", /"idd" in detail\.page \(did you mean "id"\?\)/],
    [
      "a misspelt field behind an index",
      "$.detail.code.commits[0].idd",
      /"idd" in detail\.code\.commits\[0\] \(did you mean "id"\?\)/,
    ],
    ["no detail", "$.page.id", /no event has "page" in an event/],
    ["a block of fields at its end", "$.detail.page", /is a block of fields, not a value/],
    [
      "no index behind a list",
      "$.detail.page.labels",
      /"detail\.page\.labels" is a list: name one of its elements, such as detail\.page\.labels\[0\]/,
    ],
    [
      "no index before a field of a list's objects",
      "$.detail.code.commits.id",
      /"detail\.code\.commits" is a list: name one/,
    ],
    ["an index behind a value", "$.detail.page.id[0]", /"detail\.page\.id" is not a list/],
    ["an index behind a block", "$.detail.page[0].id", /"detail\.page" is not a list/],
    ["two indices", "$.detail.page.labels[0][1]", /"detail\.page\.labels\[0\]" is not a list/],
    [
      "results as a whole",
      "$.detail.build.results",
      /is a block of fields, not a value: name one of them \(a name of your own\)/,
    ],
  ])("a path with %s is an error", async (_, path, message) => {
    expect(await withParam(path)).toEqual([expect.stringMatching(message)]);
    expect(await withParam(path)).toEqual([expect.stringMatching(/^error unknown-path do\.tekton\.params\.p: /)]);
  });

  it.each([
    ["detail.page.id", "$.detail.page.id"],
    [".detail.page.id", "$.detail.page.id"],
    ["$detail.page.id", "$.detail.page.id"],
    ["page.id", "$.detail.page.id"],
    ["detail.code.commits[0].id", "$.detail.code.commits[0].id"],
  ])("a path without $. before it is a warning: %s", async (path, meant) => {
    expect(await withParam(path)).toEqual([
      `warning literal-path do.tekton.params.p: the action gets this as literal text; for the event's field write ${meant}`,
    ]);
  });

  it.each([
    ["detail.page.identifier", 'no event has "identifier" in detail.page (did you mean "id"?)'],
    ["$detail.code.branch", 'no event has "branch" in detail.code (did you mean "name"?)'],
    ["detail.page", '"detail.page" is a block of fields, not a value'],
  ])("a path without $. to a field that no event has is a warning: %s", async (path, why) => {
    expect(await withParam(path)).toEqual([expect.stringContaining(`it is no path of an event's field: ${why}`)]);
  });

  it.each([
    "$.detail.page.id",
    "$.detail.page.labels[0]",
    "$.detail.principal.roles[1]",
    "$.detail-type",
    "$.time",
    "detail",
    "main",
    "details.page.id",
    "page.html",
    "code.example.com",
  ])("the path or literal %s is valid", async (path) => expect(await withParam(path)).toEqual([]));
});

describe("a path of a field that events of the route's types do not have", () => {
  const CODE = `  code: { provider: gitlab, token: { current: env:WIKI_SECRET } }\n`;
  const withRoute = (when: string, param: string) =>
    findings(
      whole
        .replace("sources:\n", `sources:\n${CODE}`)
        .replace(`    when:\n      ${WHEN}`, `    when: ${when}`)
        .replace(DO, `{ tekton: { target: docs-listener, params: { p: "${param}" } } }`),
    );

  it.each([
    ["of another part", "{ detail-type: [page.updated] }", "$.detail.code.commit"],
    ["of another part, in a list", "{ detail-type: [page.updated] }", "$.detail.code.commits[0].id"],
    ["of another type", "{ detail-type: [page.updated, page.created] }", "$.detail.label"],
    ["of an open change", "{ detail-type: [change.opened] }", "$.detail.change.mergeCommit"],
  ])("a path %s that no matched event has is a warning", async (_, when, param) => {
    expect(await withRoute(when, param)).toContain(
      "warning path-without-value do.tekton.params.p: no event that the route matches has this field: the text is always empty",
    );
  });

  it.each([
    ["every change of a page", "{ detail-type: [{ prefix: page. }] }", "$.detail.label", "page.created"],
    [
      "changes that are open and merged",
      "{ detail-type: [change.opened, change.merged] }",
      "$.detail.change.mergeCommit",
      "change.opened",
    ],
    [
      "every comment and edit",
      "{ detail-type: [page.commented, page.updated] }",
      "$.detail.comment.id",
      "page.updated",
    ],
  ])("a path that only some events of %s have is a warning that names the others", async (_, when, param, type) => {
    const found = (await withRoute(when, param)).filter((finding) => finding.includes("path-without-value"));

    expect(found).toEqual([expect.stringContaining(`the route also matches ${type}`)]);
  });

  it.each([
    ["the commit of a push", "{ detail-type: [code.pushed] }", "$.detail.code.commit"],
    ["fields of each of two parts", "{ detail-type: [page.updated, code.pushed] }", "$.detail.code.commit"],
    [
      "the commit of every change of code but a deletion",
      "{ detail: { code: { change: [created, updated] } } }",
      "$.detail.code.commit",
    ],
    ["a commit that must exist", "{ detail: { code: { commit: [{ exists: true }] } } }", "$.detail.code.commit"],
    ["a field of all events", "{ detail-type: [{ prefix: build. }] }", "$.detail.delivery"],
    ["a result", "{ detail-type: [build.succeeded] }", "$.detail.build.results.page"],
  ])("a path to %s is valid", async (_, when, param) => {
    expect((await withRoute(when, param)).filter((finding) => finding.includes("path-without-value"))).toEqual([]);
  });
});

describe("every example in docs/events.md", () => {
  it.each(
    blocksOf(readText("docs/events.md"), "json").map((text) => [JSON.parse(text)["detail-type"], JSON.parse(text)]),
  )("the example %s has only fields that a pattern may ask for", async (_, entry) => {
    const { "detail-type": type, ...rest } = patternOf(entry);
    const when = JSON.stringify({ "detail-type": type, ...rest });
    const found = await findings(whole.replace(`    when:\n      ${WHEN}`, `    when: ${when}`));
    expect(found.filter((finding) => finding.includes("unknown-path"))).toEqual([]);
  });
});

/** A pattern that asks for each field of an event. */
function patternOf(value: object): Record<string, unknown> {
  const members = Object.entries(value).flatMap(([member, below]): [string, unknown][] => {
    const one: unknown = Array.isArray(below) ? below[0] : below;
    if (one === undefined || (typeof one === "object" && one !== null && Object.keys(one).length === 0)) return [];
    return [[member, typeof one === "object" && one !== null ? patternOf(one) : [{ exists: true }]]];
  });
  return Object.fromEntries(members);
}
