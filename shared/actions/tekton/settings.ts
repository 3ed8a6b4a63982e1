import * as v from "valibot";
import { hazardIn } from "../../host/inert.ts";
import { namespaceList } from "../../host/namespace-list.ts";
import { rotatingSecret, secretRef } from "../../host/secrets.ts";
import { isSecureUrl, withoutWhiteSpace } from "../../host/secure-url.ts";
import { targetIdentity } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";
import { STALE_AFTER_MINUTES } from "../../routes/route.ts";
import { listenerSettings, runSettings } from "./manifest-settings.ts";

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
          "Sent as `Authorization: Bearer`, over `https://` or loopback only. An EventListener checks it only with `listener.secret`; a proxy in front may.",
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
    runName: v.optional(
      v.pipe(
        v.picklist(["fixed", "generated"]),
        v.description(
          "`fixed`: each template that the target's routes trigger names its run after the event key, as `tekton render` writes it. The same request again then starts no second run, so it is sent again while no run is reported. `generated`: it is not sent again.",
        ),
      ),
      "generated",
    ),
    expectRunWithinMinutes: v.optional(
      v.pipe(
        v.number(),
        v.minValue(1),
        v.maxValue(60),
        v.description(
          "The first report of a run is expected within this time, in minutes. Without one the request is sent again after it, 5 and 15 minutes later (`runName: fixed`). 18 minutes after it, the action ends as accepted without a run.",
        ),
      ),
      2,
    ),
    staleAfterMinutes: v.optional(
      v.pipe(
        v.number(),
        v.minValue(1),
        v.maxValue(10_080),
        v.description(
          "A run that has not ended and was not reported for longer than this is shown as one without a report since then, in minutes. Tekton itself ends a run after 60 minutes by default, and reports no progress before.",
        ),
      ),
      STALE_AFTER_MINUTES,
    ),
    originKey: v.optional(
      v.pipe(
        rotatingSecret,
        v.description(
          "Key of the proofs that the target's runs carry. Without it each run only claims its origin: a page does not call it verified.",
        ),
      ),
    ),
    timeoutSeconds: v.optional(
      v.pipe(v.number(), v.minValue(1), v.maxValue(25), v.description("Timeout of one request, in seconds.")),
      10,
    ),
    listener: v.optional(
      v.pipe(listenerSettings, v.description("The EventListener that `drawbridge tekton render` writes for it.")),
    ),
  }),
  v.check(
    ({ url, token, identity }) => (token ?? identity) === undefined || isSecureUrl(url),
    "a token goes over https:// only",
  ),
  v.check(
    ({ token, identity }) => token === undefined || identity === undefined,
    "token or identity, not both: remove `token` and `listener.secret`, or `identity`",
  ),
  v.forward(
    v.check(
      ({ token, listener }) => listener?.secret === undefined || token !== undefined,
      "a secret of the listener needs a `token` of the target: the bridge sends it, and the listener compares it",
    ),
    ["listener"],
  ),
  v.forward(
    v.check(
      ({ identity, listener }) => !listener?.interceptor || (identity !== undefined && "bridge" in identity),
      "the interceptor verifies the bridge's own token: the target needs `identity.bridge`",
    ),
    ["listener"],
  ),
);

/** The name of a param, as `$(body.params.…)` and `$(tt.params.…)` accept it without escapes. */
const paramName = v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, "letters and digits, a letter first"));

/** Options of a route in `drawbridge.yaml`, under `do.tekton`, next to `target`. */
export const routeOptions = v.pipe(
  v.strictObject({
    gate: v.optional(
      v.pipe(
        v.literal(true),
        v.description(
          "Starts no run: it decides the `ApprovalTask` that the event reports, inside a run of the target. The route needs `approval`.",
        ),
      ),
    ),
    params: v.optional(
      v.pipe(
        v.record(
          paramName,
          v.pipe(
            v.string(),
            v.check(isTemplate, "a literal, or a path such as $.detail.page.id"),
            v.check(
              (text) => hazardIn(text) === undefined,
              "a literal without `$(`, `$$`, a `$` at its end or a line break",
            ),
          ),
        ),
        v.title("names (letters and digits), each with a text"),
        v.description("Parameters of the pipeline: literals, or paths into the event such as `$.detail.page.id`."),
      ),
      {},
    ),
    run: v.optional(
      v.pipe(runSettings, v.description("What the template that `drawbridge tekton render` writes gives each run.")),
    ),
  }),
  v.check(
    ({ gate, params, run }) => !gate || (run === undefined && Object.keys(params).length === 0),
    "`gate` starts no run, so it takes neither `params` nor `run`",
  ),
);

export type ListenerTarget = v.InferOutput<typeof listenerTarget>;
