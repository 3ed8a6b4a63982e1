import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { isTemplate } from "../../routes/fill.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: gitlab`. */
export const instanceTarget = v.strictObject({
  /** Base address of the instance, as in the links of its events. */
  url: baseAddress,
  /** A project's, group's or person's access token with the scope `api` and the role Developer or above. */
  token: secretRef,
  /** Timeout of one call, in seconds: 1 to 20, default 10. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(20)), 10),
});
export type InstanceTarget = v.InferOutput<typeof instanceTarget>;

/** Options of a route in `drawbridge.yaml`, under `do.gitlab`, next to `target`. */
export const routeOptions = v.strictObject({
  /** Name of the status: a literal, or a path into the published event. A commit has one status of each name. */
  name: v.optional(
    v.pipe(nonEmptyText, v.check(isTemplate, "a literal, or a path such as $.detail.build.pipeline")),
    "$.detail.build.pipeline",
  ),
});
