import { Fault, type FaultCode } from "./fault.ts";
import { nextSpan, type TraceParent } from "./trace.ts";

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
  readonly method: "GET" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The trace of the request; the target receives it with a new span. */
  readonly traceparent?: TraceParent | undefined;
  /** Limit for the whole exchange, including the connection. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Aborts the exchange early; counts as a timeout. */
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export const callOut: CallOut = async (request) => {
  const { method, url, body, traceparent, timeoutMs, maxResponseBytes } = request;
  const headers = { ...request.headers, ...(traceparent && { traceparent: nextSpan(traceparent) }) };
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  try {
    const response = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal });
    const bytes = await readUpTo(response, maxResponseBytes);
    return withoutCredential({ status: response.status, headers: response.headers, body: bytes }, headers);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw callFault(url, error);
  }
};

async function readUpTo(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
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
  // Latin-1 maps each byte to one character, so all other bytes stay unchanged.
  let text = Buffer.from(response.body).toString("latin1");
  for (const secret of [credential, password]) {
    if (secret === undefined) continue;
    const spellings = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
    for (const spelling of spellings) text = text.replaceAll(spelling, "[secret]");
  }
  return { ...response, body: Buffer.from(text, "latin1") };
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
