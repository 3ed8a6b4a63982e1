import * as v from "valibot";
import { secretRef } from "../host/secrets.ts";
import { baseAddress } from "../host/secure-url.ts";

/** `otlp` in `drawbridge.yaml`: where threads are sent as OpenTelemetry traces. */
export const otlpSettings = v.strictObject({
  endpoint: v.pipe(
    baseAddress,
    v.description("Address of the collector, to which `/v1/traces` is added. It takes OTLP over HTTP in JSON."),
  ),
  headers: v.optional(
    v.pipe(
      v.record(
        v.pipe(
          v.string(),
          v.regex(
            /^(?!content-|host$|connection$|transfer-encoding$)[a-z0-9-]{1,64}$/,
            "the name of a header, in small letters",
          ),
        ),
        secretRef,
      ),
      v.description("Headers of each request, such as `authorization`. Each value is a secret."),
    ),
    {},
  ),
});
export type OtlpSettings = v.InferOutput<typeof otlpSettings>;
