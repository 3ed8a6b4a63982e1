import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/load.ts";
import { blocksOf, codeIn, readText, rowsOf } from "../../support/documents.ts";
import { entryOf } from "../../support/sandbox-confluence-action.ts";

const PAGE = readText("docs/route-patterns.md");
const [EXAMPLE = ""] = blocksOf(PAGE, "yaml");
const loaded = parseConfig(EXAMPLE, "example");
const ROUTES = loaded.ok ? loaded.config.routes : [];

const at = { time: "2026-11-02T09:00:00.000Z", subject: "platform/docs" };
type Part = Readonly<Record<string, unknown>>;
type Entry = Parameters<typeof entryOf>[1];

/** An event with the members that the patterns read. */
const eventOf = (type: string, part: Part) => entryOf("d-1", { type, ...at, ...part } as unknown as Entry);
const pushed = (code: Part, type = "code.pushed") =>
  eventOf(type, { code: { name: "main", change: "updated", ...code } });
const change = (type: string, part: Part) =>
  eventOf(type, { change: { targetBranch: "main", draft: false, fork: false, commit: "c4a1", ...part } });
const opened = (part: Part = {}) => change("change.opened", part);
const updated = (part: Part) => change("change.updated", part);
const commented = (text: string, { type = "change.commented", username = "iokafor", fork = false } = {}) =>
  eventOf(type, { actor: { id: "58", username }, change: { fork, comment: { id: "1", text } } });
const page = (type: string, part: Part = {}) => eventOf(type, { page: { id: "98310", ...part } });
const deployment = (type: string, environment = "production") => eventOf(type, { deployment: { environment } });
const removed = (ref: string, type = "code.deleted") => eventOf(type, { code: { ref, change: "deleted" } });
const run = (build: Part) => eventOf("build.succeeded", { build });

const paths = (...changed: readonly string[]) => ({ paths: { changed, count: changed.length, truncated: false } });
const many = { paths: { changed: ["src/a.ts"], count: 101, truncated: true } };
const fromFork = { change: { id: "37", sourceBranch: "main", fork: true } };
const ofSameProject = { change: { id: "37", sourceBranch: "drill", fork: false } };

