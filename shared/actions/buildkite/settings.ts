import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { isTemplate } from "../../routes/fill.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: buildkite`. */
export const organizationTarget = v.strictObject({
  /** Slug of the organization whose builds are annotated. */
  organization: v.pipe(v.string(), v.regex(/^[\w.-]{1,200}$/, "an organization's slug")),
  /** An API access token of that organization with the scope `write_builds`. */
  token: secretRef,
  /** Base address of the REST API. */
  url: v.optional(baseAddress, "https://api.buildkite.com"),
  /** Timeout of one call, in seconds: 1 to 25, default 10. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(25)), 10),
});
export type OrganizationTarget = v.InferOutput<typeof organizationTarget>;

/** Options of a route in `drawbridge.yaml`, under `do.buildkite`, next to `target`. */
export const routeOptions = v.strictObject({
  /** Name of the run in the annotation: a literal, or a path into the published event. */
  name: v.optional(
    v.pipe(nonEmptyText, v.check(isTemplate, "a literal, or a path such as $.detail.build.pipeline")),
    "$.detail.build.pipeline",
  ),
});
