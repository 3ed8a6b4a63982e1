import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { isTemplate } from "../../routes/fill.ts";
import { linkHostsOf } from "../link-hosts.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: buildkite`. */
export const organizationTarget = v.strictObject({
  organization: v.pipe(
    v.string(),
    v.regex(/^[\w.-]{1,200}$/, "an organization's slug"),
    v.description("Slug of the organization whose builds are annotated."),
  ),
  token: v.pipe(secretRef, v.description("An API access token of the organization with the scope `write_builds`.")),
  url: v.optional(v.pipe(baseAddress, v.description("Base address of the REST API.")), "https://api.buildkite.com"),
  linkHosts: linkHostsOf("the annotations"),
  timeoutSeconds: v.optional(
    v.pipe(v.number(), v.minValue(1), v.maxValue(25), v.description("Timeout of one call, in seconds.")),
    10,
  ),
});
export type OrganizationTarget = v.InferOutput<typeof organizationTarget>;

/** Options of a route in `drawbridge.yaml`, under `do.buildkite`, next to `target`. */
export const routeOptions = v.strictObject({
  name: v.optional(
    v.pipe(
      nonEmptyText,
      v.check(isTemplate, "a literal, or a path such as $.detail.build.pipeline"),
      v.description("Name of the run in the annotation: a literal, or a path into the event."),
    ),
    "$.detail.build.pipeline",
  ),
});
