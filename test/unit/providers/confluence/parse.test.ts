import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT_LIMITS } from "../../../../shared/model/event.ts";
import type { Reading } from "../../../../shared/model/reading.ts";
import { AT, automation, connect, connectPage, dataCenter, forge, read, TIMESTAMP } from "./reading.ts";
import { SITE } from "./sources.ts";

const typeOf = (reading: Reading): string => (reading.outcome === "event" ? reading.events[0].type : reading.outcome);

describe("an edit by the bridge's own account", () => {
  const key = "8a7f808a8f0d1c6e018f0d1f5c2a0001";
  const accountId = "5b10a2844c20165700ede21a";
  const edit = dataCenter("page_updated", { page: { id: 98310 }, userKey: key });

  it("an edit by the bridge's own account is ignored, so that a status on a page never starts the next run", async () => {
    expect(await read(edit, "", [key])).toEqual({ outcome: "ignored", kind: "page.updated by our own account" });
    expect(typeOf(await read(connect({ page: connectPage }), "?event=page_updated", ["557058:a"]))).toBe("ignored");
  });

  it("an ignored edit keeps its delivery key", async () => {
    const event = { ...forge("updated:page"), atlassianId: accountId };
    const [own, others] = await Promise.all([read(event, "", [accountId]), read(event)]);
    expect([own.outcome, own.deliveryKey]).toEqual(["ignored", others.deliveryKey]);
  });

  it("an edit by an account with a similar key is not ignored", async () => {
    expect(typeOf(await read(edit, "", [key.replace("0001", "0010"), accountId]))).toBe("page.updated");
  });
});

