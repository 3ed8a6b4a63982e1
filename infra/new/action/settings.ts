import * as v from "valibot";
import { nonEmptyText } from "../../../shared/host/non-empty-text.ts";
import { secretRef } from "../../../shared/host/secrets.ts";
import { secureUrl } from "../../../shared/host/secure-url.ts";
import { isTemplate } from "../../../shared/routes/fill.ts";

// FILL IN: what the target needs, with a description of each key.
/** Settings of a target in `drawbridge.yaml`, next to `kind: acme`. */
export const acmeTarget = v.strictObject({
  url: v.pipe(secureUrl, v.description("Address that takes the messages.")),
  token: v.pipe(secretRef, v.description("The token of the bridge, which Acme issued.")),
  timeoutSeconds: v.optional(
    v.pipe(v.number(), v.minValue(1), v.maxValue(25), v.description("Timeout of one request, in seconds.")),
    10,
  ),
});
export type AcmeTarget = v.InferOutput<typeof acmeTarget>;

// FILL IN: what a route can choose, with a description of each key.
/** Options of a route in `drawbridge.yaml`, under `do.acme`, next to `target`. */
export const routeOptions = v.strictObject({
  text: v.optional(
    v.pipe(
      nonEmptyText,
      v.check(isTemplate, "a literal, or a path such as $.detail.subject"),
      v.description("Text of the message: a literal, or a path into the event."),
    ),
    "$.detail.subject",
  ),
});
