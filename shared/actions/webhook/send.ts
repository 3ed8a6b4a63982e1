import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import { Fault } from "../../host/fault.ts";
import { type Secrets, secretRef } from "../../host/secrets.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { ActionDeps } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import type { BodyTemplate } from "./body.ts";
import { classifyResponse } from "./classify-response.ts";
import type { ReceiverTarget } from "./settings.ts";
import { webhookHeaders } from "./sign.ts";

export interface SentBody {
  /** The idempotency key: a repeat has the same. */
  readonly id: string;
  readonly body: BodyTemplate;
  /** Instead of the target's address. */
  readonly url?: URL;
}

export interface Answer {
  readonly outcome: ActionOutcome;
  /** Undefined if no complete response came. */
  readonly response?: OutboundResponse;
}

/** Sends one signed POST to a receiver. Throws as {@link Secrets.read} does. */
export async function send(
  target: ReceiverTarget,
  sent: SentBody,
  { origin, approvedRef, signal }: ActionContext,
  { secrets, clock, callOut }: Pick<ActionDeps, "secrets" | "clock" | "callOut">,
): Promise<Answer> {
  const { id } = sent;
  const body = JSON.stringify({ ...sent.body, ...(await membersOf(target.secretMembers, secrets)) });
  const bearer = target.bearer && (await secrets.read(target.bearer)).reveal();
  let response: OutboundResponse;
  try {
    response = await callOut({
      method: "POST",
      url: sent.url ?? (await addressOf(target.url, secrets)),
      headers: {
        "content-type": "application/json",
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}`, "idempotency-key": id }),
        ...(approvedRef !== undefined && { "drawbridge-approved-ref": approvedRef }),
        ...(await webhookHeaders({ id, now: clock.now(), body }, target.secret, secrets)),
      },
      body,
      traceparent: origin.detail.traceparent,
      timeoutMs: target.timeoutSeconds * 1_000,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      signal,
    });
  } catch (error) {
    return { outcome: failedCall(error) };
  }
  const { url, secretMembers } = target;
  const isQuotable = !v.is(secretRef, url) && bearer === undefined && Object.keys(secretMembers).length === 0;
  return { outcome: classifyResponse(response, { now: clock.now(), isQuotable }), response };
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

/** A receiver's response is a few words; a proxy's error page has more. Slack repeats the message. */
const MAX_RESPONSE_BYTES = 65_536;