describe("a page event", () => {
  it.each([
    ["page_created", "page.created"],
    ["page_updated", "page.updated"],
    ["page_moved", "page.moved"],
    ["page_trashed", "page.trashed"],
    ["page_copied", "page.copied"],
    ["page_archived", "page.archived"],
    ["page_unarchived", "page.restored"],
    ["page_restored", "page.restored"],
    ["page_removed", "page.deleted"],
  ])("a page event is read from %s of Data Center and Connect", async (name, type) => {
    expect(typeOf(await read(dataCenter(name, { page: { id: 98310 } })))).toBe(type);
    expect(typeOf(await read(connect({ page: connectPage }), `?event=${name}`))).toBe(type);
  });

  it.each([
    ["created:page", "page.created"],
    ["updated:page", "page.updated"],
    ["moved:page", "page.moved"],
    ["trashed:page", "page.trashed"],
    ["restored:page", "page.restored"],
    ["copied:page", "page.copied"],
    ["archived:page", "page.archived"],
    ["unarchived:page", "page.restored"],
    ["deleted:page", "page.deleted"],
    ["added:label", "page.labeled"],
    ["removed:label", "page.unlabeled"],
  ])("a page event is read from %s of Forge", async (name, type) => {
    expect(typeOf(await read(forge(name, { label: { name: "build-me" } })))).toBe(type);
  });

  it.each([
    ["page_published", "page.created"],
    ["page_edited", "page.updated"],
    ["page_moved", "page.moved"],
    ["page_archived", "page.archived"],
    ["page_trashed", "page.trashed"],
    ["blog_published", "blogpost.created"],
    ["blog_edited", "blogpost.updated"],
    ["label_added", "page.labeled"],
    ["label_removed", "page.unlabeled"],
    ["comment_added", "page.commented"],
  ])("a page event is read from %s of a rule", async (action, type) => {
    expect(typeOf(await read(automation(action, { label: "build-me" })))).toBe(type);
  });

  it("a page event of Data Center holds little more than an id", async () => {
    expect(await read(dataCenter("page_updated", { page: { id: 98310 } }))).toEqual({
      outcome: "event",
      events: [
        {
          type: "page.updated",
          keyParts: [SITE, "98310", AT],
          time: AT,
          subject: "98310",
          actor: { id: "key-1" },
          page: { site: SITE, id: "98310", kind: "page", url: `${SITE}/pages/viewpage.action?pageId=98310` },
        },
      ],
    });
  });

  it("a page event needs neither actor, title, space nor version", async () => {
    const bare = { timestamp: TIMESTAMP, event: "page_created", page: { id: 1 } };
    expect(await read(bare)).toMatchObject({ events: [{ page: { id: "1" } }] });
    const { atlassianId, ...anonymous } = forge("created:page", { content: { id: "1", type: "page" } });
    const reading = await read(anonymous);
    expect(reading).toMatchObject({ events: [{ page: { id: "1" } }] });
    expect(reading).not.toHaveProperty("events[0].actor");
  });

  it("a page event has a link into a personal space", async () => {
    const page = { ...connectPage, spaceKey: "~1000/1" };
    expect(await read(connect({ page }), "?event=page_updated")).toMatchObject({
      events: [{ page: { url: `${SITE}/spaces/~1000%2F1/pages/98310` } }],
    });
  });

  it("a page event of a rule accepts digits as text and empty smart values", async () => {
    const smartValues = { pageVersion: "7", spaceKey: "", title: "", actor: "", label: "", commentId: "" };
    expect(await read(automation("page_edited", smartValues))).toMatchObject({ events: [{ page: { version: 7 } }] });
    const reading = await read(automation("comment_added", { ...smartValues, pageVersion: "" }));
    expect(reading).toMatchObject({ events: [{ keyParts: [SITE, "98310", AT] }] });
    expect(reading).not.toHaveProperty("events[0].comment");
  });

  it("two labels that are added at once are two events", async () => {
    const keys = ["a", "b"].map(async (name) => {
      const reading = await read(forge("added:label", { label: { name } }));
      return reading.outcome === "event" ? reading.events[0].keyParts : [];
    });
    const [first, second] = await Promise.all(keys);
    expect(first).not.toEqual(second);
  });

  it("texts and lists that are too long are cut", async () => {
    const labels = Array.from({ length: 80 }, (_, n) => ({ name: `label-${n}` }));
    const content = { id: "1", type: "page", title: "x".repeat(5_000), labels };
    const reading = await read(forge("updated:page", { content }));
    expect(reading).toMatchObject({ events: [{ page: { title: `${"x".repeat(EVENT_LIMITS.title - 1)}…` } }] });
    expect(reading).toHaveProperty("events[0].page.labels.length", EVENT_LIMITS.labels);
  });
});

describe("a comment", () => {
  const comment = { id: 98402, contentType: "comment", parent: connectPage };

  it("a comment names its page on Connect and Forge", async () => {
    const expected = { events: [{ type: "page.commented", page: { id: "98310" }, comment: { id: "98402" } }] };
    expect(await read(connect({ comment }), "?event=comment_created")).toMatchObject(expected);
    const content = { id: "98402", type: "comment", container: { id: 98310, type: "page" }, version: { number: 1 } };
    const reading = await read(forge("created:comment", { content }));
    expect(reading).toMatchObject(expected);
    expect(reading).not.toHaveProperty("events[0].page.version");
  });

  it("a comment of Data Center has nothing but its id", async () => {
    const reading = await read(dataCenter("comment_created", { comment: { id: 98402 } }));
    expect(reading).toMatchObject({ events: [{ type: "page.commented", subject: "98402", comment: { id: "98402" } }] });
    expect(reading).not.toHaveProperty("events[0].page");
    const another = await read(dataCenter("comment_created", { comment: { id: 98403 } }));
    const keyOf = (one: typeof reading) => one.outcome === "event" && one.events[0].keyParts;
    expect(keyOf(another)).not.toEqual(keyOf(reading));
  });

  it.each<[string, unknown, string]>([
    ["without its data", dataCenter("comment_created", {}), ""],
    [
      "on a blog post of Connect",
      connect({ comment: { ...comment, parent: { ...connectPage, contentType: "blogpost" } } }),
      "?event=comment_created",
    ],
    [
      "on a blog post of Forge",
      forge("created:comment", { content: { id: "1", type: "comment", container: { id: 2, type: "blogpost" } } }),
      "",
    ],
  ])("a comment %s is ignored", async (_name, body, query) => {
    expect(await read(body, query)).toMatchObject({ outcome: "ignored" });
  });
});

