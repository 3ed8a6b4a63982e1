/**
 * The messages of OpenTelemetry in OTLP/JSON: the JSON mapping of protobuf, with ids in hexadecimal digits, enumerations as
 * numbers and 64-bit numbers as texts (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Only the fields
 * that the bridge writes.
 */
export interface OtlpSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: SpanKindNumber;
  /** Nanoseconds since 1970. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code: typeof ERROR; readonly message?: string };
}

export interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

/** `SpanKind` of trace.proto. */
export const KIND = { internal: 1, server: 2, client: 3 } as const;
type SpanKindNumber = (typeof KIND)[keyof typeof KIND];
/** `STATUS_CODE_ERROR` of trace.proto. Without a failure the status is not set. */
export const ERROR = 2;

/** Longest value of an attribute, in characters. The rest is cut. */
const MAX_VALUE = 1_000;

/** The attributes that have a value. */
export const attributesOf = (values: Readonly<Record<string, string | undefined>>): readonly Attribute[] =>
  Object.entries(values).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [{ key, value: { stringValue: textOf(value) } }],
  );

/** A text that is valid in UTF-8 and of bounded length. */
export const textOf = (text: string): string =>
  (text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 1)}…` : text).toWellFormed();

/** An `ExportTraceServiceRequest`. Without spans it is the empty request, to which a collector answers with success. */
export const exportRequest = (spans: readonly OtlpSpan[], resource: Readonly<Record<string, string>>) => ({
  resourceSpans:
    spans.length === 0
      ? []
      : [
          {
            resource: { attributes: attributesOf(resource) },
            scopeSpans: [{ scope: { name: SCOPE }, spans }],
          },
        ],
});

const SCOPE = "drawbridge.thread";
