import * as v from "valibot";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import { VERSION } from "../host/version.ts";
import { exportRequest, type OtlpSpan } from "../model/otlp/otlp.ts";
import { retryAfterSeconds } from "../model/retry-after.ts";
import type { OtlpSettings } from "./otlp-settings.ts";

/** What a collector did with a request. */
export type ExportAnswer =
  /** `rejected`: spans that it did not take, and that must not be sent again. */
  | { readonly result: "taken"; readonly rejected: number }
  /** It may be sent again, after the time that the collector asked for. */
  | { readonly result: "later"; readonly why: string; readonly afterSeconds?: number | undefined }
  /** It must not be sent again. */
  | { readonly result: "refused"; readonly why: string };

export interface ExportDeps {
  readonly settings: OtlpSettings;
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
}

const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 65_536 };

/** Statuses after which a request is sent again: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends spans to the collector, in one request. Never throws. Without spans it asks whether the collector works. */
export async function exportSpans(
  spans: readonly OtlpSpan[],
  { settings, secrets, callOut, clock }: ExportDeps,
  signal?: AbortSignal,
): Promise<ExportAnswer> {
  try {
    const headers: Record<string, string> = { "content-type": "application/json" };
    for (const [name, ref] of Object.entries(settings.headers)) headers[name] = (await secrets.read(ref)).reveal();
    const {
      status,
      headers: answered,
      body,
    } = await callOut({
      method: "POST",
      url: new URL(`${settings.endpoint}/v1/traces`),
      headers,
      body: JSON.stringify(exportRequest(spans, { "service.name": "drawbridge", "service.version": VERSION })),
      ...LIMITS,
      ...(signal && { signal }),
    });
    if (status === 200) return { result: "taken", rejected: rejectedIn(body) };
    const why = `status ${status}`;
    if (!RETRYABLE.has(status)) return { result: "refused", why };
    return { result: "later", why, afterSeconds: retryAfterSeconds(answered, clock.now()) };
  } catch (error) {
    // A message of another error may quote a header.
    if (!(error instanceof Fault)) return { result: "refused", why: "it could not be sent" };
    return { result: error.retryable ? "later" : "refused", why: error.code };
  }
}

/** A 64-bit number is a text or a number in JSON. */
const partialSuccess = v.object({
  partialSuccess: v.object({
    rejectedSpans: v.pipe(v.union([v.string(), v.number()]), v.transform(Number), v.integer(), v.minValue(1)),
  }),
});

/** The number of spans that the collector says it rejected. An answer without it has taken all. */
function rejectedIn(body: Uint8Array): number {
  try {
    const parsed = v.safeParse(partialSuccess, JSON.parse(Buffer.from(body).toString("utf8")));
    return parsed.success ? parsed.output.partialSuccess.rejectedSpans : 0;
  } catch {
    // Some collectors answer with an empty body.
    return 0;
  }
}
