import { describe, expect, it } from "vitest";
import { EVENT_LIMITS } from "../../../../shared/model/event.ts";
import { eventKeyOf } from "../../../../shared/model/idempotency-keys.ts";
import type { Reading } from "../../../../shared/model/reading.ts";
import { AT, automation, connect, connectPage, dataCenter, forge, read } from "./reading.ts";
import { SITE } from "./sources.ts";

const contentOf = (changes: object = {}) => ({ ...forge("x").content, status: "current", ...changes });
const page = { page: { id: 98310 } };

function eventOf(reading: Reading) {
  if (reading.outcome !== "event") throw new Error(JSON.stringify(reading));
  const [event] = reading.events;
  return { event, key: eventKeyOf("wiki", event.type, event.keyParts), page: "page" in event ? event.page : undefined };
}
const typeOf = (reading: Reading): string => (reading.outcome === "event" ? reading.events[0].type : reading.outcome);

describe("the cause of a new version", () => {
  const reportsOf = (updateTrigger: string) => [
    read(dataCenter("page_updated", { ...page, updateTrigger })),
    read(connect({ page: connectPage, updateTrigger }), "?event=page_updated"),
    read(forge("updated:page", { updateTrigger })),
    read(forge("snapshotted:page", { updateTrigger })),
  ];

  it.each(["link_refactoring", "LINK_REFACTORING", "bulk_operation"])(
    "a version that Confluence made itself (%s) is no edit, and the event has the sender's word",
    async (trigger) => {
      for (const reading of await Promise.all(reportsOf(trigger))) {
        expect(eventOf(reading)).toMatchObject({ event: { type: "page.rewritten" }, page: { trigger } });
      }
      const blog = dataCenter("blog_updated", { blog: { id: 1 }, updateTrigger: trigger });
      expect(typeOf(await read(blog))).toBe("blogpost.rewritten");
    },
  );

  it.each(["edit_page", "view_page", "personal_tasklist", "revert", "page_rename", "unknown", "relinked"])(
    "a version that a person made (%s) is an edit, and the event has the sender's word",
    async (trigger) => {
      for (const reading of await Promise.all(reportsOf(trigger))) {
        expect(eventOf(reading)).toMatchObject({ event: { type: "page.updated" }, page: { trigger } });
      }
    },
  );

  it("only an update is a rewrite, whatever caused the event", async () => {
    const moved = dataCenter("page_moved", { ...page, updateTrigger: "link_refactoring" });
    expect(eventOf(await read(moved))).toMatchObject({ event: { type: "page.moved" } });
  });

  it("an edit and a rewrite at one time have two keys, and a resend has the same key", async () => {
    const report = (updateTrigger: string) => read(forge("updated:page", { updateTrigger }));
    const [edit, rewrite, again] = await Promise.all(["edit_page", "link_refactoring", "link_refactoring"].map(report));
    expect(edit && eventOf(edit).key).not.toBe(rewrite && eventOf(rewrite).key);
    expect(again && eventOf(again).key).toBe(rewrite && eventOf(rewrite).key);
  });

  it("an event says whether the edit was minor and whether people were notified", async () => {
    const content = contentOf({ version: { number: 8, minorEdit: true } });
    const minor = eventOf(await read(forge("updated:page", { content, suppressNotifications: true })));
    expect(minor.page).toMatchObject({ minorEdit: true, notificationsSuppressed: true });
    const plain = eventOf(await read(forge("updated:page", { suppressNotifications: false })));
    expect(plain.page).toMatchObject({ notificationsSuppressed: false });
    expect(plain.page).not.toHaveProperty("minorEdit");
  });
});

describe("content that nobody has published", () => {
  it.each([
    ["updated:page", "draft"],
    ["updated:page", "historical"],
    ["created:page", "draft"],
    ["copied:page", "draft"],
    ["deleted:page", "draft"],
    ["snapshotted:page", "historical"],
  ])("the event %s of %s content is ignored", async (name, status) => {
    const content = contentOf({ status });
    const kind = `avi:confluence:${name} of ${status} content`;
    expect(await read(forge(name, { content }))).toMatchObject({ outcome: "ignored", kind });
  });

  it("an update of a draft blog post is ignored", async () => {
    const content = contentOf({ type: "blogpost", status: "draft" });
    expect(typeOf(await read(forge("updated:blogpost", { content })))).toBe("ignored");
  });

  it("a label or a comment on a draft is an event with the status", async () => {
    const content = contentOf({ status: "draft" });
    const labeled = await read(forge("added:label", { content, label: { name: "build-me", prefix: "global" } }));
    expect(eventOf(labeled)).toMatchObject({ event: { type: "page.labeled" }, page: { status: "draft" } });
    const container = { id: 98310, type: "page", status: "draft" };
    const commented = await read(forge("created:comment", { content: { id: "1", type: "comment", container } }));
    expect(eventOf(commented)).toMatchObject({ event: { type: "page.commented" }, page: { status: "draft" } });
  });

  it.each(["current", "archived", "trashed"])("an edit of %s content has the status", async (status) => {
    const reading = await read(forge("updated:page", { content: contentOf({ status }) }));
    expect(eventOf(reading)).toMatchObject({ event: { type: "page.updated" }, page: { status } });
  });
});

