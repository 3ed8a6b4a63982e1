import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { isSampled, traceIdOf } from "../../host/trace.ts";
import { withoutCredentials } from "../../host/url-credentials.ts";
import { sha256Hex } from "../idempotency-keys.ts";
import type { RecordedDelivery } from "../recorded-delivery.ts";
import type { Span, ThreadDelivery } from "../thread/span.ts";
import { spanIdOfStep } from "../thread/step-ids.ts";
import { threadOf } from "../thread/thread.ts";
import { codeOf, conventionsOf } from "./conventions.ts";
import { attributesOf, ERROR, KIND, type OtlpSpan, textOf } from "./otlp.ts";

/**
 * The steps of a thread that have ended, as spans of one trace. Pure: the same facts give the same spans, with the same ids,
 * so a span that is sent twice is the same span. A step that goes on, and one that ends in what it waits for, is left out.
 *
 * A delivery without an event has no span. The trace is that of the first cause: the trace of the request that brought it,
 * and a trace of its own for a run that no delivery caused. A cause whose sender does not record its trace (the flag
 * `sampled` is 0) has no spans, nor has what followed from it.
 */
export function spansOfThread(deliveries: readonly ThreadDelivery[], now: EpochMillis): readonly OtlpSpan[] {
  const ofEvents = deliveries.filter(({ delivery }) => delivery.outcome === "event");
  const records = new Map(ofEvents.map(({ delivery }) => [delivery.id, delivery]));
  // Before a text is cut: what is left of an address then shows no credential.
  const spans = withoutCredentials(threadOf(ofEvents, now).spans);
  const steps = new Map(spans.map((span) => [span.id, span]));
  const rootOf = (span: Span): Span => {
    let root = span;
    for (let at = steps.get(span.parent ?? ""); at !== undefined; at = steps.get(at.parent ?? "")) root = at;
    return root;
  };
  return spans.flatMap((span) => {
    const { end } = span;
    const root = rootOf(span);
    const trace = traceOfRoot(root, records);
    // A sender may report a time that is none.
    if (end === undefined || trace === undefined || !Number.isFinite(span.start + end)) return [];
    return [spanOf({ ...span, end }, { trace, isRoot: span === root, record: records.get(span.delivery) })];
  });
}

/** Undefined if its spans are not recorded. */
function traceOfRoot({ id, kind }: Span, records: ReadonlyMap<string, RecordedDelivery>): string | undefined {
  const traceparent = kind === "delivery" ? records.get(id)?.traceparent : undefined;
  // The reports of a run are several deliveries, of which more may follow.
  if (traceparent === undefined) return sha256Hex(`trace ${id}`).slice(0, 32);
  return isSampled(traceparent) ? traceIdOf(traceparent) : undefined;
}

interface Place {
  readonly trace: string;
  readonly isRoot: boolean;
  /** The delivery of the step. */
  readonly record: RecordedDelivery | undefined;
}

function spanOf(step: Span & { readonly end: EpochMillis }, { trace, isRoot, record }: Place): OtlpSpan {
  const { kind, start, end, parent, what, state, delivery, route, by, proof, summary } = step;
  const isDelivery = kind === "delivery";
  const own = isDelivery ? record?.traceparent : undefined;
  const parentSpan = isRoot ? isDelivery && record?.callerSpan : parent !== undefined && spanIdOfStep(parent);
  const linked = !isRoot && own !== undefined && record?.callerSpan;
  return {
    traceId: trace,
    spanId: spanIdOfStep(step.id),
    ...(parentSpan && { parentSpanId: parentSpan }),
    name: textOf(nameOf(step, record)),
    kind: KINDS[kind] ?? KIND.internal,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(epochMillis(Math.max(start, end))),
    attributes: attributesOf({
      ...conventionsOf(step),
      ...(record && UNITS_AND_DELIVERIES.has(kind) && withoutCredentials(codeOf(record))),
      "drawbridge.step": kind,
      "drawbridge.what": what,
      // What became of a delivery is known later than its end, and is the state of its routes.
      "drawbridge.state": isDelivery ? undefined : state,
      "drawbridge.delivery": delivery,
      "drawbridge.route": route,
      "drawbridge.by": by,
      "drawbridge.proof": proof,
      "drawbridge.summary": summary,
      // By which the log lines of the request are found, if that is another trace.
      "drawbridge.request.trace": own && traceIdOf(own) !== trace ? traceIdOf(own) : undefined,
    }),
    ...(linked && { links: [{ traceId: traceIdOf(own), spanId: linked }] }),
    ...(isFailed(step) && { status: { code: ERROR, message: textOf(summary ?? state) } }),
  };
}

/** What failed and was tried again has failed, too. */
const isFailed = ({ kind, tone }: Span): boolean =>
  kind !== "delivery" && (tone === "failed" || (tone === "attention" && (kind === "attempt" || kind === "job")));

/** https://github.com/open-telemetry/semantic-conventions/blob/main/docs/cicd/cicd-spans.md: a run is a `SERVER` span. */
const KINDS: Readonly<Record<string, OtlpSpan["kind"]>> = {
  delivery: KIND.server,
  attempt: KIND.client,
  run: KIND.server,
};

const UNITS_AND_DELIVERIES: ReadonlySet<string> = new Set(["delivery", "run", "job", "deployment"]);

/** A name that many spans have, as statistics are made by name. `drawbridge.what` names the very thing. */
function nameOf({ kind, what, route, run }: Span, record: RecordedDelivery | undefined): string {
  switch (kind) {
    case "delivery":
      return record?.what ?? kind;
    case "route":
      return `route ${route}`;
    case "attempt":
      return `attempt ${route}`;
    case "run":
      return `RUN ${run?.pipeline ?? what}`;
    default:
      return what;
  }
}

const nanoseconds = (time: EpochMillis): string => String(BigInt(Math.max(0, Math.round(time))) * 1_000_000n);
