import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandOfLabel, commandOfText } from "../../../shared/approvals/command.ts";
import { approvalIdOf } from "../../../shared/model/idempotency-keys.ts";

const ID = approvalIdOf("docs", "e-1");

describe("a command in a comment's text", () => {
  it.each([
    ["drawbridge approve", { decision: "grant" }],
    ["drawbridge deny", { decision: "deny" }],
    [`drawbridge approve ${ID}`, { decision: "grant", approval: ID }],
    [`drawbridge deny ${ID}`, { decision: "deny", approval: ID }],
    ["drawbridge rollback docs-build", { decision: "rollback", place: { route: "docs-build" } }],
    [
      "drawbridge rollback docs-build review/Main",
      { decision: "rollback", place: { route: "docs-build", environment: "review/Main" } },
    ],
  ])("the text %s is a command", (text, command) => {
    expect(commandOfText(text)).toEqual(command);
  });

  it.each([
    "",
    "drawbridge",
    "approve",
    "drawbridge  approve",
    " drawbridge approve",
    "drawbridge approve ",
    "drawbridge approve\n",
    "drawbridge approve.",
    "drawbridge approve!",
    "Drawbridge approve",
    "DRAWBRIDGE APPROVE",
    "drawbridge approved",
    "drawbridge-approve",
    "/drawbridge approve",
    "drawbridge grant",
    "drawbridge withdraw",
    "please drawbridge approve",
    "drawbridge approve please",
    "drawbridge approve all",
    "drawbridge approve p-1",
    `drawbridge approve ${ID.toUpperCase()}`,
    `drawbridge approve ${ID}a`,
    `drawbridge approve ${ID} ${ID}`,
    "drawbridge rollback",
    "drawbridge rollback Docs-Build",
    "drawbridge rollback *",
    "drawbridge rollback docs-build in production",
    "drawbridge approve\u200b",
    "drаwbridge approve",
  ])("the text %j is not a command", (text) => {
    expect(commandOfText(text)).toBeUndefined();
  });

  it("a command with a letter more or less anywhere is not a command, unless that makes another id or name", () => {
    const command = fc.constantFrom("drawbridge approve", "drawbridge deny", `drawbridge approve ${ID}`);
    fc.assert(
      fc.property(command, fc.nat(), fc.string({ minLength: 1, maxLength: 5 }), (text, place, more) => {
        const at = place % (text.length + 1);
        const longer = text.slice(0, at) + more + text.slice(at);
        if (longer !== text) expect(commandOfText(longer)).toBeUndefined();
        const without = place % text.length;
        expect(commandOfText(text.slice(0, without) + text.slice(without + 1))).toBeUndefined();
      }),
    );
  });
});

describe("a command as a label", () => {
  it.each([
    ["drawbridge-approve", { decision: "grant" }],
    ["drawbridge-deny", { decision: "deny" }],
    ["drawbridge-rollback-docs-build", { decision: "rollback", place: { route: "docs-build" } }],
    ["drawbridge-approved", undefined],
    ["drawbridge-rollback", undefined],
    ["", undefined],
  ])("the label %j stands for the command %j", (label, command) => {
    expect(commandOfLabel(label)).toEqual(command);
  });
});
