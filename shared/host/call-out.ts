import { Fault, type FaultCode } from "./fault.ts";
import { nextSpan, type TraceParent } from "./trace.ts";

/**
 * The one way out: every request the bridge makes goes through this. No redirect is followed (a 3xx is an answer like any
 * other), the answer is read up to a limit, and time is bounded. Throws
 * - `target_unreachable` when no connection came about: nothing was done, a repeat is safe;
 * - `target_timeout` when the request may have gone out and no complete answer came: what was done is unknown;
 * - `target_answer_too_large` when the answer passes `maxAnswerBytes`.
 */
export type CallOut = (request: OutboundRequest) => Promise<OutboundAnswer>;

export interface OutboundRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What the request belongs to; it is sent on with a span of its own. */
  readonly traceparent?: TraceParent | undefined;
  /** For the whole exchange, connection included. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /** Ends the exchange early; counts as a time-out. */
  readonly signal?: AbortSignal;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export const callOut: CallOut = async (request) => {
  const { method, url, body, traceparent, timeoutMs, maxAnswerBytes } = request;
  const headers = { ...request.headers, ...(traceparent && { traceparent: nextSpan(traceparent) }) };
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  try {
    const answer = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal });
    const read = { status: answer.status, headers: answer.headers, body: await readUpTo(answer, maxAnswerBytes) };
    return withoutCredential(read, headers);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw callFault(url, error);
  }
};

async function readUpTo(answer: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new Fault("target_answer_too_large", `the answer is longer than ${maxBytes} bytes`, { retryable: false });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Some servers repeat a refused request in their answer, whose words go into records: what it was authorized with is taken
 * out before anyone reads them. A 200 stays byte by byte as it is, for a page is written back as it was read.
 */
function withoutCredential(answer: OutboundAnswer, headers: OutboundRequest["headers"]): OutboundAnswer {
  const [, scheme, credential] = /^(\S+) +(.+)$/.exec(headers["authorization"] ?? "") ?? [];
  if (credential === undefined || answer.status === 200) return answer;
  const [, password] = /:(.+)/s.exec(scheme === "Basic" ? Buffer.from(credential, "base64").toString() : "") ?? [];
  // One character for each byte, so that the rest comes out as it was.
  let text = Buffer.from(answer.body).toString("latin1");
  for (const secret of [credential, password]) {
    if (secret === undefined) continue;
    const spelled = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
    for (const spelling of spelled) text = text.replaceAll(spelling, "[secret]");
  }
  return { ...answer, body: Buffer.from(text, "latin1") };
}

/** The message names the host alone: a path or query may hold a secret. */
function callFault(url: URL, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const systemCode = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const code: FaultCode = NEVER_CONNECTED.test(systemCode) ? "target_unreachable" : "target_timeout";
  const what = code === "target_unreachable" ? `no connection (${systemCode})` : "no complete answer in time";
  return new Fault(code, `${url.host}: ${what}`, { retryable: true });
}

/** Node's and undici's codes for a connection, or its TLS handshake, that did not come about. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*|ERR_TLS_.*|ERR_SSL_.*)$/;
