import type { IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import { Fault, type FaultCode } from "./fault.ts";
import { publicLookup } from "./remote-address.ts";
import { scrubCredential } from "./scrub-credential.ts";
import type { TraceParent } from "./trace.ts";

/**
 * Sends one outbound HTTP request. Every request that the bridge makes goes through this function. It follows no
 * redirect (a 3xx is a response like any other), reads the response up to a limit, and bounds the time. Throws
 * - `target_unreachable` if no connection was made: the target did nothing, so a retry is safe;
 * - `target_timeout` if the request may have been sent and no complete response arrived: what the target did is
 *   unknown;
 * - `target_answer_too_large` if the response is longer than `maxResponseBytes`.
 */
export type CallOut = (request: OutboundRequest) => Promise<OutboundResponse>;

export interface OutboundRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The trace of the request, and the span that makes it: that of an attempt. */
  readonly traceparent?: TraceParent | undefined;
  /** Limit for the whole exchange, including the connection. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Whether the request fails if the host resolves to an internal address; see `remoteAddress`. */
  readonly onlyPublic?: boolean;
  /** Aborts the exchange early; counts as a timeout. */
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export const callOut: CallOut = callOutWith();

/** Creates a `CallOut`. `lookupFor` replaces the lookup for a request that may only go to a public address of `host`. */
export function callOutWith(lookupFor?: (host: string) => LookupFunction): CallOut {
  return async (request) => {
    const { url, traceparent, timeoutMs, onlyPublic } = request;
    const headers = { ...request.headers, ...(traceparent && { traceparent }) };
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
    const sent = { ...request, headers, signal };
    try {
      const response = await (onlyPublic ? sendToPublic(sent, lookupFor) : send(sent));
      return withoutCredential(response, headers);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw callFault(url, error);
    }
  };
}

type SentRequest = OutboundRequest & { readonly signal: AbortSignal };

async function send({ method, url, headers, body, signal, maxResponseBytes }: SentRequest): Promise<OutboundResponse> {
  const response = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal });
  const bytes = await readUpTo(response.body ?? [], maxResponseBytes);
  return { status: response.status, headers: response.headers, body: bytes };
}

/**
 * The same with a check of the addresses that are connected to, which `fetch` does not take. A function in AWS starts
 * without these modules of Node.
 */
async function sendToPublic(
  request: SentRequest,
  lookupFor?: (host: string) => LookupFunction,
): Promise<OutboundResponse> {
  const { method, url, body, signal, maxResponseBytes } = request;
  const [dns, http, https] = await Promise.all([import("node:dns"), import("node:http"), import("node:https")]);
  const lookup = lookupFor?.(url.hostname) ?? publicLookup(url.hostname, dns.lookup);
  const sendRequest = url.protocol === "https:" ? https.request : http.request;
  const headers = { ...request.headers, "accept-encoding": "identity" };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sendRequest(url, { method, headers, signal, lookup }, resolve).once("error", reject).end(body);
  });
  const received = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) received.append(name, value);
  }
  const bytes = await readUpTo(response, maxResponseBytes);
  return { status: response.statusCode ?? 0, headers: received, body: bytes };
}

async function readUpTo(body: AsyncIterable<Uint8Array> | [], maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new Fault("target_answer_too_large", `the response is longer than ${maxBytes} bytes`, { retryable: false });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Removes the credential of the request from an error response. Some servers repeat a rejected request in their
 * response, and its text goes into records. A 200 response stays unchanged byte by byte, because a page is written back
 * as it was read.
 */
function withoutCredential(response: OutboundResponse, headers: OutboundRequest["headers"]): OutboundResponse {
  const [, scheme, credential] = /^(\S+) +(.+)$/.exec(headers["authorization"] ?? "") ?? [];
  if (credential === undefined || response.status === 200) return response;
  const [, password] = /:(.+)/s.exec(scheme === "Basic" ? Buffer.from(credential, "base64").toString() : "") ?? [];
  return {
    ...response,
    body: scrubCredential(response.body, [credential, ...(password === undefined ? [] : [password])]),
  };
}

/** The message names only the host, because a path or query may hold a secret. */
function callFault(url: URL, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const systemCode = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const code: FaultCode = NEVER_CONNECTED.test(systemCode) ? "target_unreachable" : "target_timeout";
  const what = code === "target_unreachable" ? `no connection (${systemCode})` : "no complete response in time";
  return new Fault(code, `${url.host}: ${what}`, { retryable: true });
}

/** Codes of Node and undici for a connection or a TLS handshake that failed. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*|ERR_TLS_.*|ERR_SSL_.*)$/;
