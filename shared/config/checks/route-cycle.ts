import { actions } from "../../actions/registry.ts";
import type { FieldTest } from "../../routes/pattern.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import type { Check } from "./check.ts";
import { canHold } from "./is-satisfiable.ts";
import { eventsOf, type KnownEvents, type MoreFacts } from "./known-events.ts";
import { valuesOf } from "./pattern-values.ts";
import { reporterOf } from "./targets.ts";

export const routeCycle: Check = {
  id: "route-cycle",
  level: "error",
  finds:
    "a route that starts runs whose events match the route again, by itself or through other routes: each run would start the next. This includes commit statuses, which move the GitLab pipeline that they join",
  remedy:
    "start runs on edits, pushes, tags and changes; or match only runs that the bridge did not start, by `detail: { origin: { delivery: [{ exists: false }] } }`",
  canBeIgnored: true,
  needs: [],
  run: (config) => cyclesIn(config, "certain"),
};

export const possibleRouteCycle: Check = {
  id: "possible-route-cycle",
  level: "warning",
  finds:
    "the same where a route selects runs by pipeline, job or result: whether it selects the runs that it starts is not in the file",
  remedy: "ignore the finding if the route starts another pipeline than it selects",
  canBeIgnored: true,
  needs: [],
  run: (config) => cyclesIn(config, "possible"),
};

type Certainty = "certain" | "possible";

/** An action of one route that leads to events which another route, or the same, matches. */
interface Step {
  readonly from: ConfiguredRoute;
  readonly events: KnownEvents;
  readonly to: ConfiguredRoute;
  readonly certainty: Certainty;
}

/** One problem for each shortest cycle with a route that starts runs. A cycle is possible if one of its steps is. */
function cyclesIn(config: Config, wanted: Certainty): readonly ConfigProblem[] {
  const steps = stepsIn(config);
  const certain = steps.filter(({ certainty }) => certainty === "certain");
  const seen = new Set<string>();
  return config.routes.filter(startsRuns).flatMap((route) => {
    const known = cycleThrough(route, certain);
    const cycle = known ?? cycleThrough(route, steps);
    if (cycle === undefined || (known ? "certain" : "possible") !== wanted) return [];
    const key = cycle
      .map(({ from }) => from.name)
      .sort()
      .join();
    if (seen.has(key)) return [];
    seen.add(key);
    const chain = cycle.map(({ from, events, to }) => {
      const matching = from === to ? "it matches itself" : `"${to.name}" matches`;
      return `"${from.name}" leads to ${events.type} from "${events.source}", which ${matching}`;
    });
    const effect =
      wanted === "certain"
        ? "each run would start the next"
        : "if these are its own runs, each run would start the next";
    return [{ path: ["routes", route.name, "when"], message: `${chain.join("; ")}: ${effect}` }];
  });
}

const actionOf = ({ action }: ConfiguredRoute) => actions.find(({ name }) => name === action);
const startsRuns = (route: ConfiguredRoute): boolean => actionOf(route)?.leadsTo?.reportedBy === "run_reporter";

function stepsIn(config: Config): readonly Step[] {
  return config.routes.flatMap((from) => {
    const following = eventsAfter(from, config);
    return config.routes.flatMap((to): readonly Step[] => {
      const selecting = selectingFields(to);
      const selects = (fields: readonly FieldTest[]): boolean => fields.some(({ name }) => selecting.has(name));
      const matched = (isSelected: boolean) =>
        following.find(({ facts }) =>
          to.pattern.combinations.some((fields) => selects(fields) === isSelected && canHold(fields, facts)),
        );
      const certain = matched(false);
      if (certain) return [{ from, events: certain, to, certainty: "certain" }];
      const possible = matched(true);
      return possible ? [{ from, events: possible, to, certainty: "possible" }] : [];
    });
  });
}

/** The events that a route leads to. */
function eventsAfter(route: ConfiguredRoute, { sources, targets }: Config): readonly KnownEvents[] {
  const action = actionOf(route);
  const leadsTo = action?.leadsToNothing?.(route.options) ? undefined : action?.leadsTo;
  const approvals = route.approval ? eventsOf({ name: "approvals", provider: "approvals" }, APPROVALS) : [];
  if (leadsTo === undefined) return approvals;
  if (leadsTo.reportedBy === "same_system") {
    const reporting = sources.filter(({ provider }) => provider === route.action);
    return [...approvals, ...reporting.flatMap((source) => eventsOf(source, leadsTo.types))];
  }
  const target = targets.find(({ name }) => name === route.target);
  const reporter = target && reporterOf(target);
  const reporting = sources.filter(({ name }) => name === reporter);
  return [
    ...approvals,
    ...reporting.flatMap((source) =>
      // What a listener reports of itself has only the listener's id of the request.
      leadsTo.types.flatMap((type) => eventsOf(source, [type], type.startsWith("trigger.") ? {} : STARTED_HERE)),
    ),
  ];
}

const APPROVALS = ["approval.requested", "approval.reminded", "approval.granted", "approval.denied"] as const;

/** Every run that the bridge starts carries the id of a delivery. */
const STARTED_HERE: MoreFacts = { "detail.origin.delivery": [`d-${"a".repeat(26)}`] };

/** Fields by which the route selects certain runs, or excludes them. */
function selectingFields(route: ConfiguredRoute): ReadonlySet<string> {
  const values = valuesOf(route).filter(({ field }) => SELECTING.test(field));
  const open = values.filter(({ alternative }) => !isSelection(alternative)).map(({ field }) => field);
  return new Set(values.map(({ field }) => field).filter((field) => !open.includes(field)));
}

const SELECTING = /^detail\.((build|job)\.(pipeline|results\..+)|job\.name)$/;

const isSelection = (alternative: unknown): boolean =>
  typeof alternative !== "object" || alternative === null || "anything-but" in alternative;

/** The shortest cycle through a route; undefined if there is none. */
function cycleThrough(route: ConfiguredRoute, steps: readonly Step[]): readonly Step[] | undefined {
  const reached = new Set<ConfiguredRoute>();
  let paths: readonly (readonly Step[])[] = steps.filter(({ from }) => from === route).map((step) => [step]);
  while (paths.length > 0) {
    const closed = paths.find((path) => path.at(-1)?.to === route);
    if (closed) return closed;
    paths = paths.flatMap((path) => {
      const end = path.at(-1)?.to;
      if (end === undefined || reached.has(end)) return [];
      reached.add(end);
      return steps.filter(({ from }) => from === end).map((step) => [...path, step]);
    });
  }
  return undefined;
}
