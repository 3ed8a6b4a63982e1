import { X509Certificate } from "node:crypto";
import { handle, type LambdaEvent } from "hono/aws-lambda";
import { Hono } from "hono/tiny";
import * as v from "valibot";
import type { Connection, ServedApp } from "../http/connection.ts";

/** One request in the format of an HTTP API (payload format 2.0) and of a function URL. */
export type GatewayEvent = Extract<LambdaEvent, { readonly rawPath: string }>;

/** Serves an app to an API Gateway HTTP API and to a Lambda function URL. */
export function gatewayHandler(app: ServedApp) {
  const front = new Hono<{ Bindings: { event: GatewayEvent } }>();
  front.all("*", (c) => app.fetch(c.req.raw, connectionOf(c.env.event)));
  const handler = handle(front);
  return (event: GatewayEvent) => handler(withOriginalPath(event));
}

/**
 * The client certificate that an HTTP API verified, if its custom domain requires mutual TLS. No request header is read
 * for it: anyone can set one (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html).
 */
const verifiedClient = v.object({ authentication: v.object({ clientCert: v.object({ clientCertPem: v.string() }) }) });

function connectionOf({ requestContext }: GatewayEvent): Connection {
  const parsed = v.safeParse(verifiedClient, requestContext);
  if (!parsed.success) return {};
  try {
    return { clientCertificate: new X509Certificate(parsed.output.authentication.clientCert.clientCertPem).raw };
  } catch {
    // An unreadable certificate counts as none, so a caller that needs one is rejected.
    return {};
  }
}

/**
 * The event with the path as the sender wrote it. A stage other than `$default` is the first segment of the path, and the
 * app must not see it. An HTTP API decodes the path and a function URL does not; a decoded `?` or `#` is encoded again,
 * because it would start another part of the URL. The body is removed if the method allows none.
 */
function withOriginalPath(event: GatewayEvent): GatewayEvent {
  const { stage, http } = event.requestContext;
  const path = event.rawPath.startsWith(`/${stage}/`) ? event.rawPath.slice(stage.length + 1) : event.rawPath;
  const body = http.method === "GET" || http.method === "HEAD" ? null : event.body;
  return { ...event, rawPath: path.replaceAll("?", "%3F").replaceAll("#", "%23"), body };
}
