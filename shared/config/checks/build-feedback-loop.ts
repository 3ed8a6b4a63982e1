import { actions } from "../../actions/registry.ts";
import { busSourceOf, sourceUriOf } from "../../model/bus-event.ts";
import type { ConfiguredTarget } from "../schema.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";

/**
 * Finds feedback loops: a route that starts runs may match the build events that another route's action causes, so that
 * each status of a run starts the next run. The provider and the action of one system have the same name.
 */
export const buildFeedbackLoop: Check = {
  id: "build-feedback-loop",
  level: "error",
  finds:
    "a route that starts runs on GitLab's `build.*` events, while another route sets commit statuses: each status moves the pipeline that it joins, which GitLab reports as that pipeline's next state",
  remedy: "act on pushes, changes or jobs there",
  canBeIgnored: true,
  needs: [],
  run: ({ sources, targets, routes }) => {
    const writing = targets.filter(({ name }) => routes.some(({ target }) => target === name));
    const starting = routes.filter(({ target }) => writing.some((one) => one.name === target && startsRuns(one)));
    return writing.flatMap((target) => {
      const types = actions.find(({ name }) => name === target.kind)?.feedbackEvents ?? [];
      const reporting = sources.filter(({ provider }) => types.length > 0 && provider === target.kind);
      return reporting.flatMap((source) => {
        const feedback = {
          source: [busSourceOf(source.provider)],
          "detail-type": types,
          "detail.type": types,
          "detail.source": [sourceUriOf(source.name)],
        };
        const message = `the source "${source.name}" reports each status that the target "${target.name}" receives as a build event, and this route would start a run for each: act on pushes, changes or jobs there`;
        return starting
          .filter(({ pattern }) => isSatisfiable(pattern, feedback))
          .map(({ name }) => ({ path: ["routes", name, "when"], message }));
      });
    });
  },
};

const startsRuns = ({ settings }: ConfiguredTarget): boolean => "runsReportedBy" in settings;
