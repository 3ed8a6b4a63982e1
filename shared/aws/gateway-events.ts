import { X509Certificate } from "node:crypto";
import { handle, type LambdaEvent } from "hono/aws-lambda";
import { Hono } from "hono/tiny";
import * as v from "valibot";
import type { Connection, ServedApp } from "../http/connection.ts";

/** One request as an HTTP API (payload format 2.0) and a function URL tell it. */
export type GatewayEvent = Extract<LambdaEvent, { readonly rawPath: string }>;

/** Serves an app to an API Gateway HTTP API and to a Lambda function URL. */
export function gatewayHandler(app: ServedApp) {
  const front = new Hono<{ Bindings: { event: GatewayEvent } }>();
  front.all("*", (c) => app.fetch(c.req.raw, connectionOf(c.env.event)));
  const answer = handle(front);
  return (event: GatewayEvent) => answer(asSent(event));
}

/**
 * Where a custom domain wants mutual TLS, an HTTP API tells the certificate that it verified here; a header of the request
 * could be anyone's (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html).
 */
const verifiedClient = v.object({ authentication: v.object({ clientCert: v.object({ clientCertPem: v.string() }) }) });

function connectionOf({ requestContext }: GatewayEvent): Connection {
  const told = v.safeParse(verifiedClient, requestContext);
  if (!told.success) return {};
  try {
    return { clientCertificate: new X509Certificate(told.output.authentication.clientCert.clientCertPem).raw };
  } catch {
    // No certificate that can be read is none: whoever needs one is refused.
    return {};
  }
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
