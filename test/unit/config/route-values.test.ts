import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

/** The findings about `when` of a route, without their place. */
async function foundIn(when: string): Promise<readonly string[]> {
  const text = whole.replace("detail-type: [page.updated]", when);
  const findings = await checkLoaded(
    parseConfig(text, "x.yaml"),
    "x.yaml",
    secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" }),
  );
  return findings
    .filter(({ message }) => message.includes("routes.docs-build"))
    .map(({ id, message }) => `${id} ${message.replace(/^\S+ routes\.docs-build\.when\./, "")}`);
}

describe("a route that asks for a source or type that no event has", () => {
  it.each([
    [
      "a misspelt source",
      "source: [drawbridge.conflunce]",
      'unmatchable-route source[0]: no event matches: there is no "drawbridge.conflunce" (did you mean "drawbridge.confluence"?)',
    ],
    [
      "another misspelt source",
      "source: [drawbrige.tekton]",
      'unmatchable-route source[0]: no event matches: there is no "drawbrige.tekton" (did you mean "drawbridge.tekton"?)',
    ],
    [
      "a provider's name",
      "source: [tekton]",
      'unmatchable-route source[0]: no event matches: there is no "tekton" (did you mean "drawbridge.tekton"?)',
    ],
    [
      "the name of a source",
      "source: [wiki]",
      'unmatchable-route source[0]: no event matches: you wrote the name of a source; write "drawbridge.confluence", or match this source alone by { detail: { source: ["/sources/wiki"] } }',
    ],
    [
      "the name of another source",
      "source: [prod-cluster]",
      'unmatchable-route source[0]: no event matches: you wrote the name of a source; write "drawbridge.tekton", or match this source alone by { detail: { source: ["/sources/prod-cluster"] } }',
    ],
    [
      "a source's address",
      "source: [/sources/wiki]",
      'unmatchable-route source[0]: no event matches: you wrote the name of a source; write "drawbridge.confluence", or match this source alone by { detail: { source: ["/sources/wiki"] } }',
    ],
    [
      "a source's name in the detail",
      "detail: { source: [wiki] }",
      'unmatchable-route detail.source[0]: no event matches: there is no "wiki" (did you mean "/sources/wiki"?)',
    ],
    [
      "a provider without a source",
      "source: [drawbridge.gitlab]",
      "unmatchable-route source[0]: no event matches: no source here publishes it (known: drawbridge.confluence, drawbridge.tekton)",
    ],
    [
      "a misspelt type",
      "detail-type: [page.udpated]",
      'unmatchable-route detail-type[0]: no event matches: there is no "page.udpated" (did you mean "page.updated"?)',
    ],
    [
      "a misspelt type in the detail",
      "detail: { type: [build.suceeded] }",
      'unmatchable-route detail.type[0]: no event matches: there is no "build.suceeded" (did you mean "build.succeeded"?)',
    ],
    [
      "a type of another trade",
      "detail-type: [push]",
      'unmatchable-route detail-type[0]: no event matches: there is no "push"; docs/events.md lists the types',
    ],
    [
      "a prefix that no type has",
      "detail-type: [{ prefix: pages. }]",
      "unmatchable-route detail-type[0]: no event matches: docs/events.md lists the types",
    ],
    [
      "a prefix that no source has",
      "source: [{ prefix: gitlab }]",
      'unmatchable-route source[0]: no event matches: here "source" is drawbridge.confluence or drawbridge.tekton',
    ],
  ])("a route on %s is a warning that says what would be right", async (_, when, finding) =>
    expect(await foundIn(when)).toEqual([finding]),
  );

  it.each([
    [
      "source",
      "source: [drawbridge.confluence, wiki]",
      /^unmatchable-value source\[1\]: no event has this: you wrote the name of a source/,
    ],
    [
      "type",
      "detail-type: [page.updated, page.edited]",
      /^unmatchable-value detail-type\[1\]: .*did you mean "page.updated"/,
    ],
    [
      "type in one branch",
      "$or: [{ detail-type: [page.updated] }, { detail-type: [page.edited] }]",
      /^unmatchable-value \$or\[1\]\.detail-type\[0\]: /,
    ],
  ])("an unmatchable %s among several alternatives is a warning too", async (_, when, finding) =>
    expect(await foundIn(when)).toEqual([expect.stringMatching(finding)]),
  );

  it.each([
    ["a provider that has no source yet, beside one that has", "source: [drawbridge.confluence, drawbridge.gitlab]"],
    ["all but one", "source: [{ anything-but: drawbridge.tekton }]"],
    ["a family of types", "detail-type: [{ prefix: page. }, { suffix: .commented }]"],
    ["other fields", "detail: { page: { space: [wiki] } }"],
  ])("a route on %s is not reported as unmatchable", async (_, when) => expect(await foundIn(when)).toEqual([]));
});

