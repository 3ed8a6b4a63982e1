import type { Env, Hono } from "hono";
import { handle, type LambdaEvent } from "hono/aws-lambda";

/** One request as an HTTP API (payload format 2.0) and a function URL tell it. */
export type GatewayEvent = Extract<LambdaEvent, { readonly rawPath: string }>;

/** Serves an app to an API Gateway HTTP API and to a Lambda function URL. */
export function gatewayHandler<E extends Env>(app: Hono<E>) {
  const answer = handle(app);
  return (event: GatewayEvent) => answer(asSent(event));
}

/**
 * The event with the address as the sender wrote it. A stage other than `$default` stands in front of the path and is no
 * part of it for the app. An HTTP API gives the path decoded and a function URL as sent; a decoded `?` or `#` would begin
 * another part of the address. A body that its method cannot have is none.
 */
function asSent(event: GatewayEvent): GatewayEvent {
  const { stage, http } = event.requestContext;
  const path = event.rawPath.startsWith(`/${stage}/`) ? event.rawPath.slice(stage.length + 1) : event.rawPath;
  const body = http.method === "GET" || http.method === "HEAD" ? null : event.body;
  return { ...event, rawPath: path.replaceAll("?", "%3F").replaceAll("#", "%23"), body };
}
