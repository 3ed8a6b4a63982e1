import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { partnerSource } from "./partner.ts";
import { prove, sign } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    /** The webhook's token, if the webhook is set to sign with it. */
    signature: v.optional(rotatingSecret),
    /** The webhook's token, if the webhook is set to send it in clear. */
    token: v.optional(rotatingSecret),
    /** In AWS, instead of webhooks: the name of the event source that Buildkite created in the account. */
    partnerEvents: v.optional(partnerSource),
  }),
  v.check(
    ({ signature, token, partnerEvents }) => (signature ?? token ?? partnerEvents) !== undefined,
    "needs `signature`, `token` or both, or `partnerEvents`",
  ),
  v.check(
    ({ signature, token, partnerEvents }) => (signature ?? token) === undefined || partnerEvents === undefined,
    "takes webhooks or `partnerEvents`, not both: their times differ, so an event from both would be acted on twice",
  ),
);

/** Buildkite's notification service "Webhook". "Amazon EventBridge" arrives by another path: `partner-source.ts`. */
export const buildkite = {
  name: "buildkite",
  settings,
  secrets: { signature: "hmac-signature", token: "token" },
  connect(source, deps) {
    const { signature, token } = v.parse(settings, source.settings);
    return {
      authenticate: (request) => prove(request, { source: source.name, signature, token }, deps),
      read: readDelivery,
      sign: (request) => sign(request, { signature, token }, deps),
    };
  },
} satisfies Provider;