describe("a route whose types never have what it asks for", () => {
  const withGitlab = whole.replace(
    "sources:\n",
    "sources:\n  code: { provider: gitlab, token: { current: env:WIKI_SECRET } }\n",
  );
  const unmatchable = "unmatchable-route routes.docs-build.when: no event matches all of it at once";

  it.each([
    ["a field of another part cannot match", "[job.failed]", "build: { branch: [main] }", [unmatchable]],
    ["the deletion of a branch as a push cannot match", "[code.pushed]", "code: { change: [deleted] }", [unmatchable]],
    ["a change that pushes have can match", "[code.pushed]", "code: { change: [deleted, created] }", []],
    ["what one of its types has can match", "[code.pushed, code.deleted]", "code: { change: [deleted] }", []],
  ])("a route that asks for %s", async (_, types, detail, expected) => {
    const when = `detail-type: ${types}\n      detail: { ${detail} }`;
    const loaded = parseConfig(withGitlab.replace("detail-type: [page.updated]", when), "x.yaml");
    const findings = await checkLoaded(
      loaded,
      "x.yaml",
      secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" }),
    );
    const found = findings.filter(({ message }) => message.includes("routes.docs-build.when"));
    expect(found.map(({ id, message }) => `${id} ${message.replace(/^\S+ /, "")}`)).toEqual(expected);
  });
});

describe("a route with a value that its field never has", () => {
  const valuesFoundIn = async (when: string): Promise<readonly string[]> =>
    (await foundIn(when)).filter((finding) => finding.startsWith("unmatchable-value"));

  it.each([
    [
      "a word of another system",
      "detail: { deployment: { state: [success] } }",
      'detail.deployment.state[0]: no event has this: there is no "success" (known: queued, running, waiting, succeeded, failed, cancelled, timed_out, skipped)',
    ],
    [
      "a misspelt word in a list",
      "detail: { change: { changed: [label] } }",
      'detail.change.changed[0]: no event has this: there is no "label" (did you mean "labels"?)',
    ],
    [
      "true as a text",
      'detail: { change: { fork: ["false"] } }',
      'detail.change.fork[0]: no event has this: "detail.change.fork" is true or false, without quotation marks',
    ],
    [
      "a number for an id",
      "detail: { page: { id: [98310] } }",
      'detail.page.id[0]: no event has this: "detail.page.id" is a text: write "98310", with quotation marks',
    ],
    [
      "a text for a number",
      'detail: { change: { number: ["37"] } }',
      'detail.change.number[0]: no event has this: "detail.change.number" is a number, without quotation marks',
    ],
    [
      "an asterisk in the name of a tag",
      'detail: { code: { name: ["v*"] } }',
      'detail.code.name[0]: no event has this: "*" is an ordinary character here: write { wildcard: "v*" }',
    ],
    [
      "a number in objects of a list",
      "detail: { code: { commits: { id: [7] } } }",
      'detail.code.commits.id[0]: no event has this: "detail.code.commits.id" is a text: write "7", with quotation marks',
    ],
  ])("%s is a warning that says what would be right", async (_, when, finding) =>
    expect(await valuesFoundIn(when)).toEqual([`unmatchable-value ${finding}`]),
  );

  it.each([
    "detail: { change: { changed: [code, labels], fork: [false], number: [37] } }",
    'detail: { code: { name: [{ wildcard: "v*" }, { exists: false }], commitCount: [{ numeric: [">", 0] }] } }',
    'detail: { change: { comment: { text: ["*"] } } }',
    "detail: { build: { results: { page: [98310, true, word] } } }",
    "detail: { job: { retried: [{ exists: false }], state: [{ anything-but: failed }] } }",
  ])("the values of %s are not reported", async (when) => expect(await valuesFoundIn(when)).toEqual([]));
});

describe("a route on the states that jobs report", () => {
  const job = "roles: [ci]";
  const withRole = whole
    .replace("    audience: https://bridge.example.com\n", `    audience: https://bridge.example.com\n    ${job}\n`)
    .replace("bearer: { trust: cluster }", "basic: { username: a, password: { current: env:WIKI_TOKEN } }");

  it.each([
    ["can match if a trust entry earns the role for it", withRole, 0],
    ["cannot match if nobody may report one", whole, 1],
  ])("a route on the states that jobs report %s", async (_, text, count) => {
    const asking = text.replace("detail-type: [page.updated]", "source: [drawbridge.status]");
    const secrets = secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" });
    const findings = await checkLoaded(parseConfig(asking, "x.yaml"), "x.yaml", secrets);
    expect(findings.filter(({ id }) => id === "unmatchable-route")).toHaveLength(count);
  });
});
