import type { CallOut, OutboundRequest, OutboundResponse } from "../../host/call-out.ts";
import type { Secret } from "../../host/secrets.ts";
import type { Cause } from "../../outbound/issuer.ts";
import type { ActionDeps } from "../action.ts";
import type { ListenerTarget } from "./settings.ts";

/** One request to the EventListener of a target. */
interface ListenerCall extends Pick<OutboundRequest, "traceparent"> {
  readonly route: string;
  readonly target: ListenerTarget;
  readonly url: URL;
  readonly body: string;
  /** The delivery that the request is about, and who caused it. */
  readonly delivery: string;
  readonly cause: Cause;
  readonly signal: AbortSignal;
}

type ListenerDeps = Pick<ActionDeps, "secrets" | "outbound">;

/**
 * Returns what sends the request with the credential of its target. Throws as {@link ActionDeps.secrets} and `outbound` do.
 * A requested token that the listener does not accept (401) is replaced once: its issuer may have revoked it.
 */
export async function listenerRequest(
  call: ListenerCall,
  deps: ListenerDeps,
): Promise<(callOut: CallOut) => Promise<OutboundResponse>> {
  const { target, cause } = call;
  const { identity } = target;
  const token = await tokenFor(call, deps);
  return async (callOut) => {
    const response = await callOut(requestWith(token, call));
    if (response.status !== 401 || identity === undefined || "bridge" in identity || !token) return response;
    deps.outbound.rejected(identity, cause, token);
    return callOut(requestWith(await tokenFor(call, deps), call));
  };
}

function requestWith(token: Secret | undefined, call: ListenerCall): OutboundRequest {
  const { route, target, url, body, traceparent, signal } = call;
  return {
    method: "POST",
    url,
    headers: {
      "content-type": "application/json",
      // Distinguishes two routes that match the same event at one listener. A CEL filter reads it.
      "drawbridge-route": route,
      ...(token && { authorization: `Bearer ${token.reveal()}` }),
    },
    body,
    traceparent,
    timeoutMs: target.timeoutSeconds * 1000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal,
  };
}

async function tokenFor(
  { route, target, delivery, cause, body }: ListenerCall,
  { secrets, outbound }: ListenerDeps,
): Promise<Secret | undefined> {
  const { identity, token } = target;
  if (identity === undefined) return token === undefined ? undefined : secrets.read(token);
  if (!("bridge" in identity)) return outbound.tokenFor(identity, cause);
  return outbound.boundToken(identity, cause, { route, delivery, body });
}

/** A listener's response has about 200 bytes; a proxy's error page has more. */
const MAX_RESPONSE_BYTES = 65_536;
