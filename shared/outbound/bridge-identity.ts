import * as v from "valibot";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** `identity` in `drawbridge.yaml`: the bridge as an issuer of short-lived tokens for its outbound calls. */
export const bridgeIdentity = v.strictObject({
  /** The public base URL of the bridge, under which its keys are published. */
  issuer: v.pipe(secureUrl, v.regex(/^[^?]*[^/?]$/, "an address without query and trailing slash")),
  /**
   * The first key signs, all keys are published. In a rotation the new key is listed second for a while before it
   * signs, and the old key is listed second for a while afterwards. On one machine PEM files; in AWS `kms:<key id>`.
   * Default in AWS: the key of the stack.
   */
  keys: v.optional(
    v.pipe(
      v.array(v.union([secretRef, v.pipe(v.string(), v.regex(/^kms:[A-Za-z0-9:/_-]+$/, "kms:<key id or ARN>"))])),
      v.minLength(1),
      v.maxLength(5),
    ),
  ),
});
export type BridgeIdentity = v.InferOutput<typeof bridgeIdentity>;