type Events = Readonly<Record<string, ReturnType<typeof eventOf>>>;
const CASES: Readonly<Record<string, { readonly fires: Events; readonly not: Events }>> = {
  "runbooks-changed": {
    fires: {
      "a change in runbooks/": pushed(paths("src/a.ts", "runbooks/a.md")),
      "more files than the event lists": pushed(many),
    },
    not: {
      "a change elsewhere": pushed(paths("src/runbooks/a.md", "myrunbooks/a.md")),
      "a push without a list of files": pushed({}),
      "a change in runbooks/ on another branch": pushed({ name: "drill", ...paths("runbooks/a.md") }),
      "the deletion of the branch": pushed({ change: "deleted" }, "code.deleted"),
      "a tag": pushed(paths("runbooks/a.md"), "code.tagged"),
    },
  },
  labelled: {
    fires: { "the label is set": updated({ changed: ["labels"], labels: ["docs", "urgent"] }) },
    not: {
      "the label is removed": updated({ changed: ["labels"], labels: ["docs"] }),
      "new code of a labelled change": updated({ changed: ["code"], labels: ["urgent"] }),
      "the label on a change without a commit": updated({ changed: ["labels"], labels: ["urgent"], commit: undefined }),
      "the label on a fork's change": updated({ changed: ["labels"], labels: ["urgent"], fork: true }),
      "the label on a change of unknown source": updated({ changed: ["labels"], labels: ["urgent"], fork: undefined }),
    },
  },
  "ready-for-review": {
    fires: { "opened ready": opened(), "no draft any more": updated({ changed: ["draft", "title"] }) },
    not: {
      "opened as a draft": opened({ draft: true }),
      "made a draft": updated({ changed: ["draft"], draft: true }),
      "new code": updated({ changed: ["code"] }),
      "opened without a commit": opened({ commit: undefined }),
      "opened from a fork": opened({ fork: true }),
      "an edited comment": change("change.comment_edited", {}),
    },
  },
  "new-code": {
    fires: { opened: opened(), "new commits": updated({ changed: ["title", "code"] }) },
    not: {
      labels: updated({ changed: ["labels"] }),
      "an update that says nothing": updated({}),
      "opened without a commit": opened({ commit: undefined }),
      "another target branch": opened({ targetBranch: "release/4" }),
      "new commits of a fork": updated({ changed: ["code"], fork: true }),
      "a withdrawn approval": change("change.unapproved", {}),
    },
  },
  "not-forks": {
    fires: { "a branch": run({ branch: "main" }), "a tag": run({ tag: "v1" }), "a change": run(ofSameProject) },
    not: {
      "a fork's change": run(fromFork),
      "a change of unknown source": run({ change: { id: "37", sourceBranch: "main" } }),
      "an unknown ref": run({}),
    },
  },
  "release-tags": {
    fires: { "a tag v2.0.0": run({ tag: "v2.0.0" }) },
    not: {
      "another tag": run({ tag: "nightly" }),
      "a branch v2": run({ branch: "v2" }),
      "a fork's change": run(fromFork),
    },
  },
  "protected-branches": {
    fires: { "a protected branch": run({ branch: "main", protected: true }) },
    not: {
      "a branch that is not protected": run({ branch: "drill", protected: false }),
      "a branch of unknown protection": run({ branch: "main" }),
      "a protected tag": run({ tag: "v1", protected: true }),
      "a fork's change to a protected branch": run({ ...fromFork, protected: true }),
    },
  },
  "comment-command": {
    fires: { "the command of a person of the list": commented("/docs build") },
    not: {
      "a longer comment": commented("please /docs build"),
      "another person": commented("/docs build", { username: "lfuchs" }),
      "an edited comment": commented("/docs build", { type: "change.comment_edited" }),
      "a comment on a fork's change": commented("/docs build", { fork: true }),
    },
  },
  deployed: {
    fires: {
      "a deployment that succeeded": deployment("deployment.succeeded"),
      "a deployment that failed": deployment("deployment.failed"),
    },
    not: {
      "a deployment that runs": deployment("deployment.running"),
      "another environment": deployment("deployment.succeeded", "production/eu"),
    },
  },
  "branch-removed": {
    fires: { "a removed branch": removed("refs/heads/drill") },
    not: { "a removed tag": removed("refs/tags/v1"), "a push": removed("refs/heads/drill", "code.pushed") },
  },
  "blog-posts": {
    fires: { "a new blog post": page("blogpost.created"), "an edit": page("blogpost.updated") },
    not: {
      "a rewrite": page("blogpost.rewritten"),
      "a page": page("page.created"),
      "a label": page("blogpost.labeled"),
    },
  },
  "live-docs": {
    fires: { "an editing session": page("page.updated", { kind: "live_doc" }) },
    not: {
      "an edit of a page": page("page.updated", { kind: "page" }),
      "an edit of an unknown kind": page("page.updated"),
      "a live doc that became a page": page("page.published", { kind: "page" }),
    },
  },
  "pages-only": {
    fires: {
      "an edit of a page": page("page.updated", { kind: "page" }),
      "an edit of Data Center": page("page.updated"),
    },
    not: {
      "an editing session of a live doc": page("page.updated", { kind: "live_doc" }),
      "a rewrite": page("page.rewritten", { kind: "page" }),
    },
  },
  "token-expires": {
    fires: { "a token that expires soon": eventOf("token.expiring", { token: { name: "bridge-statuses" } }) },
    not: { "a lost agent": eventOf("agent.lost", { agent: { name: "agent-7" } }) },
  },
};

describe("docs/route-patterns.md", () => {
  it("has a case and a line of the table for every route", () => {
    const names = ROUTES.map(({ name }) => name);
    expect(Object.keys(CASES)).toEqual(names);
    expect(rowsOf(PAGE).map(([route = ""]) => codeIn(route)[0])).toEqual(names);
  });

  const all = Object.entries(CASES).flatMap(([name, { fires, not }]) => [
    ...Object.entries(fires).map(([what, event]) => ({ name, what, event, verb: "fires" })),
    ...Object.entries(not).map(([what, event]) => ({ name, what, event, verb: "does not fire" })),
  ]);
  it.each(all)("the route $name $verb on: $what", ({ name, event, verb }) => {
    const route = ROUTES.find((one) => one.name === name);
    expect(route?.matches(event)).toBe(verb === "fires");
  });
});
