import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ownLinesOf, plainTextOf } from "../../../../shared/actions/confluence/comment.ts";
import { EDITED, replyBody, USAGE } from "../../../../shared/actions/confluence/comment-reply.ts";
import { tokenize } from "../../../../shared/actions/confluence/storage-tokens.ts";
import { commandOfText } from "../../../../shared/approvals/command.ts";
import { explainRefusal } from "../../../../shared/approvals/explain-refusal.ts";
import { resemblesCommand } from "../../../../shared/approvals/near-command.ts";
import type { Rejection } from "../../../../shared/model/rejection.ts";

const REFUSALS: readonly Rejection[] = [
  { reason: "self_approval" },
  { reason: "role_missing", role: "release-manager or on-call" },
  { reason: "approval_closed", state: "denied", by: "max of wiki" },
  { reason: "approval_closed", state: "fired", by: "max of wiki", at: "2026-11-02T09:00:00.000Z" },
  { reason: "approval_outdated" },
  { reason: "reason_missing" },
  { reason: "outside_window", opensAt: "2026-11-02T08:00:00.000Z" },
  { reason: "approvals_too_many", limit: 2_000 },
  { reason: "approval_unknown" },
  { reason: "rollback_impossible", problem: "no run of docs was good" },
  { reason: "delivery_unknown" },
];

describe("a reply to a refused command", () => {
  it.each([
    ["self_approval", "You requested this run, or what it repeats, so somebody else has to approve it."],
    ["role_missing", "It needs the role release-manager or on-call, which your account here does not have."],
    ["approval_outdated", "What it is about has changed since it was requested."],
    ["rollback_impossible", "No run of docs was good."],
    ["delivery_unknown", "The grant was refused: delivery unknown."],
  ])("says why in words: %s", (reason, text) => {
    const refusal = REFUSALS.find((one) => one.reason === reason) ?? { reason: "overloaded" };
    expect(explainRefusal({ about: "p-1", decision: "grant" }, refusal)).toContain(text);
  });

  it("says who decided, and that an approved run has started", () => {
    const [denied = "", fired = ""] = REFUSALS.filter(({ reason }) => reason === "approval_closed").map((refusal) =>
      explainRefusal({ about: "p-1", decision: "grant" }, refusal),
    );
    expect(denied).toBe("It is already denied, by max of wiki.");
    expect(fired).toBe("It was approved by max of wiki and has been fired at 2026-11-02T09:00:00.000Z.");
  });

  it("names at most five refusals, and the number of the others", () => {
    const lines = ownLinesOf(replyBody(Array.from({ length: 8 }, (_, at) => `Approving p-${at}: no.`)));
    expect(lines).toHaveLength(7);
    expect(lines.at(-1)).toBe("And 3 more.");
  });

  it("is storage format, whatever a reason contains", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 8 }), (sentences) => {
        expect(Array.isArray(tokenize(replyBody(sentences)))).toBe(true);
      }),
    );
  });

  it.each([USAGE, EDITED, ...REFUSALS.map((refusal) => explainRefusal({ about: "p-1", decision: "deny" }, refusal))])(
    "is neither a command nor nearly one, so that it gets no reply: %s",
    (sentence) => {
      const body = replyBody([`Approving p-1: ${sentence}`]);
      expect(commandOfText(plainTextOf(body) ?? "")).toBeUndefined();
      expect(ownLinesOf(replyBody([sentence])).some(resemblesCommand)).toBe(false);
      expect(ownLinesOf(body).some(resemblesCommand)).toBe(false);
    },
  );
});

describe("the lines that a comment's author wrote", () => {
  it.each([
    ["<p>one<br/>two</p><p>three</p>", ["one", "two", "three"]],
    ["<ul><li>drawbridge <strong>aprove</strong></li><li>x</li></ul>", ["drawbridge aprove", "x"]],
    ["<blockquote><p>quoted</p></blockquote><p>mine</p>", ["mine"]],
    ["<p>mine <s>struck <b>out</b></s> too</p>", ["mine", "too"]],
    ['<p><ac:link><ri:user ri:userkey="8a"/></ac:link> drawbridge aprove</p>', ["drawbridge aprove"]],
    ['<ac:structured-macro ac:name="panel"><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>', []],
    ['<p>a&nbsp;<a href="https://example.test">b</a>&amp;c</p>', ["a\u00a0b&c"]],
    ["<p>broken & text</p>", []],
  ])("of %j are %j", (storage, lines) => {
    expect(ownLinesOf(storage)).toEqual(lines);
  });
});
