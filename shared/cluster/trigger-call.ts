import * as v from "valibot";
import { readJsonObject } from "../host/strict-json.ts";

/** What the sink of an EventListener asks about one of its triggers, and about the request that it received. */
export interface TriggerCall {
  /** The body of that request, as its sender wrote it. */
  readonly body: string;
  /** Every value of its header `Authorization`. */
  readonly authorization: readonly string[];
  /** The trigger's id, such as `namespaces/ci/triggers/docs-build`. */
  readonly trigger: string;
  /** The sink's random id of the request. No sender can choose it. */
  readonly eventId: string;
  /** The params that the trigger gives to this interceptor. Undefined: not given. Null: given, and not a text. */
  readonly route: string | null | undefined;
  readonly audience: string | null | undefined;
}

/**
 * Reads an `InterceptorRequest`
 * (https://github.com/tektoncd/triggers/blob/v0.37.0/pkg/apis/triggers/v1beta1/interceptor_types.go). Undefined if the
 * bytes are none. Of all headers only the credential is read.
 */
export function readTriggerCall(bytes: Uint8Array): TriggerCall | undefined {
  const json = readJsonObject(bytes);
  const read = json.ok ? v.safeParse(interceptorRequest, json.value) : undefined;
  if (!read?.success) return undefined;
  const { body, header, interceptor_params: params, context } = read.output;
  return {
    body,
    authorization: Object.entries(header).flatMap(([name, values]) =>
      name.toLowerCase() === "authorization" ? values : [],
    ),
    trigger: context.trigger_id,
    eventId: context.event_id,
    route: params.route,
    audience: params.audience,
  };
}

const param = v.optional(v.fallback(v.nullable(v.pipe(v.string(), v.nonEmpty())), null));

/**
 * Go leaves out what is empty, except `context`. The sink always sends an id of the request, a UUID. Without one every
 * request would be the same use of its token.
 */
const interceptorRequest = v.object({
  body: v.optional(v.string(), ""),
  header: v.optional(v.record(v.string(), v.array(v.string())), {}),
  interceptor_params: v.optional(v.object({ route: param, audience: param }), {}),
  context: v.object({ event_id: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)), trigger_id: v.optional(v.string(), "") }),
});
