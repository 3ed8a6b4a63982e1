import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { GatewayEvent, gatewayHandler } from "../../shared/aws/gateway-events.ts";

export interface GatewayForm {
  readonly kind: "http-api" | "function-url";
  /** AWS sends text as it is and other types in base64. Set explicitly here, to test both with the same body. */
  readonly base64: boolean;
  /** Name of the stage. Default `$default`, which is not part of the path. */
  readonly stage?: string;
}

/**
 * The gateway in front of a function, on loopback: converts each request into the documented event, and the function's
 * result into a response.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
export async function startGateway(handler: ReturnType<typeof gatewayHandler>, form: GatewayForm) {
  const server = createServer(async (request, response) => {
    const answer = await handler(await eventOf(request, form));
    response.writeHead(answer.statusCode, {
      ...answer.headers,
      ...(answer.cookies && { "set-cookie": answer.cookies }),
    });
    response.end(Buffer.from(answer.body, answer.isBase64Encoded ? "base64" : "utf8"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), close };
}

async function eventOf(request: IncomingMessage, form: GatewayForm): Promise<GatewayEvent> {
  const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return gatewayEvent(form, {
    method: request.method ?? "",
    path,
    query,
    headers: joined(request.rawHeaders),
    ...(body.length > 0 && { body }),
  });
}

export interface SentRequest {
  readonly method: string;
  /** As sent. */
  readonly path: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export function gatewayEvent({ kind, base64, stage = "$default" }: GatewayForm, sent: SentRequest): GatewayEvent {
  const { method, query = "", headers = {}, body } = sent;
  // An HTTP API decodes the path and prepends a named stage. A function URL does neither.
  const path = kind === "http-api" ? decodeURIComponent(sent.path) : sent.path;
  const rawPath = stage === "$default" ? path : `/${stage}${path}`;
  const domainPrefix = "abcdefghij";
  const service = kind === "http-api" ? "execute-api" : "lambda-url";
  const { cookie, ...others } = headers;
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString: query,
    ...(cookie !== undefined && { cookies: cookie.split("; ") }),
    headers: { ...others, "x-amzn-trace-id": "Root=1-6727a1b2-0123456789abcdef01234567", "x-forwarded-proto": "https" },
    requestContext: {
      accountId: kind === "http-api" ? "123456789012" : "anonymous",
      apiId: domainPrefix,
      // The service leaves both out if there is no authorizer, but the adapter's type requires them.
      authentication: null,
      authorizer: {},
      domainName: `${domainPrefix}.${service}.eu-central-1.amazonaws.com`,
      domainPrefix,
      http: { method, path: rawPath, protocol: "HTTP/1.1", sourceIp: "192.0.2.7", userAgent: "test" },
      requestId: "JKJaXmPLvHcESHA=",
      routeKey: "$default",
      stage,
      time: "02/Nov/2026:09:00:00 +0000",
      timeEpoch: 1_793_610_000_000,
    },
    body: body === undefined ? null : Buffer.from(body).toString(base64 ? "base64" : "utf8"),
    isBase64Encoded: body !== undefined && base64,
  };
}

/** Names in lower case, repeated headers as one value with commas, as both services pass them on. */
function joined(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    headers[name] = name in headers ? `${headers[name]},${value}` : value;
  }
  return headers;
}
