import { describe, expect, it } from "vitest";
import { checks } from "../../../shared/config/checks/registry.ts";

describe("the registry of checks", () => {
  it("gives each check an id of its own in kebab-case", () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)+$/.test(id))).toEqual([]);
  });

  it("lets every warning be ignored but the one about entries that ignore nothing", () => {
    const fixed = checks.filter(({ level, canBeIgnored }) => level === "warning" && !canBeIgnored);
    expect(fixed.map(({ id }) => id)).toEqual(["unused-ignore"]);
  });

  it("lets no error be ignored that would let somebody in", () => {
    const ignorable = checks.filter(({ level, canBeIgnored }) => level === "error" && canBeIgnored);
    expect(ignorable.map(({ id }) => id).sort()).toEqual([
      "build-feedback-loop",
      "no-approver",
      "unfilled-variable",
      "unknown-event-field",
    ]);
  });
});
