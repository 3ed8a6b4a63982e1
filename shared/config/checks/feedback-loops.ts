import * as v from "valibot";
import { actions } from "../../actions/registry.ts";
import { busSourceOf, sourceUriOf } from "../../bus/entry.ts";
import type { ConfiguredTarget } from "../schema.ts";
import type { Check } from "./check.ts";
import { canMatch } from "./satisfiable.ts";

/** Each write of a page comes back as an edit of the page. */
export const pageFeedbackLoop: Check = {
  id: "page-feedback-loop",
  level: "error",
  finds:
    "a Confluence source without `ownAccounts`, while a target writes to the same site and a route acts on edits: each status would start the next run, for ever. `automation` alone is exempt: a rule chooses itself what it sends",
  remedy: "name the account that the bridge writes with in `ownAccounts`",
  canBeIgnored: true,
  needs: [],
  run: ({ sources, targets, routes }) =>
    sources.flatMap(({ name, provider, settings }) => {
      const source = v.safeParse(reportsPages, settings);
      if (!source.success || source.output.ownAccounts.length > 0) return [];
      const { site, hubSignature, connect, forge } = source.output;
      if ((hubSignature ?? connect ?? forge) === undefined) return [];
      const edit = {
        source: [busSourceOf(provider)],
        "detail-type": ["page.updated"],
        "detail.source": [sourceUriOf(name)],
      };
      const writing = targets.filter((target) => v.is(writesPages, target.settings) && target.settings.site === site);
      const writer = writing.find((target) => routes.some((route) => route.target === target.name));
      const fires = routes.some(
        (route) => canMatch(route.pattern, edit) && !writing.some((one) => one.name === route.target),
      );
      if (!writer || !fires) return [];
      const message = `each write of the target "${writer.name}" comes back as an edit, and a route acts on edits: name its account in "ownAccounts"`;
      return [{ path: ["sources", name], message }];
    }),
};

// These read the settings of sources and targets by their keys, whatever provider or action they belong to.

const reportsPages = v.object({
  site: v.string(),
  ownAccounts: v.optional(v.array(v.string()), []),
  // An Automation rule chooses itself what it sends.
  ...v.entriesFromList(["hubSignature", "connect", "forge"], v.optional(v.unknown())),
});
const writesPages = v.object({ site: v.string() });

/**
 * Routes that start runs on events which may be nothing but what another route's action wrote there: each report on a run
 * would start the next one. A provider and an action of one system share its name.
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
      const types = actions.find(({ name }) => name === target.kind)?.comesBackAs ?? [];
      const reporting = sources.filter(({ provider }) => types.length > 0 && provider === target.kind);
      return reporting.flatMap((source) => {
        const feedback = {
          source: [busSourceOf(source.provider)],
          "detail-type": types,
          "detail.type": types,
          "detail.source": [sourceUriOf(source.name)],
        };
        const message = `what the target "${target.name}" is sent comes back from the source "${source.name}" as builds, and this would start a run on each: act on pushes, changes or jobs there`;
        return starting
          .filter(({ pattern }) => canMatch(pattern, feedback))
          .map(({ name }) => ({ path: ["routes", name, "when"], message }));
      });
    });
  },
};

const startsRuns = ({ settings }: ConfiguredTarget): boolean => "runsReportedBy" in settings;
