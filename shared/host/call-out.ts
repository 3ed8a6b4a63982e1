import type { LookupFunction } from "node:net";
import { Fault, type FaultCode } from "./fault.ts";
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

interface CallOutSettings {
  /** Replaces the lookup for a request that may only go to a public address of `host`. */
  readonly lookupFor?: (host: string) => LookupFunction;
  /** Certificate authorities in PEM for an origin, in place of the public ones; undefined if these hold. */
  readonly authoritiesFor?: ((origin: string) => Promise<string | undefined>) | undefined;
}

export function callOutWith({ lookupFor, authoritiesFor }: CallOutSettings = {}): CallOut {
  return async (request) => {
    const { url, traceparent, timeoutMs, maxResponseBytes, onlyPublic } = request;
    const headers = { ...request.headers, ...(traceparent && { traceparent }) };
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
    const sent = { ...request, headers, signal };
    try {
      const ca = await authoritiesFor?.(url.origin);
      const isPlain = !onlyPublic && ca === undefined;
      const response = await (isPlain ? send(sent) : sendWithNode({ ...sent, ca }, lookupFor));
      const body = await readUpTo(response.body ?? [], maxResponseBytes);
      return await withoutCredential({ ...response, body }, headers);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw callFault(url, error);
    }
  };
}

/** A response whose body is not read yet. */
interface UnreadResponse extends Omit<OutboundResponse, "body"> {
  readonly body: AsyncIterable<Uint8Array> | null;
}

type SentRequest = OutboundRequest & { readonly signal: AbortSignal };

async function send({ method, url, headers, body, signal }: SentRequest): Promise<UnreadResponse> {
  const response = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal });
  return { status: response.status, headers: response.headers, body: response.body };
}

async function sendWithNode(
  request: SentRequest & { readonly ca: string | undefined },
  lookupFor?: (host: string) => LookupFunction,
): Promise<UnreadResponse> {
  const node = await import("./send-with-node.ts");
  return node.sendWithNode(request, lookupFor);
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
async function withoutCredential(
  response: OutboundResponse,
  headers: OutboundRequest["headers"],
): Promise<OutboundResponse> {
  const [, scheme, credential] = /^(\S+) +(.+)$/.exec(headers["authorization"] ?? "") ?? [];
  if (credential === undefined || response.status === 200) return response;
  const { scrubCredential } = await import("./scrub-credential.ts");
  const [, password] = /:(.+)/s.exec(scheme === "Basic" ? Buffer.from(credential, "base64").toString() : "") ?? [];
  return {
    ...response,
    body: scrubCredential(response.body, [credential, ...(password === undefined ? [] : [password])]),
  };
}

/** The message names only the host, because a path or query may hold a secret. */
function callFault(url: URL, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const word = wordOf(cause);
  const known = KINDS.find(({ words }) => words.test(word));
  const { code, what }: Omit<FailureKind, "words"> = known ?? UNKNOWN_KIND;
  return new Fault(code, `${url.host}: ${what}${/^[A-Z\d_]+$/.test(word) ? ` (${word})` : ""}`, { retryable: true });
}

/** The code of Node or undici; the name of an error that has none, such as the end of a time limit. */
function wordOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "";
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  // A port of the list that `fetch` never connects to.
  return cause.message === "bad port" ? cause.message : cause.name;
}

interface FailureKind {
  readonly words: RegExp;
  readonly code: FaultCode;
  readonly what: string;
}

/** The kinds of failed calls. In those before the first `target_timeout` no connection was made, or no TLS. */
const KINDS: readonly FailureKind[] = [
  { words: /^ECONNREFUSED$/, code: "target_unreachable", what: "connection refused" },
  { words: /^(ENOTFOUND|EAI_AGAIN)$/, code: "target_unreachable", what: "host name not found" },
  { words: /^(EHOSTUNREACH|ENETUNREACH)$/, code: "target_unreachable", what: "host not reachable" },
  { words: /^UND_ERR_CONNECT_TIMEOUT$/, code: "target_unreachable", what: "no connection in time" },
  {
    words: /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/,
    code: "target_unreachable",
    what: "no TLS connection",
  },
  { words: /^bad port$/, code: "target_unreachable", what: "blocked port" },
  {
    words: /^(TimeoutError|UND_ERR_(HEADERS|BODY)_TIMEOUT)$/,
    code: "target_timeout",
    what: "no complete response in time",
  },
  { words: /^AbortError$/, code: "target_timeout", what: "stopped before a complete response" },
  {
    words: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    code: "target_timeout",
    what: "connection closed before a complete response",
  },
  { words: /^HPE_/, code: "target_timeout", what: "the response is not HTTP" },
];
const UNKNOWN_KIND = { code: "target_timeout", what: "failed before a complete response" } as const;
