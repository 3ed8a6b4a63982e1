import { actions } from "../../actions/registry.ts";
import { busSourceOf, sourceUriOf } from "../../bus/entry.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config, ConfiguredTarget } from "../schema.ts";
import { canMatch } from "./satisfiable.ts";

/**
 * Routes that start runs on events which may be nothing but the echo of what another route's action did there: each report
 * on a run would start the next one. A provider and an action of one system share its name.
 */
export function echoes({ sources, targets, routes }: Config): readonly ConfigProblem[] {
  const writing = targets.filter(({ name }) => routes.some(({ target }) => target === name));
  const starting = routes.filter(({ target }) => writing.some((one) => one.name === target && startsRuns(one)));
  return writing.flatMap((target) => {
    const types = actions.find(({ name }) => name === target.kind)?.comesBackAs ?? [];
    const hearing = sources.filter(({ provider }) => types.length > 0 && provider === target.kind);
    return hearing.flatMap((source) => {
      const echo = {
        source: [busSourceOf(source.provider)],
        "detail-type": types,
        "detail.type": types,
        "detail.source": [sourceUriOf(source.name)],
      };
      return starting
        .filter(({ pattern }) => canMatch(pattern, echo))
        .map(({ name }) => ({ path: ["routes", name, "when"], message: messageOf(target.name, source.name) }));
    });
  });
}

const messageOf = (target: string, source: string): string =>
  `what the target "${target}" is told comes back from the source "${source}" as builds, and this would start a run on each: act on pushes, changes or jobs there`;

const startsRuns = ({ settings }: ConfiguredTarget): boolean => "runsReportedBy" in settings;
