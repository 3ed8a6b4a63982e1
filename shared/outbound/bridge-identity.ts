import * as v from "valibot";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** `identity` in `drawbridge.yaml`: the bridge as an issuer of short-lived tokens for the calls it makes. */
export const bridgeIdentity = v.strictObject({
  /** The bridge's own public address, under which its keys are found. */
  issuer: v.pipe(secureUrl, v.regex(/^[^?]*[^/?]$/, "without query, and slash at its end")),
  /**
   * The first signs, all are published: a new key stands second for a while before it signs, the old one for a while
   * after. On one machine PEM files; in AWS `kms:<key id>`. Absent in AWS: the stack's own.
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
