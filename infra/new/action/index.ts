import * as v from "valibot";
import type { Action, ActionDeps } from "../../../shared/actions/action.ts";
import { failedCall } from "../../../shared/actions/failed-call.ts";
import { errorMessageOf } from "../../../shared/actions/response-text.ts";
import type { OutboundRequest, OutboundResponse } from "../../../shared/host/call-out.ts";
import type { EpochMillis } from "../../../shared/host/clock.ts";
import type { ActionContext, ActionOutcome } from "../../../shared/model/action-outcome.ts";
import { actionIdOf } from "../../../shared/model/idempotency-keys.ts";
import { retryAfterSeconds } from "../../../shared/model/retry-after.ts";
import { fill } from "../../../shared/routes/fill.ts";
import { type AcmeTarget, acmeTarget, routeOptions } from "./settings.ts";

/** Sends one message to Acme. */
export const acme: Action = {
  name: "acme",
  target: acmeTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  connect({ route, ...settings }, deps) {
    const target = v.parse(acmeTarget, settings.target);
    const { text } = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ route, target, text }, context, deps) };
  },
};

interface Message {
  readonly route: string;
  readonly target: AcmeTarget;
  readonly text: string;
}

async function run(message: Message, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const request = await requestFor(message, context, deps);
  try {
    return outcomeOf(await deps.callOut(request), deps.clock.now());
  } catch (error) {
    return failedCall(error);
  }
}

// FILL IN: the request, and where it carries the idempotency key.
async function requestFor(
  { route, target, text }: Message,
  { busEvent, origin, signal }: ActionContext,
  { secrets }: ActionDeps,
): Promise<OutboundRequest> {
  return {
    method: "POST",
    url: new URL(target.url),
    headers: {
      authorization: `Bearer ${(await secrets.read(target.token)).reveal()}`,
      "content-type": "application/json",
      "idempotency-key": actionIdOf(route, busEvent.detail.eventKey),
    },
    body: JSON.stringify({ text: fill(busEvent, text) }),
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1_000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal,
  };
}

// FILL IN: what the target's answers mean, and what an operator must change for each that is given up.
function outcomeOf(response: OutboundResponse, now: EpochMillis): ActionOutcome {
  const { status, headers } = response;
  if (status >= 200 && status < 300) return { outcome: "done", summary: `Acme accepted it (${status})` };
  // 401: a credential that was rotated works again once the bridge reads the new one.
  if (status >= 500 || status === 429 || status === 408 || status === 401) {
    const afterSeconds = retryAfterSeconds(headers, now);
    const wait = afterSeconds === undefined ? {} : { afterSeconds };
    return { outcome: "retry", summary: `Acme cannot accept it now (${status})`, ...wait };
  }
  return { outcome: "give_up", summary: `Acme answered ${status}: ${errorMessageOf(response)}` };
}

/** A response is a few words; a proxy's error page has more. */
const MAX_RESPONSE_BYTES = 65_536;
