import type { ConfigProblem } from "../explain.ts";
import { stringsIn } from "../references.ts";
import { hasVariable, UNFILLED } from "../variables.ts";
import type { Check } from "./check.ts";

/** A variable in a setting that takes any text is a valid text, so only this check finds it. */
export const unfilledVariable: Check = {
  id: "unfilled-variable",
  level: "error",
  finds:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: people write variables in this form.
    "a variable of a shell or a template in a value, such as `${HOST}`, `$HOST`, `{{ host }}` or `%HOST%`: it is not replaced",
  remedy: "write the value itself; only secrets are read from the environment, by `env:NAME`",
  canBeIgnored: true,
  needs: [],
  run: ({ identity, issuers, sources, targets, routes, console }) => {
    const parts: readonly (readonly [readonly string[], unknown])[] = [
      [["identity"], identity],
      ...Object.entries(issuers).map(
        ([name, { issuer, audience }]) => [["issuers", name], { issuer, audience }] as const,
      ),
      ...sources.map(({ name, settings }) => [["sources", name], settings] as const),
      ...targets.map(({ name, settings }) => [["targets", name], settings] as const),
      ...routes.map(({ name, action, options }) => [["routes", name, "do", action], options] as const),
      [["console"], console],
    ];
    return parts
      .flatMap(([path, value]) => stringsIn(value, path))
      .filter(([, text]) => hasVariable(text))
      .map(([path]): ConfigProblem => ({ path, message: `${UNFILLED}: write the value itself` }));
  },
};
