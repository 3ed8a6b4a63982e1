import * as v from "valibot";
import { rotatingSecret } from "../../../shared/host/secrets.ts";
import { bodySignature, proveByHmac, signByHmac } from "../../../shared/providers/hmac-proof.ts";
import type { Provider } from "../../../shared/providers/provider.ts";
import { readDelivery } from "./parse.ts";

// FILL IN: a key for each credential that the sender can use.
const settings = v.strictObject({
  secret: v.pipe(rotatingSecret, v.description("The secret of the webhook. Acme signs each delivery with it.")),
});

// FILL IN: how the sender signs, with a link to its documentation.
const scheme = bodySignature({ header: "x-acme-signature", prefix: "sha256=", method: "signature" });

/** Webhooks of Acme. */
export const acme = {
  name: "acme",
  settings,
  // FILL IN: the types of all events that parse.ts makes; shared/model/event.ts has the list.
  publishes: ["build.succeeded", "build.failed"],
  secrets: { secret: scheme.method },
  connect({ name, settings: given }, deps) {
    const { secret } = v.parse(settings, given);
    return {
      authenticate: (request) => proveByHmac(request, { source: name, scheme, secret }, deps),
      read: readDelivery,
      sign: (request) => signByHmac(request, { scheme, secret }, deps),
    };
  },
} satisfies Provider;
