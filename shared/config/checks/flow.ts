import * as v from "valibot";
import { clusterSources } from "../connect.ts";
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

/** What a process in the cluster needs to find the one run that it has to cancel. */
const cancellable = v.object({
  runsReportedBy: v.string(),
  namespaces: v.pipe(v.array(v.string()), v.minLength(1)),
  runName: v.literal("fixed"),
});

export const uncancellableRun: Check = {
  id: "flow-cannot-cancel",
  level: "error",
  finds:
    "a route with `then: cancel` whose run the bridge cannot have cancelled: its target starts no run that the bridge knows by name, or no role lets a process in the cluster ask what to cancel; or a route with several `environments` whose `flow.key` does not keep them apart: a push would end a run that deploys to production",
  remedy:
    "use a Tekton target with `runName: fixed` and `namespaces`, and give a trust entry of its source a role with `call: [cancellations]`; for GitLab and Buildkite, let the system cancel redundant pipelines. With `environments`, use `key: $.detail.promotion.to`, or `then: newest`",
  canBeIgnored: false,
  needs: ["issuers", "roles", "sources", "targets", "routes"],
  run: (config) => {
    const clusters = clusterSources(config);
    const asking = new Set(
      Object.entries(config.roles).flatMap(([name, { call }]) => (call.includes("cancellations") ? [name] : [])),
    );
    return config.routes
      .filter(({ flow }) => flow?.then === "cancel")
      .flatMap(({ name, target: used, environments = [], flow }) => {
        const path = ["routes", name, "flow", "then"];
        if (environments.length > 1 && flow?.key !== "$.detail.promotion.to") {
          const message = `the runs of ${environments.join(" and ")} are in one flow, so a run for one would be cancelled for another`;
          return [{ path, message }];
        }
        const target = config.targets.find((one) => one.name === used);
        if (target?.kind !== "tekton") {
          const message = `the bridge starts no run at "${used}" (${target?.kind}) that it could cancel`;
          return [{ path, message }];
        }
        const read = v.safeParse(cancellable, target.settings);
        if (!read.success) {
          const message = `the target "${used}" needs "runName: fixed" and "namespaces": only then the bridge knows which run to cancel`;
          return [{ path, message }];
        }
        const { runsReportedBy } = read.output;
        const entries = clusters.find(({ source }) => source === runsReportedBy)?.trust ?? [];
        if (entries.some((entry) => config.issuers[entry]?.roles.some(({ role }) => asking.has(role)))) return [];
        const message = `nobody in the cluster may ask which run to cancel: no trust entry of the source "${runsReportedBy}" has a role with "call: [cancellations]"`;
        return [{ path, message }];
      });
  },
};
