import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { prove, sign } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    /** The webhook's token, where the webhook is set to sign with it. */
    signature: v.optional(rotatingSecret),
    /** The webhook's token, where the webhook is set to send it in clear. */
    token: v.optional(rotatingSecret),
  }),
  v.check(
    ({ signature, token }) => signature !== undefined || token !== undefined,
    "needs `signature`, `token` or both",
  ),
);

/** Buildkite's notification service "Webhook". */
export const buildkite = {
  name: "buildkite",
  settings,
  connect(source, tools) {
    const { signature, token } = v.parse(settings, source.settings);
    return {
      authenticate: (request) => prove(request, { source: source.name, signature, token }, tools),
      read: readDelivery,
      sign: (request) => sign(request, { signature, token }, tools),
    };
  },
} satisfies Provider;
