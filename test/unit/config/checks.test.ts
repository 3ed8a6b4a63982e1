import { describe, expect, it } from "vitest";
import { checks } from "../../../shared/config/checks/registry.ts";

describe("the registry of checks", () => {
  it("each check has an id of its own in kebab-case", () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)+$/.test(id))).toEqual([]);
  });

  it("every warning can be ignored except the one about entries that ignore nothing", () => {
    const fixed = checks.filter(({ level, canBeIgnored }) => level === "warning" && !canBeIgnored);
    expect(fixed.map(({ id }) => id)).toEqual(["unused-ignore"]);
  });

  it("no error that would let somebody in can be ignored", () => {
    const ignorable = checks.filter(({ level, canBeIgnored }) => level === "error" && canBeIgnored);
    expect(ignorable.map(({ id }) => id).sort()).toEqual([
      "no-approver",
      "route-cycle",
      "unfilled-variable",
      "unknown-path",
    ]);
  });
});
