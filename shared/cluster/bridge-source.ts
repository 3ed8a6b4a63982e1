import type { CallOut } from "../host/call-out.ts";
import { Fault } from "../host/fault.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";

/** A CloudEvent in the binary mode of HTTP: the attributes are headers. */
export interface SentEvent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The bridge's source for this cluster: where to send events, and how to prove who sends them. */
export interface BridgeSource {
  readonly url: URL;
  /** Path of a projected service-account token. It is read for each request, because the kubelet replaces it. */
  readonly tokenFile: string;
  readonly callOut: CallOut;
}

/**
 * Sends one event and returns the status of the answer. Throws a retryable Fault if there is no token, or no answer: the
 * bridge may then have recorded the event, which it recognises when it comes again.
 */
export async function sendToBridge({ headers, body }: SentEvent, source: BridgeSource): Promise<number> {
  const token = await readToken(source.tokenFile);
  const { status } = await source.callOut({
    method: "POST",
    url: source.url,
    headers: { ...headers, authorization: `Bearer ${token}` },
    body,
    timeoutMs: TIMEOUT_MS,
    maxResponseBytes: MAX_RESPONSE_BYTES,
  });
  return status;
}

async function readToken(path: string): Promise<string> {
  try {
    const token = Buffer.from(await readSmallFile(path))
      .toString("utf8")
      .trim();
    if (/^[\w.-]+$/.test(token)) return token;
  } catch (error) {
    if (!(error instanceof UnusableFileError)) throw error;
    throw new Fault("token_unavailable", `${path}: ${error.message}`, { retryable: true });
  }
  throw new Fault("token_unavailable", `${path}: the file has no token`, { retryable: true });
}

/** The bridge answers within five seconds. */
const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;
