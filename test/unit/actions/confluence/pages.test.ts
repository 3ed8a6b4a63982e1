import { describe, expect, test } from "vitest";
import { pagesConcerned } from "../../../../shared/actions/confluence/pages.ts";
import type { PagePart } from "../../../../shared/model/event.ts";
import { buildEntry, entryOf } from "../../../support/sandbox-confluence-action.ts";

const SITE = "https://example.atlassian.test/wiki";

describe("the pages that an event concerns", () => {
  const link = (id: number) => `${SITE}/spaces/ENG/pages/${id}`;
  const pageEvent = (page: PagePart) =>
    entryOf("d-page", { type: "page.updated", time: "2026-11-02T09:00:00.000Z", subject: page.id, page });
  const pushOf = (...messages: string[]) =>
    entryOf("d-push", {
      type: "code.pushed",
      time: "2026-11-02T09:00:00.000Z",
      subject: "platform/docs",
      code: {
        project: "platform/docs",
        ref: "refs/heads/main",
        name: "main",
        change: "updated",
        commits: messages.map((message, index) => ({ id: String(index), message })),
        commitCount: messages.length,
      },
    });
  const changeOf = (title: string, description: string) =>
    entryOf("d-change", {
      type: "change.opened",
      time: "2026-11-02T09:00:00.000Z",
      subject: "platform/docs!4",
      change: { project: "platform/docs", id: "4", number: 4, title, description },
    });
  const busEvent = buildEntry({ message: `Build for ${link(3)}`, results: { page: "4", note: "none" } });
  const concerned = (origin = busEvent, page?: string, of = busEvent) =>
    pagesConcerned({ busEvent: of, origin }, { site: SITE, page, ofChange: "" }).links.map((one) =>
      "id" in one ? one.id : one,
    );

  test("an event concerns only the page that the route names", () => {
    expect(concerned(pageEvent({ site: SITE, id: "1" }), "2")).toEqual(["2"]);
    expect(concerned(pageEvent({ site: SITE, id: "1" }), "$.detail.build.results.page")).toEqual(["4"]);
    expect(concerned(pageEvent({ site: SITE, id: "1" }), "$.detail.build.results.note")).toEqual([]);
    expect(concerned(pageEvent({ site: SITE, id: "1" }), "$.detail.build.results.missing")).toEqual([]);
  });

  test("an event concerns the page whose edit started the run", () => {
    expect(concerned(pageEvent({ site: SITE, id: "1" }))).toEqual(["1"]);
  });

  test("an event does not concern a page of another site", () => {
    expect(concerned(pageEvent({ site: "https://other.example.test", id: "1" }))).toEqual(["3"]);
  });

  test("an event concerns no blog post or live doc, which are not written", () => {
    expect(concerned(pageEvent({ site: SITE, id: "1", kind: "page" }))).toEqual(["1"]);
    expect(concerned(pageEvent({ site: SITE, id: "1", kind: "blogpost" }), undefined, buildEntry())).toEqual([]);
    expect(concerned(pageEvent({ site: SITE, id: "1", kind: "live_doc" }))).toEqual(["3"]);
  });

  test("an event concerns the pages that its origin links to, then those that the build links to", () => {
    expect(concerned(pushOf(`Docs for ${link(5)}`, link(6)))).toEqual(["5", "6", "3"]);
    expect(concerned(changeOf(link(7), `See ${link(8)} and ${link(7)}`))).toEqual(["7", "8", "3"]);
  });

  test("the report of a job concerns the page whose id it names, and no other message is read as an id", () => {
    const build = buildEntry({ message: "98310" });
    const report = { ...build, source: "drawbridge.status" };
    expect(concerned(build, undefined, report)).toEqual(["98310"]);
    expect(concerned(build, undefined, build)).toEqual([]);
    expect(concerned(pageEvent({ site: SITE, id: "1" }), undefined, report)).toEqual(["1"]);
    expect(concerned(report, "2", report)).toEqual(["2"]);
    const text = { ...buildEntry({ message: "Build 98310" }), source: "drawbridge.status" };
    expect(concerned(text, undefined, text)).toEqual([]);
  });

  test("an event concerns no page if no text names one", () => {
    expect(concerned(pushOf("No page"), undefined, buildEntry())).toEqual([]);
  });
});