describe("a move", () => {
  const place = (id: number, title: string, spaceKey: string) => ({ id, title, spaceKey });

  it("a move on Data Center has the id of the old parent", async () => {
    const reading = await read(dataCenter("page_moved", { ...page, oldParent: { id: 65541 } }));
    expect(eventOf(reading).page).toMatchObject({ previous: { parent: "65541" } });
    expect(eventOf(reading).page).not.toHaveProperty("parent");
  });

  it("a move on Connect has the new parent, the old parent and the old space", async () => {
    const moved = { page: connectPage, oldParent: place(1, "Old", "TEAM"), newParent: place(2, "New", "ENG") };
    expect(eventOf(await read(connect(moved), "?event=page_moved")).page).toMatchObject({
      space: "ENG",
      parent: "2",
      previous: { parent: "1", space: "TEAM" },
    });
  });

  it("a move has the title of the old parent if the sender reports no id", async () => {
    const moved = { page: connectPage, oldParent: { title: "Old" } };
    expect(eventOf(await read(connect(moved), "?event=page_moved")).page).toMatchObject({
      previous: { parent: "Old" },
    });
  });

  it("a move from the top of a space has no old parent", async () => {
    const moved = { page: connectPage, oldParent: null, newParent: place(2, "New", "ENG") };
    expect(eventOf(await read(connect(moved), "?event=page_moved")).page).not.toHaveProperty("previous");
  });

  it("a move on Forge has the old space, and parents if the sender reports them", async () => {
    const prevContent = contentOf({ space: { id: 8, key: "TEAM" }, ancestors: [{ id: "1" }, { id: "2" }] });
    const content = contentOf({ ancestors: [{ id: "3" }, { id: "4" }] });
    expect(eventOf(await read(forge("moved:page", { content, prevContent }))).page).toMatchObject({
      space: "ENG",
      parent: "4",
      previous: { parent: "2", space: "TEAM" },
    });
    const plain = await read(forge("moved:page", { prevContent: contentOf({ space: { key: "TEAM" } }) }));
    expect(eventOf(plain).page).toMatchObject({ previous: { space: "TEAM" } });
    expect(eventOf(await read(forge("updated:page", { prevContent }))).page).not.toHaveProperty("previous");
  });
});

describe("a live doc", () => {
  const content = contentOf({ subType: "live" });

  it.each([
    ["initialized:page", "page.created"],
    ["started:page", "page.updated"],
    ["snapshotted:page", "page.updated"],
  ])("the event %s is about a live doc, also if its content does not say so", async (name, type) => {
    const expected = { event: { type }, page: { kind: "live_doc" } };
    expect(eventOf(await read(forge(name, { content })))).toMatchObject(expected);
    expect(eventOf(await read(forge(name, { content: contentOf() })))).toMatchObject(expected);
  });

  it("the conversion of a live doc to a page is an event about what it is now", async () => {
    const published = (changes: object) => read(forge("published:page", { content: contentOf(changes) }));
    const type = "page.published";
    expect(eventOf(await published({}))).toMatchObject({ event: { type }, page: { kind: "page" } });
    expect(eventOf(await published({ subType: "live" }))).toMatchObject({
      event: { type },
      page: { kind: "live_doc" },
    });
  });

  it.each(["moved:page", "archived:page", "trashed:page", "added:label"])(
    "%s of a live doc has its kind",
    async (name) => {
      const reading = await read(forge(name, { content, label: { name: "build-me" } }));
      expect(eventOf(reading).page).toMatchObject({ kind: "live_doc" });
    },
  );

  it("each editing session of a live doc is an event of its own, and a repeated call is not", async () => {
    const session = (at: string, number: number) =>
      read(forge("snapshotted:page", { eventCreatedDate: at, content: { ...content, version: { number } } }));
    const readings = await Promise.all([
      session("2026-11-01T10:00:00.000Z", 3),
      session("2026-11-01T11:00:00.000Z", 4),
      session("2026-11-01T10:00:00.000Z", 3),
    ]);
    const [first, second, repeated] = readings.map((reading) => eventOf(reading).key);
    expect(second).not.toBe(first);
    expect(repeated).toBe(first);
  });

  it("a new live doc with the status of a draft is an event, because a live doc has no drafts", async () => {
    const reading = await read(forge("initialized:page", { content: { ...content, status: "draft" } }));
    expect(eventOf(reading)).toMatchObject({ event: { type: "page.created" }, page: { status: "draft" } });
  });
});

