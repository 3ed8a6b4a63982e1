import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { rotatingSecret, secretRef } from "../../host/secrets.ts";
import { secureUrl } from "../../host/secure-url.ts";
import { isBody } from "./body.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: webhook`. */
export const receiverTarget = v.pipe(
  v.strictObject({
    url: v.pipe(
      v.union([secureUrl, secretRef]),
      v.title("`https://` address, or secret reference"),
      v.description("Address of the receiver, or a reference to a secret that is the address."),
    ),
    secret: v.optional(
      v.pipe(
        rotatingSecret,
        v.description(
          "Signs each request as Standard Webhooks: `whsec_` and a key in base64. With `next`, each request has both signatures.",
        ),
      ),
    ),
    bearer: v.optional(
      v.pipe(
        secretRef,
        v.description(
          "Token that each request has in the header `Authorization: Bearer`, for example of a bot in Slack.",
        ),
      ),
    ),
    secretMembers: v.optional(
      v.pipe(
        v.record(nonEmptyText, secretRef),
        v.title("names, each with a secret reference"),
        v.description("Members of every body whose values are secrets, such as PagerDuty's `routing_key`."),
      ),
      {},
    ),
    timeoutSeconds: v.optional(
      v.pipe(v.number(), v.minValue(1), v.maxValue(25), v.description("Timeout of one request, in seconds.")),
      10,
    ),
  }),
  v.check(
    ({ url, secret, bearer, secretMembers }) =>
      [secret, bearer].some((one) => one !== undefined) ||
      v.is(secretRef, url) ||
      Object.keys(secretMembers).length > 0,
    "needs `secret`, `bearer`, a `url` that is a secret, or `secretMembers`: without one the receiver cannot know the sender",
  ),
);
export type ReceiverTarget = v.InferOutput<typeof receiverTarget>;

/** Options of a route in `drawbridge.yaml`, under `do.webhook`, next to `target`. */
export const routeOptions = v.strictObject({
  as: v.optional(
    v.pipe(
      v.picklist(["slack", "teams", "mail"]),
      v.description(
        "Sends approvals as messages for people, in the format of Slack, of Microsoft Teams, or as a mail with `subject`, `text` and `html`. `body` adds members, such as Slack's `channel`.",
      ),
    ),
  ),
  body: v.optional(
    v.pipe(
      v.record(v.string(), v.unknown()),
      v.check(
        (body) => isBody(body),
        "JSON, in which each text is a literal, or a path such as $.detail.build.pipeline",
      ),
      v.title("JSON object"),
      v.description(
        "Body of the request: JSON whose texts are literals, or paths into the event. Without it: `type`, `timestamp` and `data`, the event's fields.",
      ),
    ),
  ),
});
export type MessageFormat = NonNullable<v.InferOutput<typeof routeOptions>["as"]>;
