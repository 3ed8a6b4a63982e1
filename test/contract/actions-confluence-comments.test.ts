import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Commands, IssuedCommand } from "../../shared/approvals/command.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openStores } from "../../shared/store/open-stores.ts";
import { bridgeWith } from "../support/bridge-parts.ts";
import { loopbackClient } from "../support/embedded-dynamodb.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, entryOf } from "../support/sandbox-confluence-action.ts";
import type { CommentSeed } from "../support/sandbox-confluence-comments.ts";
import type { Failure } from "../support/sandbox-confluence-site.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const AT = "2026-11-02T08:59:00.000Z";

/** The commands of a bridge without people. Its store is unreachable, so every read fails. */
function nobodysCommands(): Commands {
  const clock = testClock();
  const options = { retentionDays: 30, markUnrelayed: true, singleProcess: false, clock };
  return bridgeWith([], { stores: openStores(new DynamoDbTable(loopbackClient(9), "drawbridge"), options), clock })
    .commands;
}

describe.each(["cloud", "data-center"] as const)("a comment on a page of %s", (product) => {
  let sandbox: SandboxConfluence;
  let reads: string[];
  let issued: IssuedCommand[];
  let commands: Commands;

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
    reads = [];
    issued = [];
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
  const run = (busEvent: BusEvent, changes: { commands?: Commands } = {}) =>
    benchFor(sandbox, product, { callOut: counting, commands, ...changes }).run(busEvent);
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
      "with a command in a sentence",
      "its text is no",
      async () => reported(await write("<p>so: drawbridge approve</p>")),
    ],
    ["that is a question", "its text is no", async () => reported(await write("<p>drawbridge approve?</p>"))],
    [
      "that quotes a command",
      "its text is not a command",
      async () => reported(await write("<blockquote><p>drawbridge approve</p></blockquote>")),
    ],
    [
      "that was edited",
      "it was edited",
      async () => {
        const id = await write("<p>Looks right.</p>");
        sandbox.editComment(id, "<p>drawbridge approve</p>", "max");
        return reported(id);
      },
    ],
    ["on another page than reported", "is not on that page", async () => reported(await write(), { page: "98311" })],
    ["that is not published", "is not on that page", async () => reported(await write(undefined, { status: "draft" }))],
    [
      "by another author than reported",
      "author is not the one that the event names",
      async () => reported(await write(), { actor: "mia" }),
    ],
  ])("a comment %s executes no command, and costs one call", async (_, why, comment) => {
    const outcome = await run(await comment());
    expect(outcome).toMatchObject({ outcome: "done", summary: expect.stringMatching(`commands nothing: .*${why}`) });
    expect(issued).toEqual([]);
    expect(reads).toHaveLength(1);
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
    expect(await run(reported(id))).toMatchObject({ summary: `comment ${id}: deny of p-1 rejected (self_approval)` });
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
});
