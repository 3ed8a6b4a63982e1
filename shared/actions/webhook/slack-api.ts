import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { MessageRecord } from "../../store/approval-messages.ts";
import { jsonOf, summaryText } from "../response-text.ts";
import type { Answer } from "./send.ts";
import type { MessageFormat, ReceiverTarget } from "./settings.ts";

/** Slack's Web API, relative to the address that posts: https://docs.slack.dev/reference/methods/chat.update/ */
export const UPDATE_PATH = "chat.update";
const POST_PATH = "/chat.postMessage";

/** Whether the target is Slack's Web API, which says which message it posted. An incoming webhook does not. */
export const isSlackApi = ({ as, target }: { readonly as: MessageFormat; readonly target: ReceiverTarget }): boolean =>
  as === "slack" && target.url.endsWith(POST_PATH);

const apiAnswer = v.object({
  ok: v.boolean(),
  error: v.optional(v.string()),
  channel: v.optional(v.string()),
  ts: v.optional(v.string()),
});

/** The message that was posted; undefined if the answer does not name it. */
export function sentMessageIn({ body }: OutboundResponse): MessageRecord["messages"][number] | undefined {
  const read = v.safeParse(apiAnswer, jsonOf(body));
  if (!read.success || read.output.channel === undefined || read.output.ts === undefined) return undefined;
  return { channel: read.output.channel, ts: read.output.ts };
}

/** Classifies an answer of the Web API, which reports most errors with status 200. */
export function slackOutcome({ outcome, response }: Answer): ActionOutcome {
  if (outcome.outcome !== "done" || response === undefined) return outcome;
  const read = v.safeParse(apiAnswer, jsonOf(response.body));
  if (!read.success) return { outcome: "give_up", summary: "the answer is not one of Slack's Web API" };
  const { ok, error = "unknown_error" } = read.output;
  if (ok) return outcome;
  if (error === "message_not_found") return { outcome: "done", summary: "somebody deleted the message" };
  const summary = `Slack answered: ${summaryText(error)}`;
  if (UNKNOWN.includes(error)) return { outcome: "retry", summary, unknownOutcome: true };
  return TEMPORARY.includes(error) ? { outcome: "retry", summary } : { outcome: "give_up", summary };
}

/** Slack says of these that some part of the operation may have succeeded. */
const UNKNOWN: readonly string[] = ["internal_error", "fatal_error", "request_timeout"];
const TEMPORARY: readonly string[] = ["ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"];
