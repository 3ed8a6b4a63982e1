import * as v from "valibot";
import { namespaceList } from "../../host/namespace-list.ts";
import { secretRef } from "../../host/secrets.ts";
import { isSecureUrl, withoutWhiteSpace } from "../../host/secure-url.ts";
import { targetIdentity } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: tekton`: an EventListener, or a proxy in front of it. */
export const listenerTarget = v.pipe(
  v.strictObject({
    url: v.pipe(
      v.string(),
      withoutWhiteSpace,
      v.url(),
      v.title("`http://` or `https://` address without a query"),
      v.description("Address of the EventListener, or of the proxy in front of it. The path of the event is appended."),
      v.regex(/^https?:\/\/[^\s?#@]+$/, "an http:// or https:// address without user, query or fragment"),
    ),
    token: v.optional(
      v.pipe(
        secretRef,
        v.description(
          "Sent as `Authorization: Bearer`, over `https://` or loopback only. It is for the proxy: an EventListener checks nothing.",
        ),
      ),
    ),
    identity: v.optional(
      v.pipe(targetIdentity, v.description("A short-lived token, sent like `token` and instead of it.")),
    ),
    runsReportedBy: v.pipe(v.string(), v.description("Name of the source that reports the state of the runs.")),
    namespaces: v.optional(
      v.pipe(
        namespaceList,
        v.description(
          "Namespaces in which the listener's triggers create runs: exact names, or `ci-*`. A run elsewhere that claims to be started by the bridge is not believed. Without it: the namespace that the listener's answer names.",
        ),
      ),
    ),
    timeoutSeconds: v.optional(
      v.pipe(v.number(), v.minValue(1), v.maxValue(25), v.description("Timeout of one request, in seconds.")),
      10,
    ),
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
  params: v.optional(
    v.pipe(
      v.record(paramName, v.pipe(v.string(), v.check(isTemplate, "a literal, or a path such as $.detail.page.id"))),
      v.title("names (letters and digits), each with a text"),
      v.description("Parameters of the pipeline: literals, or paths into the event such as `$.detail.page.id`."),
    ),
    {},
  ),
});

export type ListenerTarget = v.InferOutput<typeof listenerTarget>;
