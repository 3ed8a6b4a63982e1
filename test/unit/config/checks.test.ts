import { describe, expect, it } from "vitest";
import { checks } from "../../../shared/config/checks/registry.ts";
import { unencryptedTarget } from "../../../shared/config/checks/targets.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";

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

describe("the check of targets that are called without encryption", () => {
  it.each([
    ["http://hooks.example.com/in", 1],
    ["https://hooks.example.com/in", 0],
    ["http://127.0.0.1:8080/in", 0],
    ["env:ADDRESS", 0],
    ["ssm:/drawbridge/address", 0],
  ])("a target with the url %s has %i findings", async (url, findings) => {
    const loaded = parseConfig(
      "sources: { wiki: { provider: tekton, basic: { username: t, password: { current: env:T } } } }",
      "x",
    );
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
    const config = { ...loaded.config, targets: [{ name: "hooks", kind: "any", settings: { url } }] };
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    expect(await unencryptedTarget.run(config, context)).toHaveLength(findings);
  });
});