describe("a blog post", () => {
  it.each(["created", "updated", "trashed", "restored"])("the event blog_%s is about a blog post", async (verb) => {
    const expected = { event: { type: `blogpost.${verb}` }, page: { id: "1", kind: "blogpost" } };
    expect(eventOf(await read(dataCenter(`blog_${verb}`, { blog: { id: 1 } })))).toMatchObject(expected);
    const blog = { ...connectPage, id: 1, contentType: "blogpost" };
    expect(eventOf(await read(connect({ blog }), `?event=blog_${verb}`))).toMatchObject(expected);
    const content = contentOf({ id: "1", type: "blogpost" });
    expect(eventOf(await read(forge(`${verb}:blogpost`, { content })))).toMatchObject(expected);
  });

  it("a purged blog post is deleted", async () => {
    expect(typeOf(await read(dataCenter("blog_removed", { blog: { id: 1 } })))).toBe("blogpost.deleted");
    const content = contentOf({ type: "blogpost", status: "trashed" });
    expect(typeOf(await read(forge("deleted:blogpost", { content })))).toBe("blogpost.deleted");
  });

  it("a label on a blog post is not a label on a page", async () => {
    const label = { name: "build-me" };
    const content = { ...connectPage, contentType: "blogpost" };
    for (const reading of [
      await read(forge("added:label", { label, content: contentOf({ type: "blogpost" }) })),
      await read(connect({ label, content }), "?event=label_added"),
      await read(dataCenter("label_added", { label, blog: { id: 98310 } })),
    ]) {
      expect(eventOf(reading)).toMatchObject({ event: { type: "blogpost.labeled", label: "build-me" } });
    }
    const removed = await read(forge("removed:label", { label, content: contentOf({ type: "blogpost" }) }));
    expect(typeOf(removed)).toBe("blogpost.unlabeled");
  });

  it("the link to a blog post does not need its date", async () => {
    const content = contentOf({ id: "1", type: "blogpost" });
    const url = `${SITE}/pages/viewpage.action?pageId=1`;
    expect(eventOf(await read(forge("created:blogpost", { content }))).page).toMatchObject({ space: "ENG", url });
  });

  it.each<[string, unknown, string]>([
    ["a page event", connect({ page: { ...connectPage, contentType: "blogpost" } }), "?event=page_updated"],
    ["a blog event", connect({ blog: connectPage }), "?event=blog_updated"],
    ["a page event of Forge", forge("updated:page", { content: contentOf({ type: "blogpost" }) }), ""],
    ["a blog event of Forge", forge("updated:blogpost"), ""],
    ["a label", forge("added:label", { label: { name: "x" }, content: contentOf({ type: "whiteboard" }) }), ""],
  ])("%s about other content than its name says is ignored", async (_name, body, query) => {
    expect(typeOf(await read(body, query))).toBe("ignored");
  });

  it("a blog event without its blog post is unusable", async () => {
    expect(typeOf(await read(dataCenter("blog_created", {})))).toBe("unusable");
  });
});

describe("a personal label", () => {
  const labels = [
    { name: "favourite", prefix: "my" },
    { name: "my:favourite" },
    { name: "~robin:favourite", prefix: "~robin" },
  ];
  it.each(labels)("the personal label $name is ignored by name", async (label) => {
    const event = { outcome: "ignored", kind: "avi:confluence:added:label of a personal label" };
    expect(await read(forge("added:label", { label }))).toMatchObject(event);
    expect(typeOf(await read(forge("removed:label", { label })))).toBe("ignored");
    const kind = "label_added of a personal label";
    expect(await read(connect({ label, content: connectPage }), "?event=label_added")).toMatchObject({ kind });
    expect(await read(dataCenter("label_added", { ...page, label }))).toMatchObject({ kind });
  });

  it("a personal label in a rule's body is ignored", async () => {
    expect(typeOf(await read(automation("label_added", { label: "my:favourite" })))).toBe("ignored");
  });

  it.each(["global", "team", "my-team"])("a label with the prefix %s is an event", async (prefix) => {
    expect(typeOf(await read(forge("added:label", { label: { name: "my-docs", prefix } })))).toBe("page.labeled");
  });

  it("the labels of a page are those that everybody has", async () => {
    const content = contentOf({ labels: [{ name: "release", prefix: "global" }, ...labels, null, { name: 7 }] });
    expect(eventOf(await read(forge("updated:page", { content }))).page).toMatchObject({ labels: ["release"] });
  });
});

