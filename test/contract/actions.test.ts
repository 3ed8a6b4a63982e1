import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { acme } from "../../infra/new/action/index.ts";
import { actions } from "../../shared/actions/registry.ts";
import { actionChecks } from "../support/action-checks.ts";
import { defectiveActions } from "../support/action-defects.ts";
import { failedOf } from "../support/checks.ts";
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

describe("a new action, as npm run new writes it", () => {
  const folder = "infra/new/action";

  it("a new action keeps the contract before anything is filled in", async () => {
    expect(await failedOf(actionChecks({ action: acme, folder, target }))).toEqual([]);
  });

  const defective = defectiveActions(acme, "idempotency-key");
  it.each(defective.map(({ defect, ...rest }) => [defect, rest] as const))(
    "the suite finds an action %s",
    async (_, { action, failing }) => {
      const failed = await failedOf(actionChecks({ action, folder, target }));
      expect(failed).toContainEqual(expect.stringContaining(failing));
    },
  );
});
