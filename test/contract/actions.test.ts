import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { acme } from "../../infra/new/action/index.ts";
import { actions } from "../../shared/actions/registry.ts";
import { actionChecks } from "../support/action-checks.ts";
import { defectiveActions } from "../support/action-defects.ts";
import { idempotencyKeyIn } from "../support/action-fixtures.ts";
import { checksTitled, failedOf } from "../support/checks.ts";
import { type ScriptedTarget, startScriptedTarget } from "../support/scripted-target.ts";

let running: ScriptedTarget;
beforeAll(async () => {
  running = await startScriptedTarget();
});
afterAll(() => running.close());
const target = () => running;

/** The contract of every action in the registry. Nothing here names one. */
describe.each(actions.map((action) => [action.name, action] as const))("the action %s", (name, action) => {
  const checks = actionChecks({ action, folder: `shared/actions/${name}`, target });
  it.each(checks.map(({ title, run }) => [title, run] as const))("%s", (_, run) => run());
});

describe("the place of an idempotency key", () => {
  const request = (path: string) => ({ path, headers: new Headers(), body: "" });

  it("the address has the key in place of the *", () => {
    const place = { path: "/rooms/a/send/*?wait=1" };
    expect(idempotencyKeyIn(request("/rooms/a/send/k-1?wait=1"), place)).toBe("k-1");
    for (const other of ["/rooms/a/send/?wait=1", "/rooms/b/send/k-1?wait=1", "/rooms/a/send/k-1"])
      expect(idempotencyKeyIn(request(other), place)).toBeUndefined();
  });

  it("a place that no request can have is an error", () => {
    expect(() => idempotencyKeyIn(request("/messages"), { path: "/messages" })).toThrow();
  });
});

describe("a new action, as npm run new writes it", () => {
  const folder = "infra/new/action";

  it("a new action keeps the contract before anything is filled in", async () => {
    expect(await failedOf(actionChecks({ action: acme, folder, target }))).toEqual([]);
  });

  const defective = defectiveActions(acme, "idempotency-key");
  it.each(defective.map(({ defect, ...rest }) => [defect, rest] as const))(
    "the suite finds an action %s",
    async (_, { action, failing }) => {
      const failed = await failedOf(checksTitled(actionChecks({ action, folder, target }), failing));
      expect(failed).toContainEqual(expect.stringContaining(failing));
    },
  );
});
