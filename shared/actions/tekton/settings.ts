import * as v from "valibot";
import { secretRef } from "../../host/secrets.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import { targetIdentity } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: tekton`: an EventListener, or a proxy in front of it. */
export const listenerTarget = v.pipe(
  v.strictObject({
    /** Base address. The event's path is appended. */
    url: v.pipe(
      v.string(),
      v.url(),
      v.regex(/^https?:\/\/[^\s?#@]+$/, "an http:// or https:// address without user, query or fragment"),
    ),
    /** Sent as `Authorization: Bearer` to the proxy in front. An EventListener itself does not check it. */
    token: v.optional(secretRef),
    /** Sent in the same way: a short-lived token instead of a secret. */
    identity: v.optional(targetIdentity),
    /** Name of the source whose events report the runs. */
    runsReportedBy: v.string(),
    /** Timeout of one request, in seconds: 1 to 25, default 10. */
    timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(25)), 10),
  }),
  v.check(
    ({ url, token, identity }) => (token ?? identity) === undefined || isSecureUrl(url),
    "a token goes over https:// only",
  ),
  v.check(({ token, identity }) => token === undefined || identity === undefined, "token or identity, not both"),
);

/** The name of a param, as `$(body.params.…)` and `$(tt.params.…)` accept it without escapes. */
const paramName = v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, "letters and digits, a letter first"));

/** Options of a route in `drawbridge.yaml`, under `do.tekton`, next to `target`. */
export const routeOptions = v.strictObject({
  /** Params of the pipeline: literals, and paths into the published event such as `$.detail.page.id`. */
  params: v.optional(
    v.record(paramName, v.pipe(v.string(), v.check(isTemplate, "a literal, or a path such as $.detail.page.id"))),
    {},
  ),
});

export type ListenerTarget = v.InferOutput<typeof listenerTarget>;
