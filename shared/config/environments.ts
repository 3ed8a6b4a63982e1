import * as v from "valibot";

/** The environments of a route. Each is the value of a param of a run, so it names no variable and no path. */
export const environments = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.regex(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
        "an environment's name: letters, digits, dots, dashes and underscores",
      ),
    ),
  ),
  v.minLength(2, "at least two environments: from one alone nothing can be promoted"),
  v.maxLength(10),
  v.check((names) => new Set(names).size === names.length, "different environments"),
  v.description(
    "Environments in the order in which a run is promoted. An event deploys to the first. Runs in a later one are promotions of the last good run in the one before.",
  ),
);
