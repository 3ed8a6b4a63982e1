import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import { bodySignature, proveByHmac, signByHmac } from "../hmac-proof.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";

const settings = v.strictObject({
  secret: v.pipe(rotatingSecret, v.description("The secret of the webhook. GitHub signs each delivery with it.")),
});

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
const scheme = bodySignature({ header: "x-hub-signature-256", prefix: "sha256=", method: "hub-signature" });

/** Webhooks of GitHub's repositories, organizations and apps. */
export const github = {
  name: "github",
  settings,
  publishes: [
    "code.pushed",
    "code.tagged",
    "code.deleted",
    "change.opened",
    "change.updated",
    "change.merged",
    "change.closed",
    "build.queued",
    "build.running",
    "build.waiting",
    "build.succeeded",
    "build.failed",
    "build.cancelled",
    "build.timed_out",
    "build.skipped",
    "deployment.queued",
    "deployment.running",
    "deployment.waiting",
    "deployment.succeeded",
    "deployment.failed",
    "release.published",
  ],
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
