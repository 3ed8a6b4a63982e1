import * as v from "valibot";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** `identity` in `drawbridge.yaml`: the bridge as an issuer of short-lived tokens for its outbound calls. */
export const bridgeIdentity = v.strictObject({
  issuer: v.pipe(
    secureUrl,
    v.title("`https://` address without a slash at its end"),
    v.regex(/^[^?]*[^/?]$/, "without query, and slash at its end"),
    v.description("The public address of the bridge; its keys are published below it."),
  ),
  keys: v.optional(
    v.pipe(
      v.array(
        v.union([
          secretRef,
          v.pipe(v.string(), v.title("`kms:<key id>`"), v.regex(/^kms:[A-Za-z0-9:/_-]+$/, "kms:<key id or ARN>")),
        ]),
      ),
      v.minLength(1),
      v.maxLength(5),
      v.description(
        "ES256 keys: the first signs, all are published. On one machine PEM files; in AWS `kms:<key id>`, or without it the key of the stack.",
      ),
    ),
  ),
});
export type BridgeIdentity = v.InferOutput<typeof bridgeIdentity>;
