import type { CallOut, OutboundRequest, OutboundResponse } from "../host/call-out.ts";
import { readTokenFile } from "./token-file.ts";

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
export async function sendToBridge(event: SentEvent, source: BridgeSource): Promise<number> {
  return (await postToBridge(event, source)).status;
}

/** The same, with the whole answer. */
export const postToBridge = ({ headers, body }: SentEvent, source: BridgeSource): Promise<OutboundResponse> =>
  call({ method: "POST", url: source.url, headers, body }, source);

/** Asks the bridge's API; with a body by POST. `path` is relative to the address of the bridge. */
export const askBridge = (path: string, source: BridgeSource, body?: object): Promise<OutboundResponse> => {
  const url = new URL(`../${path}`, source.url);
  const headers = { "content-type": "application/json" };
  return body === undefined
    ? call({ method: "GET", url, headers: {} }, source)
    : call({ method: "POST", url, headers, body: JSON.stringify(body) }, source);
};

async function call(
  request: Pick<OutboundRequest, "method" | "url" | "headers" | "body">,
  { tokenFile, callOut }: BridgeSource,
): Promise<OutboundResponse> {
  const token = await readTokenFile(tokenFile);
  return callOut({
    ...request,
    headers: { ...request.headers, authorization: `Bearer ${token}` },
    timeoutMs: TIMEOUT_MS,
    maxResponseBytes: MAX_RESPONSE_BYTES,
  });
}

/** The bridge answers within five seconds. */
const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;
