import * as v from "valibot";
import { type GrantRule, type GrantRules, REQUESTER_KINDS } from "../approvals/rule-grants.ts";
import { Fault } from "../host/fault.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { claimRule } from "../identity/claim-rule.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern, type Pattern } from "../routes/pattern.ts";
import { canEdit, name, weeklyWindow } from "./schema.ts";

const conditions = v.pipe(
  v.strictObject({
    event: v.optional(
      v.pipe(
        v.record(v.string(), v.unknown()),
        v.description(
          "An event pattern, as `when` of the route. The event that is about to fire the route has to match.",
        ),
      ),
    ),
    claims: v.optional(
      v.pipe(
        v.strictObject({
          trust: v.pipe(name, v.description("The entry under `issuers` that accepted the token.")),
          match: v.pipe(
            v.array(claimRule),
            v.minLength(1),
            v.description("All of these must match. Of a token only `sub` and the claims of its preset are recorded."),
          ),
        }),
        v.description("The token of whoever requested the run. An account that a sender names has none."),
      ),
    ),
    requester: v.optional(
      v.pipe(
        v.array(v.picklist(REQUESTER_KINDS)),
        v.minLength(1),
        v.description(
          "Who may be behind the run: `person`: an account that a sender names, or the holder of a token. `job`: a token of a CI system or of a machine. `agent`: a token with the claim `act`. Without it, anybody but an agent.",
        ),
      ),
    ),
    checks: v.optional(
      v.pipe(
        v.array(
          v.strictObject({
            source: v.pipe(name, v.description("The source that reports the pipeline.")),
            pipeline: v.pipe(
              nonEmptyText,
              v.description("The pipeline's exact name, as `build.pipeline` of its events has it."),
            ),
          }),
        ),
        v.minLength(1),
        v.maxLength(10),
        v.description("Pipelines whose newest run for the commit that the run gets has succeeded."),
      ),
    ),
    pathsOutside: v.optional(
      v.pipe(
        v.array(
          v.pipe(
            v.string(),
            v.regex(/^[^*?\s\\"]{1,100}$/, "a path such as infra/, without blanks, * ? \\ and quotation marks"),
            v.regex(
              /^(?!\.{0,2}(?:\/|$))(?!.*\/(?:\/|\.{1,2}(?:\/|$)))/,
              "a path from the top of the repository, such as infra/ or .github/, without empty parts and the parts . and ..",
            ),
          ),
        ),
        v.minLength(1),
        v.maxLength(20),
        v.description(
          "Folders such as `infra/`, and files. The push has changed nothing below them, and is the next one after that of the last run of the route.",
        ),
      ),
    ),
    canEdit: v.pipe(
      canEdit,
      v.description(
        "`page`: everybody behind the run may edit the page that it is about, as the target under `verifyWith` answers.",
      ),
    ),
  }),
  v.check((given) => Object.values(given).some((one) => one !== undefined), "at least one condition"),
);

/** A rule under `approval.grantedBy`. Functions load it only if the route has rules. */
const grantRule = v.strictObject({
  id: v.pipe(name, v.description("Name of the rule, in every record of what it granted.")),
  mode: v.optional(
    v.pipe(
      v.picklist(["enforce", "shadow"]),
      v.description("`shadow`: it grants nothing, and the timeline says that it would have."),
    ),
    "enforce",
  ),
  when: v.pipe(conditions, v.description("The conditions. All of them have to hold when the run fires.")),
  windows: v.optional(
    v.pipe(
      v.array(weeklyWindow),
      v.maxLength(20),
      v.description("Times of the week in which the rule may grant. Without it, always."),
    ),
    [],
  ),
});

/** `approval.grantedBy` of a route. */
export const grantRules = v.pipe(
  v.array(grantRule),
  v.maxLength(20),
  v.check((rules) => new Set(rules.map(({ id }) => id)).size === rules.length, "every rule with an id of its own"),
);

type ConfiguredRule = v.InferOutput<typeof grantRule>;

/** Reads the rules of a configuration, which was validated before. */
export function grantRulesOf(config: {
  readonly rules: readonly (readonly [route: string, rules: unknown])[];
  /** The preset of each trust entry, by name. */
  readonly presets: Readonly<Record<string, string | undefined>>;
}): GrantRules {
  const rules = new Map(config.rules.map(([route, given]) => [route, v.parse(grantRules, given).map(ruleOf)]));
  return {
    of: (route) => rules.get(route) ?? [],
    checks: [...rules.values()].flat().flatMap(({ checks = [] }) => checks),
    isOfJobs: (entry) => JOB_PRESETS.includes(config.presets[entry] ?? ""),
  };
}

/** Presets whose tokens belong to machines. Of any other issuer, a token counts as that of a person. */
const JOB_PRESETS: readonly string[] = ["aws", "buildkite", "forge", "github", "gitlab", "kubernetes"];

const namesEnvironment = (fields: Pattern["combinations"][number]): boolean =>
  fields.some(({ name }) => name === "detail.promotion.to");

function ruleOf({ id, mode, when, windows }: ConfiguredRule): GrantRule {
  const compiled = when.event === undefined ? undefined : compilePattern(when.event);
  if (compiled?.ok === false)
    throw new Fault("configuration_invalid", `the event of the rule "${id}" is no pattern`, { retryable: false });
  const { pattern } = compiled ?? {};
  return {
    id,
    mode,
    ...(pattern && { matches: (busEvent) => matches(pattern, busEvent) }),
    namesEnvironment: pattern?.combinations.every(namesEnvironment) ?? false,
    claims: when.claims,
    requester: when.requester,
    checks: when.checks,
    pathsOutside: when.pathsOutside,
    canEdit: when.canEdit,
    windows,
  };
}
