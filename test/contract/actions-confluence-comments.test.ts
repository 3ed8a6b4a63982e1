import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownLinesOf } from "../../shared/actions/confluence/comment.ts";
import type { CommandResult, Commands, IssuedCommand } from "../../shared/approvals/command.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { CommentReplyStore } from "../../shared/store/comment-replies.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openAllStores } from "../support/all-stores.ts";
import { bridgeWith } from "../support/bridge-parts.ts";
import { loopbackClient } from "../support/embedded-dynamodb.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, entryOf } from "../support/sandbox-confluence-action.ts";
import type { CommentSeed } from "../support/sandbox-confluence-comments.ts";
import type { Failure } from "../support/sandbox-confluence-site.ts";
import { BRIDGE_USER } from "../support/sandbox-confluence-users.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const AT = "2026-11-02T08:59:00.000Z";

/** The commands of a bridge without people. Its store is unreachable, so every read fails. */
function nobodysCommands(): Commands {
  const clock = testClock();
  const options = { retentionDays: 30, markUnrelayed: true, singleProcess: false, clock };
  return bridgeWith([], { stores: openAllStores(new DynamoDbTable(loopbackClient(9), "drawbridge"), options), clock })
    .commands;
}

describe.each(["cloud", "data-center"] as const)("a comment on a page of %s", (product) => {
  let sandbox: SandboxConfluence;
  let reads: string[];
  let issued: IssuedCommand[];
  let commands: Commands;
  let commentReplies: CommentReplyStore;

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
    reads = [];
    issued = [];
    ({ commentReplies } = memoryStores());
    commands = {
      rejectReason: () => undefined,
      executeCommand: async (command) => {
        issued.push(command);
        return [{ about: "p-1", decision: command.command.decision }];
      },
    };
  });
  afterEach(() => sandbox.close());

  const counting: CallOut = (request) => {
    reads.push(`${request.method} ${request.url.pathname}`);
    return callOut(request);
  };

  /** The comment's event as published; `changes` are the sender's claims. */
  const reported = (id: string, changes: { actor?: string; page?: string; site?: string } = {}): BusEvent => {
    const { actor = "max", page = PAGE, site = sandbox.site(product) } = changes;
    return entryOf("d-commented", {
      type: "page.commented",
      time: "2026-11-02T09:00:00.000Z",
      subject: page,
      actor: { id: actor },
      page: { site, id: page },
      comment: { id },
    });
  };
  const run = (busEvent: BusEvent, changes: Partial<BenchOptions> = {}) =>
    benchFor(sandbox, product, { callOut: counting, commands, commentReplies, ...changes }).run(busEvent);
  const write = (body = "<p>drawbridge approve</p>", seed: CommentSeed = {}) =>
    sandbox.comment(PAGE, body, { author: "max", at: AT, ...seed });

  test.each(["footer", "inline"] as const)(
    "the command of a comment is executed in its author's name: %s",
    async (kind) => {
      const id = await write(undefined, { kind });
      expect(await run(reported(id))).toEqual({ outcome: "done", summary: `comment ${id}: grant of p-1` });
      expect(issued).toMatchObject([
        {
          command: { decision: "grant" },
          actor: "max",
          page: { site: sandbox.site(product), id: PAGE },
          at: Date.parse(AT),
          key: ["comment", sandbox.site(product), id],
        },
      ]);
      expect(reads).toHaveLength(kind === "inline" && product === "cloud" ? 2 : 1);
      expect(sandbox.page(PAGE).versions).toHaveLength(1);
    },
  );

  test.each([
    "<p>Drawbridge approve.</p>",
    "<p><strong>drawbridge</strong>&nbsp; <code>approve</code>!</p>",
    "<p><em>DRAWBRIDGE APPROVE</em></p>",
  ])("a command is executed however a phone or an editor writes it: %s", async (body) => {
    await run(reported(await write(body)));
    expect(issued).toMatchObject([{ command: { decision: "grant" } }]);
  });

  test("a comment is looked up by its id alone if the sender reports nothing else", async () => {
    const id = await write();
    const comment = { site: sandbox.site(product), id };
    const time = "2026-11-02T09:00:00.000Z";
    const entry = { type: "page.commented", time, subject: id, actor: { id: "max" }, comment } as const;
    await run(entryOf("d-commented", entry));
    expect(issued).toMatchObject([{ page: { id: PAGE } }]);
  });

  test.each<[string, string, () => Promise<BusEvent>]>([
    ["that says something else", "its text is not a command", async () => reported(await write("<p>Looks right.</p>"))],
    [
      "with a command in a longer sentence",
      "its text is no",
      async () => reported(await write("<p>Whoever has the role comments drawbridge approve on this page.</p>")),
    ],
    [
      "that quotes a command",
      "its text is not a command",
      async () => reported(await write("<blockquote><p>drawbridge approve</p></blockquote>")),
    ],
    ["on another page than reported", "is not on that page", async () => reported(await write(), { page: "98311" })],
    ["that is not published", "is not on that page", async () => reported(await write(undefined, { status: "draft" }))],
    [
      "by another author than reported",
      "author is not the one that the event names",
      async () => reported(await write(), { actor: "mia" }),
    ],
  ])("a comment %s executes no command, and costs one call", async (_, why, comment) => {
    const busEvent = await comment();
    const outcome = await run(busEvent);
    expect(outcome).toMatchObject({ outcome: "done", summary: expect.stringMatching(`commands nothing: .*${why}`) });
    expect(issued).toEqual([]);
    expect(reads).toHaveLength(1);
    const { id } = "comment" in busEvent.detail && busEvent.detail.comment ? busEvent.detail.comment : { id: "" };
    expect(sandbox.repliesTo(id)).toEqual([]);
  });

  test.each<[string, string, (id: string) => Parameters<typeof run>]>([
    [
      "that is on another site",
      "no comment on this site",
      (id) => [reported(id, { site: "https://other.example.test" })],
    ],
    [
      "in an installation without people",
      "because max is not among",
      (id) => [reported(id), { commands: nobodysCommands() }],
    ],
    [
      "of a person without commands",
      "because max is a stranger",
      (id) => [reported(id), { commands: { ...commands, rejectReason: () => "max is a stranger" } }],
    ],
  ])("a comment %s is not read", async (_, why, asked) => {
    const id = await write();
    expect(await run(...asked(id))).toMatchObject({ outcome: "done", summary: expect.stringContaining(why) });
    expect(issued).toEqual([]);
    expect(reads).toEqual([]);
  });

  test("the outcome reports that a command was rejected", async () => {
    commands.executeCommand = async () => [{ about: "p-1", decision: "deny", refusal: { reason: "self_approval" } }];
    const id = await write("<p>drawbridge deny</p>");
    const summary = `comment ${id}: deny of p-1 refused (self_approval); the reply says why`;
    expect(await run(reported(id))).toMatchObject({ summary });
  });

  test.each<[string, Failure, object]>([
    ["an outage", { on: "GET", status: 503 }, { outcome: "retry" }],
    [
      "too many calls",
      { on: "GET", status: 429, headers: { "retry-after": "7" } },
      { outcome: "retry", afterSeconds: 7 },
    ],
    ["no connection", { on: "GET", status: "none" }, { outcome: "retry" }],
    ["a maintenance page", { on: "GET", status: 200, body: "<html>" }, { outcome: "retry" }],
    [
      "a scope that the token lacks",
      { on: "GET", status: 401, headers: { "x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK" } },
      { outcome: "give_up", summary: expect.stringContaining("read:comment:confluence") },
    ],
  ])("a comment that cannot be read because of %s executes no command", async (_, failure, outcome) => {
    const id = await write();
    sandbox.failNext(failure);
    expect(await run(reported(id))).toMatchObject(outcome);
    expect(issued).toEqual([]);
  });

  test("the action gives up a comment that does not exist, for a person to look at", async () => {
    expect(await run(reported("404404"))).toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/no such/),
    });
  });

  test("a page is never read as a comment, whatever its text", async () => {
    sandbox.humanEdit(PAGE, () => "<p>drawbridge approve</p>");
    await run(reported(PAGE));
    expect(issued).toEqual([]);
  });

  describe("a reply", () => {
    const refusing = (...results: readonly CommandResult[]): void => {
      commands.executeCommand = async () => results;
    };
    const refused: CommandResult = { about: "p-1", decision: "grant", refusal: { reason: "self_approval" } };
    const textsOf = (id: string) => sandbox.repliesTo(id).map(({ body }) => ownLinesOf(body).join("\n"));

    test.each(["footer", "inline"] as const)(
      "is written under a comment whose command is refused: %s",
      async (kind) => {
        refusing(refused);
        const id = await write(undefined, { kind });
        expect(await run(reported(id))).toMatchObject({ outcome: "done" });
        expect(sandbox.repliesTo(id)).toMatchObject([{ page: PAGE, kind, parent: id, author: BRIDGE_USER.userKey }]);
        expect(textsOf(id)).toEqual([expect.stringContaining("p-1: You requested this run, or what it repeats, so")]);
        expect(sandbox.page(PAGE).versions).toHaveLength(1);
      },
    );

    test.each<[string, string, string]>([
      ["a misspelled verb", "<p>drawbridge aprove</p>", "The commands are drawbridge approve"],
      ["a misspelled name", "<p>Drawbrige approve</p>", "The commands are"],
      ["the command of the command line", `<p>drawbridge approvals grant p-${"a".repeat(26)}</p>`, "The commands are"],
      ["a greeting before the command", "<p>Hi,</p><p>drawbridge approve</p>", "has to be the whole comment"],
      ["a question", "<p>drawbridge approve?</p>", "has to be the whole comment"],
      ["a list item", "<ul><li>drawbridge approve</li></ul>", "has to be the whole comment"],
    ])("says which commands there are if a comment is nearly one: %s", async (_, body, text) => {
      const id = await write(body);
      expect(await run(reported(id))).toMatchObject({
        outcome: "done",
        summary: `comment ${id} commands nothing: its text is not a command; the reply says why`,
      });
      expect(issued).toEqual([]);
      expect(textsOf(id)).toEqual([expect.stringContaining(text)]);
    });

    test("says that an edited comment does not count", async () => {
      const id = await write("<p>Looks right.</p>");
      sandbox.editComment(id, "<p>drawbridge approve</p>", "max");
      expect(await run(reported(id))).toMatchObject({ summary: expect.stringContaining("it was edited; the reply") });
      expect(issued).toEqual([]);
      expect(textsOf(id)).toEqual([expect.stringContaining("write the command into a new comment")]);
    });

    test.each([
      ["a quotation", "<blockquote><p>drawbridge aprove</p></blockquote><p>What does this do?</p>"],
      ["a code block", "<pre>drawbridge aprove</pre>"],
      ["text that is struck out", "<p><s>drawbridge approve</s></p>"],
    ])("is not written to a comment with a command in %s", async (_, body) => {
      const id = await write(body);
      await run(reported(id));
      expect(issued).toEqual([]);
      expect(sandbox.repliesTo(id)).toEqual([]);
    });

    test("is written once, although the event is handled twice, at once and later, by two routes", async () => {
      refusing(refused);
      const id = await write();
      await Promise.all([run(reported(id)), run(reported(id))]);
      expect(await run(reported(id))).toMatchObject({
        outcome: "done",
        summary: expect.stringContaining("the comment was dealt with before"),
      });
      sandbox.editComment(id, "<p>drawbridge approve</p>", "max");
      await run(reported(id));
      expect(sandbox.repliesTo(id)).toHaveLength(1);
    });

    test("is not written if a command that was executed is reported again and refused", async () => {
      const id = await write();
      await run(reported(id));
      refusing({ about: PAGE, decision: "grant", refusal: { reason: "approval_unknown" } });
      await run(reported(id));
      expect(sandbox.repliesTo(id)).toEqual([]);
    });

    test.each<[string, Failure]>([
      ["an outage", { on: "POST", status: 503 }],
      ["an answer that is lost", { on: "POST", status: "none", landed: true }],
    ])("is not repeated after %s, and the timeline says that it is unknown", async (_, failure) => {
      refusing(refused);
      const id = await write();
      sandbox.failNext(failure);
      expect(await run(reported(id))).toMatchObject({
        outcome: "done",
        summary: expect.stringContaining("refused (self_approval); it is not known to have a reply: "),
      });
      await run(reported(id));
      expect(sandbox.repliesTo(id)).toHaveLength(failure.landed ? 1 : 0);
    });

    test("is written later if the site takes no more calls now", async () => {
      refusing(refused);
      const id = await write();
      sandbox.failNext({ on: "POST", status: 429, headers: { "retry-after": "7" } });
      expect(await run(reported(id))).toMatchObject({ outcome: "retry", afterSeconds: 7 });
      expect(await run(reported(id))).toMatchObject({ outcome: "done" });
      expect(sandbox.repliesTo(id)).toHaveLength(1);
    });

    test.each<[string, Failure, string]>([
      ["may not comment", { on: "POST", status: 403 }, "the account may not do this"],
      [
        "lacks the scope",
        { on: "POST", status: 401, headers: { "x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK" } },
        "it needs write:comment:confluence",
      ],
    ])("the timeline says why there is no reply if the account %s", async (_, failure, why) => {
      refusing(refused);
      const id = await write();
      sandbox.failNext(failure);
      expect(await run(reported(id))).toMatchObject({ outcome: "done", summary: expect.stringContaining(why) });
      expect(sandbox.repliesTo(id)).toEqual([]);
    });

    test("is written at most ten times an hour on one page, and the timeline says so", async () => {
      refusing(refused);
      const ids = [];
      for (let count = 0; count < 11; count += 1) ids.push(await write());
      const outcomes = [];
      for (const id of ids) outcomes.push(await run(reported(id)));
      expect(ids.flatMap((id) => sandbox.repliesTo(id))).toHaveLength(10);
      expect(outcomes[10]).toMatchObject({ summary: expect.stringContaining("10 replies were written on the page") });
    });

    test("is not written on a page that the target does not name, and the timeline says so", async () => {
      refusing(refused);
      const id = await write();
      expect(await run(reported(id), { target: { pages: ["4711"] } })).toMatchObject({
        summary: expect.stringContaining(`no reply: page ${PAGE} is not written: it is not in the target's "pages"`),
      });
      expect(sandbox.repliesTo(id)).toEqual([]);
    });

    test("is not written because of an event that is not proved", async () => {
      const id = await write("<p>drawbridge aprove</p>");
      const { detail, ...head } = reported(id);
      await run({ ...head, detail: { ...detail, principal: { ...detail.principal, unproved: true } } });
      expect(sandbox.repliesTo(id)).toEqual([]);
    });

    test("records the account that writes before it is written, and is no command itself", async () => {
      const recorded: string[] = [];
      refusing(refused);
      const id = await write();
      const record = async ({ account }: { readonly account: string }) => {
        expect(sandbox.repliesTo(id)).toEqual([]);
        recorded.push(account);
      };
      await run(reported(id), { ownAccounts: { record } });
      expect(recorded).toHaveLength(1);
      const [reply] = sandbox.repliesTo(id);
      const author = product === "cloud" ? BRIDGE_USER.accountId : BRIDGE_USER.userKey;
      issued = [];
      expect(await run(reported(reply?.id ?? "", { actor: author }))).toMatchObject({
        summary: expect.stringContaining("its text is not a command"),
      });
      expect(sandbox.repliesTo(reply?.id ?? "")).toEqual([]);
    });
  });
});