describe("an attachment", () => {
  const attachment = {
    id: "98520",
    type: "attachment",
    status: "current",
    title: "plan 1.pdf",
    space: { key: "ENG" },
    version: { number: 2 },
    container: { id: "98310", type: "page" },
    extensions: { mediaType: "application/pdf", downloadPath: `${SITE}/x?token=secret` },
  };
  const ofForge = (changes: object = {}, name = "created:attachment") =>
    read(forge(name, { content: undefined, attachment: { ...attachment, ...changes } }));

  it.each([
    ["created:attachment", "attachment.created"],
    ["updated:attachment", "attachment.updated"],
    ["archived:attachment", "attachment.archived"],
    ["unarchived:attachment", "attachment.restored"],
    ["trashed:attachment", "attachment.trashed"],
    ["restored:attachment", "attachment.restored"],
    ["deleted:attachment", "attachment.deleted"],
  ])("an attachment event is read from %s of Forge", async (name, type) => {
    expect(typeOf(await ofForge({}, name))).toBe(type);
  });

  it.each([
    ["attachment_created", "attachment.created"],
    ["attachment_updated", "attachment.updated"],
    ["attachment_trashed", "attachment.trashed"],
    ["attachment_restored", "attachment.restored"],
    ["attachment_removed", "attachment.deleted"],
  ])("an attachment event is read from %s of Data Center and Connect", async (name, type) => {
    expect(typeOf(await read(dataCenter(name, { attachment: { id: 98520 } })))).toBe(type);
    const attached = { attachment: { id: 98520, title: "plan.pdf", parent: connectPage } };
    expect(typeOf(await read(connect(attached), `?event=${name}`))).toBe(type);
  });

  it("an attachment has its page and a link without the query of the sender's", async () => {
    expect(eventOf(await ofForge()).event).toEqual({
      type: "attachment.created",
      keyParts: [SITE, "98520", AT, "2"],
      time: AT,
      subject: "98520",
      actor: { id: "5b10" },
      attachment: {
        site: SITE,
        id: "98520",
        name: "plan 1.pdf",
        version: 2,
        space: "ENG",
        page: "98310",
        mediaType: "application/pdf",
        url: `${SITE}/download/attachments/98310/plan%201.pdf`,
      },
    });
  });

  it("an attachment with a cut name, or on other content than a page, has no link", async () => {
    const cut = eventOf(await ofForge({ title: "x".repeat(400) })).event;
    expect(cut).toHaveProperty("attachment.name.length", EVENT_LIMITS.title);
    expect(cut).not.toHaveProperty("attachment.url");
    const elsewhere = eventOf(await ofForge({ container: { id: "1", type: "forge:x" } })).event;
    expect(elsewhere).not.toHaveProperty("attachment.page");
    expect(elsewhere).not.toHaveProperty("attachment.url");
  });

  it("an attachment may have an id as in REST", async () => {
    expect(eventOf(await ofForge({ id: "att98520" })).event).toMatchObject({ attachment: { id: "att98520" } });
  });

  it("each file of one upload is an event of its own", async () => {
    const attachments = [1, 2].map((id) => ({ id, fileName: `${id}.png`, version: 1 }));
    const reading = await read(connect({ attachedTo: connectPage, attachments }), "?event=attachment_created");
    if (reading.outcome !== "event") throw new Error(reading.outcome);
    expect(reading.events).toMatchObject([
      { subject: "1", attachment: { name: "1.png", page: "98310", space: "ENG" } },
      { subject: "2", attachment: { name: "2.png", page: "98310", space: "ENG" } },
    ]);
    expect(new Set(reading.events.map(({ keyParts }) => keyParts.join())).size).toBe(2);
  });

  it("an upload by the bridge's own account is ignored", async () => {
    const userKey = "8a7f808a8f0d1c6e018f0d1f5c2a0001";
    const body = dataCenter("attachment_created", { attachment: { id: 1 }, userKey });
    expect(typeOf(await read(body, "", [userKey]))).toBe("ignored");
  });

  it.each<[string, object]>([
    ["no attachment", {}],
    ["an empty list", { attachments: [] }],
    ["an attachment without an id", { attachment: { title: "x" } }],
    ["more attachments than one upload has", { attachments: Array.from({ length: 101 }, (_, n) => ({ id: n + 1 })) }],
  ])("an attachment event with %s is unusable", async (_name, rest) => {
    expect(typeOf(await read(dataCenter("attachment_created", rest)))).toBe("unusable");
  });

  it("an attachment event of Forge without an attachment is unusable; a draft and an old version are ignored", async () => {
    expect(typeOf(await read(forge("created:attachment")))).toBe("unusable");
    expect(typeOf(await ofForge({ status: "draft" }, "created:attachment"))).toBe("ignored");
    expect(typeOf(await ofForge({ status: "historical" }, "updated:attachment"))).toBe("ignored");
  });
});

