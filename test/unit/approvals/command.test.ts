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
    [
      `drawbridge approve ${ID} because the change board\n agreed on it.`,
      { decision: "grant", approval: ID, reason: "the change board agreed on it" },
    ],
    ["Drawbridge deny because it broke staging!", { decision: "deny", reason: "it broke staging" }],
    [
      "drawbridge approve because https://kim:secret@ci.example.test/1 passed",
      { decision: "grant", reason: expect.not.stringContaining("secret") },
    ],
    ["drawbridge rollback docs-build", { decision: "rollback", place: { route: "docs-build" } }],
    [
      "drawbridge rollback docs-build review/Main",
      { decision: "rollback", place: { route: "docs-build", environment: "review/Main" } },
    ],
    ["drawbridge promote docs-build", { decision: "promote", route: "docs-build" }],
    [
      "Drawbridge Promote Docs-Build from Staging to prod.eu!",
      { decision: "promote", route: "docs-build", between: { from: "Staging", to: "prod.eu" } },
    ],
    ["/drawbridge run deploy-docs", { decision: "order", order: "deploy-docs", inputs: {} }],
    [
      "/Drawbridge  Run Deploy-Docs Environment=Staging\u00a0ref=release/1.2.",
      { decision: "order", order: "deploy-docs", inputs: { environment: "Staging", ref: "release/1.2." } },
    ],
    ["drawbridge run deploy-docs query=a=b", { decision: "order", order: "deploy-docs", inputs: { query: "a=b" } }],
    ["Drawbridge approve", { decision: "grant" }],
    ["DRAWBRIDGE DENY", { decision: "deny" }],
    ["drawbridge approve.", { decision: "grant" }],
    ["drawbridge deny!", { decision: "deny" }],
    ["drawbridge approve ,", { decision: "grant" }],
    [" drawbridge  \u00a0approve\n", { decision: "grant" }],
    [`Drawbridge Approve ${ID.toUpperCase()}.`, { decision: "grant", approval: ID }],
    ["Drawbridge Rollback Docs-Build.", { decision: "rollback", place: { route: "docs-build" } }],
    // The case and the punctuation of an environment belong to its name.
    [
      "drawbridge rollback docs-build V1.",
      { decision: "rollback", place: { route: "docs-build", environment: "V1." } },
    ],
  ])("the text %j is a command", (text, command) => {
    expect(commandOfText(text)).toEqual(command);
  });

  it.each([
    "",
    "drawbridge",
    "approve",
    "drawbridge approve?",
    "drawbridge approve…",
    ".drawbridge approve",
    "hi, drawbridge approve",
    "drawbridge, approve",
    "drawbridge approved",
    "drawbridge-approve",
    "/drawbridge run",
    "/drawbridge run deploy-docs environment",
    "/drawbridge run deploy-docs a=1 a=2",
    "/drawbridge run deploy-docs a = 1",
    "please /drawbridge run deploy-docs",
    "/drawbridge approve",
    "drawbridge grant",
    "drawbridge withdraw",
    "please drawbridge approve",
    "drawbridge approve please",
    "drawbridge approve all",
    "drawbridge approve because",
    "drawbridge approve because we may?",
    "drawbridge approve, because it passed",
    `drawbridge approve because ${"x".repeat(301)}`,
    "drawbridge rollback docs-build because it failed",
    "drawbridge approve p-1",
    `drawbridge approve ${ID}a`,
    `drawbridge approve ${ID} ${ID}`,
    "drawbridge promote",
    "drawbridge promote docs from staging",
    "drawbridge promote docs to production",
    "drawbridge promote docs staging production",
    "drawbridge promote docs?",
    "drawbridge promote docs from staging to production?",
    "drawbridge promote docs from staging to production because it is good",
    "drawbridge rollback",
    "drawbridge rollback *",
    "drawbridge rollback docs-build in production",
    "drawbridge approve\u200b",
    "drаwbridge approve",
    "drawbridge ro\u212alback docs",
    "drawbridge rollback doc\u017f",
  ])("the text %j is not a command", (text) => {
    expect(commandOfText(text)).toBeUndefined();
  });

  it("a command with a letter more or less anywhere is not a command, unless that makes another id or name", () => {
    const command = fc.constantFrom("drawbridge approve", "drawbridge deny", `drawbridge approve ${ID}`);
    const more = fc.string({ unit: fc.constantFrom(..."abyz27-?/’аé"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(command, fc.nat(), more, (text, place, inserted) => {
        const at = place % (text.length + 1);
        expect(commandOfText(text.slice(0, at) + inserted + text.slice(at))).toBeUndefined();
        const without = place % text.length;
        expect(commandOfText(text.slice(0, without) + text.slice(without + 1))).toBeUndefined();
      }),
    );
  });

  it("a command is the same in any case, with any blanks, and with any punctuation mark at its end", () => {
    const command = fc.constantFrom("drawbridge approve", "drawbridge deny", `drawbridge approve ${ID}`);
    const blank = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\u00a0"), minLength: 1, maxLength: 3 });
    const mark = fc.string({ unit: fc.constantFrom(..." .!,;:"), maxLength: 3 });
    fc.assert(
      fc.property(command, blank, mark, fc.infiniteStream(fc.boolean()), (text, between, end, isCapital) => {
        const written = [...text].map((letter) => (isCapital.next().value ? letter.toUpperCase() : letter)).join("");
        expect(commandOfText(`${between}${written.replaceAll(" ", between)}${end}`)).toEqual(commandOfText(text));
      }),
    );
  });
});

describe("a command as a label", () => {
  it.each([
    ["drawbridge-approve", { decision: "grant" }],
    ["drawbridge-deny", { decision: "deny" }],
    ["drawbridge-rollback-docs-build", { decision: "rollback", place: { route: "docs-build" } }],
    ["drawbridge-promote-docs-build", { decision: "promote", route: "docs-build" }],
    ["drawbridge-promote", undefined],
    ["drawbridge-approved", undefined],
    ["drawbridge-rollback", undefined],
    ["", undefined],
  ])("the label %j stands for the command %j", (label, command) => {
    expect(commandOfLabel(label)).toEqual(command);
  });
});
