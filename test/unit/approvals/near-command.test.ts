import { describe, expect, it } from "vitest";
import { resemblesCommand } from "../../../shared/approvals/near-command.ts";
import { approvalIdOf } from "../../../shared/model/idempotency-keys.ts";

const ID = approvalIdOf("docs", "e-1");

describe("a line that resembles a command", () => {
  it.each([
    "drawbridge aprove",
    `drawbridge aprove ${ID}`,
    "Drawbrige approve",
    "Hi, drawbridge approve",
    "@robin drawbridge deny please",
    "drawbridge approve?",
    "drawbridge approved",
    "drawbridge reject",
    "drawbridge denny",
    "drawbridge roll-back docs",
    `drawbridge approvals grant ${ID}`,
    "**drawbridge approve**",
    "drawbridge: approve",
    "/drawbridge run deploy-docs environment staging",
    "drawbridge run deploy-docs environment = staging",
  ])("the line %j resembles one", (line) => {
    expect(resemblesCommand(line)).toBe(true);
  });

  it.each([
    "",
    "approve",
    "drawbridge",
    "drawbridge is down",
    "drawbridge run was fine",
    "The bridge approves nothing today",
    "Drawbridge shows this build twice, is that right?",
    "Whoever has the role comments drawbridge approve on this page",
    "draw bridge approve",
    "drawbridge then approve",
  ])("the line %j resembles none", (line) => {
    expect(resemblesCommand(line)).toBe(false);
  });

  it("a long text is compared in little time", () => {
    expect(resemblesCommand("drawbridge ".repeat(100_000))).toBe(false);
    expect(resemblesCommand(`drawbridge ${"a".repeat(1_000_000)}`)).toBe(false);
  });
});