describe("an optional value of another kind than documented", () => {
  it("only its field of a Forge event is absent", async () => {
    const wrong = { atlassianId: 7, suppressNotifications: "no", prevContent: 1 };
    const content = {
      id: "98310",
      type: "page",
      title: 5,
      status: "new",
      space: "ENG",
      version: { number: "7", minorEdit: "yes" },
      labels: "x",
      ancestors: [{ id: "x" }],
    };
    expect(eventOf(await read(forge("updated:page", { ...wrong, content }))).event).toEqual({
      type: "page.updated",
      keyParts: [SITE, "98310", AT],
      time: AT,
      subject: "98310",
      page: { site: SITE, id: "98310", kind: "page", url: `${SITE}/pages/viewpage.action?pageId=98310` },
    });
  });

  it.each<[string, object]>([
    ["updateTrigger", { updateTrigger: {} }],
    ["selfGenerated", { selfGenerated: "true" }],
    ["status", { content: { id: "98310", type: "page", status: ["draft"] } }],
    ["subType", { content: { id: "98310", type: "page", subType: [] } }],
  ])("a Forge event is unusable if %s is, because it may mean something else", async (_, members) => {
    expect(typeOf(await read(forge("updated:page", members)))).toBe("unusable");
  });

  it.each<unknown>([["my"], 7, {}])(
    "an added label with the prefix %j may be personal, so the event is unusable",
    async (prefix) => {
      const label = { name: "build-me", prefix };
      expect(typeOf(await read(forge("added:label", { label })))).toBe("unusable");
      expect(typeOf(await read(dataCenter("label_added", { page: { id: 98310 }, label })))).toBe("unusable");
    },
  );

  it("a label whose prefix is of another kind is not among the labels of a page", async () => {
    const labels = [
      { name: "runbook", prefix: "global" },
      { name: "secret", prefix: ["my"] },
    ];
    const content = { id: "98310", type: "page", labels };
    expect(eventOf(await read(forge("updated:page", { content }))).event).toMatchObject({
      page: { labels: ["runbook"] },
    });
  });

  it("a status in capital letters is that status", async () => {
    const content = { id: "98310", type: "page", status: "DRAFT" };
    expect(typeOf(await read(forge("updated:page", { content })))).toBe("ignored");
  });

  it("an upload of which one file cannot be read has the events of the others", async () => {
    const attachments = [{ id: "x" }, 7, { id: 2, fileName: "2.png" }];
    const reading = await read(connect({ attachedTo: connectPage, attachments }), "?event=attachment_created");
    expect(reading).toMatchObject({ outcome: "event", events: [{ subject: "2" }] });
  });

  it("only its field of a Data Center event is absent", async () => {
    const wrong = { userKey: 7, updateTrigger: null, oldParent: "x", newParent: { id: "../1" } };
    const moved = dataCenter("page_moved", { ...wrong, page: { id: 98310, version: "7", spaceKey: [], title: {} } });
    expect(eventOf(await read(moved)).event).toEqual({
      type: "page.moved",
      keyParts: [SITE, "98310", AT],
      time: AT,
      subject: "98310",
      page: { site: SITE, id: "98310", kind: "page", url: `${SITE}/pages/viewpage.action?pageId=98310` },
    });
  });

  it("only its field of an Automation event is absent", async () => {
    const wrong = { pageVersion: "seven", spaceKey: 7, title: [], actor: {}, commentId: "x" };
    expect(eventOf(await read(automation("comment_added", wrong))).event).toEqual({
      type: "page.commented",
      keyParts: [SITE, "98310", AT],
      time: AT,
      subject: "98310",
      page: { site: SITE, id: "98310", url: `${SITE}/pages/viewpage.action?pageId=98310` },
    });
  });

  it("half of a surrogate pair in a space's key leaves the event usable", async () => {
    const body = JSON.stringify(forge("updated:page")).replace('"ENG"', '"E\\ud800"');
    expect(eventOf(await read(body)).page).toMatchObject({ url: `${SITE}/spaces/E%EF%BF%BD/pages/98310` });
  });
});
