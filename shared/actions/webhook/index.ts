import * as v from "valibot";
import type { OutboundRequest, OutboundResponse } from "../../host/call-out.ts";
import { Fault } from "../../host/fault.ts";
import { type Secrets, secretRef } from "../../host/secrets.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import { actionIdOf } from "../../model/idempotency-keys.ts";
import type { Action, ActionDeps } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { type BodyTemplate, eventBody, fillBody } from "./body.ts";
import { classifyResponse } from "./classify-response.ts";
import { type ReceiverTarget, receiverTarget, routeOptions } from "./settings.ts";
import { webhookHeaders } from "./sign.ts";

/** Sends one POST to any receiver of webhooks, signed as Standard Webhooks. */
export const webhook: Action = {
  name: "webhook",
  target: receiverTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  connect({ route, ...settings }, deps) {
    const target = v.parse(receiverTarget, settings.target);
    const { body } = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ route, target, body }, context, deps) };
  },
};

interface Message {
  readonly route: string;
  readonly target: ReceiverTarget;
  /** Undefined: the event itself. */
  readonly body: BodyTemplate | undefined;
}

async function run(message: Message, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const request = await requestFor(message, context, deps);
  let response: OutboundResponse;
  try {
    response = await deps.callOut(request);
  } catch (error) {
    return failedCall(error);
  }
  const { url, secretMembers } = message.target;
  const isQuotable = !v.is(secretRef, url) && Object.keys(secretMembers).length === 0;
  return classifyResponse(response, { now: deps.clock.now(), isQuotable });
}

async function requestFor(
  { route, target, body }: Message,
  { busEvent, origin, approvedRef, signal }: ActionContext,
  { secrets, clock }: ActionDeps,
): Promise<OutboundRequest> {
  const filled = body === undefined ? eventBody(busEvent) : fillBody(busEvent, body);
  const text = JSON.stringify({ ...filled, ...(await membersOf(target.secretMembers, secrets)) });
  // The idempotency key of the action: a repeat has the same, and two routes to one receiver have different ones.
  const id = actionIdOf(route, busEvent.detail.eventKey);
  return {
    method: "POST",
    url: await addressOf(target.url, secrets),
    headers: {
      "content-type": "application/json",
      ...(approvedRef !== undefined && { "drawbridge-approved-ref": approvedRef }),
      ...(await webhookHeaders({ id, now: clock.now(), body: text }, target.secret, secrets)),
    },
    body: text,
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1_000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal,
  };
}

async function membersOf(refs: ReceiverTarget["secretMembers"], secrets: Secrets): Promise<Record<string, string>> {
  const members: [string, string][] = [];
  for (const [name, ref] of Object.entries(refs)) members.push([name, (await secrets.read(ref)).reveal()]);
  return Object.fromEntries(members);
}

async function addressOf(url: string, secrets: Secrets): Promise<URL> {
  if (!v.is(secretRef, url)) return new URL(url);
  const address = (await secrets.read(url)).reveal();
  if (isSecureUrl(address)) return new URL(address);
  throw new Fault("secret_unavailable", `secret ${url}: it is not an https:// address`, { retryable: true });
}

/** A receiver's response is a few words; a proxy's error page has more. */
const MAX_RESPONSE_BYTES = 65_536;
