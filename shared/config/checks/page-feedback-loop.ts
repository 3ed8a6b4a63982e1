import * as v from "valibot";
import { busSourceOf, sourceUriOf } from "../../bus/entry.ts";
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
