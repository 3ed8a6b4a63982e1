import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import * as v from "valibot";
import { serveOnLoopback } from "./loopback.ts";

// The messages of opentelemetry-proto 1.9 in their JSON mapping
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). A real collector ignores unknown fields. This one
// refuses them, so that a misspelt field is found.

const hex = (digits: number) =>
  v.pipe(
    v.string(),
    v.regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`)),
    v.check((id) => !/^0+$/.test(id)),
  );
const uint64 = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d*)$/),
  v.check((digits) => BigInt(digits) < 2n ** 64n),
);
/** A text that is valid in UTF-8, as protobuf requires. */
const text = v.pipe(
  v.string(),
  v.check((value) => value.isWellFormed()),
);
const anyValue = v.union([
  v.strictObject({ stringValue: text }),
  v.strictObject({ boolValue: v.boolean() }),
  v.strictObject({ intValue: v.pipe(v.string(), v.regex(/^-?\d+$/)) }),
  v.strictObject({ doubleValue: v.number() }),
]);
const attributes = v.pipe(
  v.array(v.strictObject({ key: v.pipe(text, v.nonEmpty()), value: anyValue })),
  v.check((list) => new Set(list.map(({ key }) => key)).size === list.length, "each key once"),
);
const link = v.strictObject({
  traceId: hex(32),
  spanId: hex(16),
  traceState: v.optional(text),
  attributes: v.optional(attributes),
  flags: v.optional(v.number()),
});
const event = v.strictObject({
  timeUnixNano: uint64,
  name: v.pipe(text, v.nonEmpty()),
  attributes: v.optional(attributes),
});
const span = v.pipe(
  v.strictObject({
    traceId: hex(32),
    spanId: hex(16),
    traceState: v.optional(text),
    parentSpanId: v.optional(hex(16)),
    flags: v.optional(v.number()),
    name: v.pipe(text, v.nonEmpty()),
    kind: v.picklist([1, 2, 3, 4, 5]),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes: v.optional(attributes, []),
    events: v.optional(v.array(event)),
    links: v.optional(v.array(link)),
    status: v.optional(v.strictObject({ code: v.optional(v.picklist([0, 1, 2])), message: v.optional(text) })),
  }),
  v.check(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)),
);
const exportRequest = v.strictObject({
  resourceSpans: v.array(
    v.strictObject({
      resource: v.strictObject({ attributes }),
      scopeSpans: v.array(
        v.strictObject({
          scope: v.strictObject({ name: text, version: v.optional(text) }),
          spans: v.pipe(v.array(span), v.nonEmpty()),
          schemaUrl: v.optional(text),
        }),
      ),
      schemaUrl: v.optional(text),
    }),
  ),
});
export type CollectedSpan = v.InferOutput<typeof span>;

/** The spans in the body of a request. Throws if it is not of the form that the protocol requires. */
export function spansIn(body: unknown): readonly CollectedSpan[] {
  const parsed = v.safeParse(exportRequest, body);
  // The error of valibot itself has the whole body several times.
  if (!parsed.success)
    throw new Error(parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`).join("; "));
  return parsed.output.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

/** The value of an attribute. */
export const attributeOf = ({ attributes: list }: CollectedSpan, key: string): unknown =>
  list.map((one) => (one.key === key ? Object.values(one.value)[0] : undefined)).find((value) => value !== undefined);

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

/** A collector of traces on loopback. It answers what `next` says, and else takes every span of a well-formed request. */
export async function otlpCollector() {
  const next: Answer[] = [];
  const spans: CollectedSpan[] = [];
  const headers: Headers[] = [];
  const malformed: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.post("/v1/traces", async (c) => {
    headers.push(c.req.raw.headers);
    const answer = next.shift() ?? { status: 200, body: {} };
    try {
      if (c.req.header("content-type") !== "application/json") throw new Error("not application/json");
      const sent = spansIn(await c.req.json());
      if (answer.status === 200) spans.push(...sent);
    } catch (error) {
      malformed.push(String(error));
      return new Response('{"message":"malformed"}', { status: 400 });
    }
    return new Response(JSON.stringify(answer.body ?? {}), {
      status: answer.status,
      headers: { "content-type": "application/json", ...answer.headers },
    });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  return { endpoint: url.origin, next, spans, headers, malformed, close };
}