describe("a delivery that is not an event", () => {
  it.each<[string, unknown, string, string]>([
    ["the test button", { test: true }, "", "test"],
    ["a view", dataCenter("page_viewed", { page: { id: 1 } }), "", "page_viewed"],
    [
      "the second report of a page from a blueprint",
      dataCenter("blueprint_page_created", {}),
      "",
      "blueprint_page_created",
    ],
    ["a view of a blog post", forge("viewed:blogpost"), "", "avi:confluence:viewed:blogpost"],
    ["a name that objects inherit", dataCenter("constructor", {}), "", "constructor"],
    ["a label without its page", dataCenter("label_added", { label: { id: 1 } }), "", "label_added without page"],
    ["a content property", connect({ type: "x:content-property" }), "?event=content_updated", "content_updated"],
    ["the order of pages", forge("children_reordered:page"), "", "avi:confluence:children_reordered:page"],
    ["an event of another product", { ...forge("x"), eventType: "created:page" }, "", "created:page"],
    [
      "a labelled space",
      forge("added:label", { content: null, space: {} }),
      "",
      "avi:confluence:added:label without page",
    ],
    ["our own app's write", forge("updated:page", { selfGenerated: true }), "", "self-generated"],
    ["an unknown action", automation("page_liked"), "", "page_liked"],
  ])("a delivery is ignored: %s", async (_name, body, query, kind) => {
    expect(await read(body, query)).toMatchObject({ outcome: "ignored", kind });
  });

  it.each<[string, unknown, string]>([
    ["text that is not JSON", "page=1", ""],
    ["a repeated member", `{"event":"page_updated","event":"page_created"}`, ""],
    ["no event anywhere", connect({ page: connectPage }), ""],
    ["two events in the address", connect({ page: connectPage }), "?event=page_updated&event=page_moved"],
    ["no page", dataCenter("page_updated", {}), ""],
    ["a page without an id", dataCenter("page_updated", { page: {} }), ""],
    ["an invalid id", dataCenter("page_updated", { page: { id: "../1" } }), ""],
    ["an id that lost digits", dataCenter("page_updated", { page: { id: 2 ** 60 } }), ""],
    ["no time", { event: "page_updated", page: { id: 1 } }, ""],
    ["an invalid time", forge("updated:page", { eventCreatedDate: "yesterday" }), ""],
    ["an unknown version of the contract", { ...automation("label_added"), schema: "confluence-automation/2" }, ""],
    ["a label event without its label", automation("label_added"), ""],
  ])("a delivery is unusable with %s", async (_name, body, query) => {
    expect(await read(body, query)).toMatchObject({ outcome: "unusable" });
  });

  it("reading an authentic body never throws, whatever it holds", async () => {
    const names = [
      "page_updated",
      "page_moved",
      "blog_created",
      "comment_created",
      "label_added",
      "attachment_created",
      "avi:confluence:updated:page",
      "avi:confluence:moved:page",
      "avi:confluence:added:label",
      "avi:confluence:created:attachment",
      "page_edited",
    ];
    const members = ["event", "eventType", "payload", "schema", "page", "blog", "content", "prevContent", "comment"];
    const details = [
      "label",
      "labels",
      "attachment",
      "attachments",
      "space",
      "version",
      "ancestors",
      "oldParent",
      "id",
    ];
    const member = fc.constantFrom(...members, ...details);
    const value = fc.oneof(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }));
    const body = fc.oneof(fc.jsonValue(), fc.dictionary(member, fc.oneof(value, fc.dictionary(member, value))));
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom("", ...names.map((name) => `?event=${name}`)), async (content, query) => {
        expect(["event", "ignored", "unusable"]).toContain((await read(content, query)).outcome);
      }),
    );
  });
});
