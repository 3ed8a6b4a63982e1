import type { Check } from "./check.ts";
import { reporterOf } from "./targets.ts";

export const unlimitedFlow: Check = {
  id: "flow-without-ends",
  level: "warning",
  finds:
    "a route with `flow.running` whose target has no `runsReportedBy`: nobody reports that a run has ended, so only the requests do not overlap, and the runs may",
  remedy:
    "use a target whose runs are reported, or remove `running` and leave the order of runs to the target's system",
  canBeIgnored: true,
  needs: ["targets", "routes"],
  run: ({ routes, targets }) =>
    routes
      .filter(({ flow }) => flow?.running !== undefined)
      .filter(({ target }) => !targets.some((one) => one.name === target && reporterOf(one) !== undefined))
      .map(({ name, target }) => ({
        path: ["routes", name, "flow", "running"],
        message: `nobody reports the ends of the runs at "${target}", so they may overlap`,
      })),
};
