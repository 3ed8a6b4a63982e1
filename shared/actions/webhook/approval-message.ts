import { laterBy } from "../../host/clock.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import type { GatePart } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { HeldMessage, MessageAddress, MessageRecord } from "../../store/approval-messages.ts";
import type { ActionDeps } from "../action.ts";
import { askedOf } from "./asked.ts";
import type { BodyTemplate } from "./body.ts";
import { type Card, endedCard, gatheredCard } from "./card.ts";
import { messageIn } from "./formats.ts";
import { type Answer, send } from "./send.ts";
import type { MessageFormat, ReceiverTarget } from "./settings.ts";
import { isSlackApi, sentMessageIn, slackOutcome, UPDATE_PATH } from "./slack-api.ts";

interface Message {
  /** The idempotency key of the action. */
  readonly id: string;
  readonly targetName: string;
  readonly target: ReceiverTarget;
  readonly as: MessageFormat;
  /** Members beside those of the message. */
  readonly body: BodyTemplate;
}

/** One step of an approval or of a request for a role, as its event reports it. */
interface Step {
  /** What it is about. */
  readonly id: string;
  /** A receiver gets at most one message for each name. */
  readonly name: string;
  /** `ask`: people have to decide. `progress`: further people have to grant. `end`: nobody has to decide any more. */
  readonly kind: "ask" | "progress" | "end";
}

/** Messages of one target in a minute that are sent alone. Those beyond it are one message a minute. */
const MAX_ALONE = 5;
/** Messages that are sent together. */
const MAX_GATHERED = 500;
/** Longer than an attempt. */
const LEASE_MS = 60_000;
const MINUTE_MS = 60_000;

/**
 * Sends an event of an approval, or of a request for a role, as a message for people, or changes the message that was sent
 * before. The message shows the approval as it is now: a late one never asks for a decision that was taken. Where the
 * receiver's API cannot change a message, the end is a message of its own.
 */
export async function sendApprovalMessage(
  message: Message,
  context: ActionContext,
  deps: ActionDeps,
): Promise<ActionOutcome> {
  const { detail } = context.busEvent;
  const step = stepIn(detail);
  if (step === undefined) return { outcome: "give_up", summary: `"as" shows approvals, and ${detail.type} is none` };
  const messages = await deps.approvalMessages();
  const address = { target: receiverOf(message), approval: step.id };
  const held = await messages.heldState({ ...address, step: step.name });
  if (held === "sent") return done("it was sent in one message with others");
  if (held === "left_out") return leftOut;
  if (held === "held") return sendGathered(message, { ...address, step: step.name }, context, deps);
  const now = deps.clock.now();
  const lease = await messages.lease(address, now, laterBy(now, LEASE_MS));
  if (lease === undefined)
    return { outcome: "wait", summary: "another message about this approval is being sent", afterSeconds: 5 };
  let record = lease.record;
  try {
    const sent = await sendStep({ message, address, step, record }, context, deps);
    record = sent.record;
    return sent.outcome;
  } finally {
    await messages.release(address, lease, record);
  }
}

/** Messages with other members, such as other addresses, are for other people: one target has several receivers then. */
const receiverOf = ({ targetName, body }: Message): string =>
  Object.keys(body).length === 0 ? targetName : `${targetName}#${sha256Hex(JSON.stringify(body)).slice(0, 16)}`;

function stepIn(detail: BusEvent["detail"]): Step | undefined {
  if ("access" in detail) {
    const { id, state } = detail.access;
    return { id, name: state, kind: state === "requested" ? "ask" : "end" };
  }
  if (!("approval" in detail) || detail.approval.gate === undefined) return undefined;
  const { build, gate } = detail.approval;
  return { id: build, ...stepOf(detail.type, gate) };
}

function stepOf(type: string, gate: GatePart): Omit<Step, "id"> {
  if (type === "approval.reminded") return { name: `reminded#${gate.reminder}`, kind: "ask" };
  if (type !== "approval.requested") return { name: gate.state, kind: "end" };
  const count = gate.progress?.grantedBy.length ?? 0;
  return count === 0 ? { name: "requested", kind: "ask" } : { name: `progress#${count}`, kind: "progress" };
}

interface StepInput {
  readonly message: Message;
  readonly address: MessageAddress;
  readonly step: Step;
  readonly record: MessageRecord;
}

interface SentStep {
  readonly outcome: ActionOutcome;
  readonly record: MessageRecord;
}

async function sendStep(input: StepInput, context: ActionContext, deps: ActionDeps): Promise<SentStep> {
  const { message, address, step, record } = input;
  const unsent = (outcome: ActionOutcome): SentStep => ({ outcome, record });
  const asked = await askedOf(address.approval, deps);
  // The event is recorded before the approval is stored.
  if (asked === undefined)
    return unsent({
      outcome: "retry",
      summary: "the approval is not stored yet",
      afterSeconds: 5,
      targetAnswered: true,
    });
  if (record.sent.includes(step.name)) return unsent(done("this was sent before"));
  if (step.kind === "ask" && asked.state !== "requested") return unsent(notSent(`the approval is ${asked.state}`));
  const card = asked.card({ isReminder: step.name.startsWith("reminded") });
  if (step.kind !== "ask") {
    if (record.messages.length > 0) return updateAll(input, card, context, deps);
    if (step.kind === "progress") return unsent(notSent("a message that was sent cannot be changed"));
  }
  const bucket = ["messages", message.targetName];
  const now = deps.clock.now();
  if (!(await deps.rateLimits.count(bucket, now, MAX_ALONE))) {
    await (await deps.approvalMessages()).hold({ ...address, step: step.name });
    return unsent(untilNextMinute("the target has had its messages of this minute", deps));
  }
  let answer: Answer | undefined;
  try {
    answer = await post(message, card, context, deps);
  } finally {
    // A receiver that is down gets no message, so its failures hold nothing back.
    if (answer?.outcome.outcome !== "done") await deps.rateLimits.uncount(bucket, now);
  }
  const { outcome, response } = answer;
  if (outcome.outcome !== "done") return unsent(outcome);
  const sent = isSlackApi(message) && response ? sentMessageIn(response) : undefined;
  return {
    outcome,
    record: { sent: [...record.sent, step.name], messages: sent ? [...record.messages, sent] : record.messages },
  };
}

/** Shows the approval in every message that was sent about it. A message that somebody deleted stays deleted. */
async function updateAll(
  { message, step, record }: StepInput,
  card: Card,
  context: ActionContext,
  deps: ActionDeps,
): Promise<SentStep> {
  const { target, body, as } = message;
  for (const sent of record.messages) {
    const changed = { ...body, ...messageIn(as, card), ...sent };
    const url = new URL(UPDATE_PATH, target.url);
    const outcome = slackOutcome(await send(target, { id: message.id, body: changed, url }, context, deps));
    if (outcome.outcome !== "done") return { outcome, record };
  }
  const sent = step.kind === "end" ? [...record.sent, step.name] : record.sent;
  return { outcome: done(`the message shows it: ${card.title}`), record: { ...record, sent } };
}

async function post(message: Message, card: Card, context: ActionContext, deps: ActionDeps): Promise<Answer> {
  const { id, target, body, as } = message;
  const answer = await send(target, { id, body: { ...body, ...messageIn(as, card) } }, context, deps);
  return isSlackApi(message) ? { ...answer, outcome: slackOutcome(answer) } : answer;
}

/**
 * Sends one message for all that are held and of the same kind, at most once a minute. A question about what was decided
 * meanwhile is left out; an end never is. If the attempt fails, any of the actions repeats it in a later minute.
 */
async function sendGathered(
  message: Message,
  own: HeldMessage,
  context: ActionContext,
  deps: ActionDeps,
): Promise<ActionOutcome> {
  const asks = isAsk(own);
  const bucket = ["gathered", own.target, asks ? "asks" : "ends"];
  if (!(await deps.rateLimits.count(bucket, deps.clock.now(), 1)))
    return untilNextMinute("the target has had a message for many in this minute", deps);
  const messages = await deps.approvalMessages();
  const found = await messages.held(own.target, MAX_GATHERED + 1);
  // The index of what is held is eventually consistent, so the action's own message is added.
  const isOwn = ({ approval, step }: HeldMessage): boolean => approval === own.approval && step === own.step;
  const held = [own, ...found.filter((one) => isAsk(one) === asks && !isOwn(one))];
  const ids = [...new Set(held.map(({ approval }) => approval))];
  const all = await Promise.all(ids.map((id) => askedOf(id, deps)));
  const shown = all.flatMap((one) => (one && (!asks || one.state === "requested") ? [one] : []));
  if (shown.length > 0) {
    const cardFor = asks ? gatheredCard : endedCard;
    const lines = shown.map(({ line, endLine }) => (asks ? line : endLine));
    const card = cardFor(lines, found.length > MAX_GATHERED, { console: deps.decisionWays.console });
    const { outcome } = await post(message, card, context, deps);
    if (outcome.outcome !== "done") return outcome;
  }
  const isShown = ({ approval }: HeldMessage): boolean => shown.some(({ id }) => id === approval);
  for (const one of held) await messages.take(one, isShown(one) ? "sent" : "left_out");
  if (!isShown(own)) return leftOut;
  return done(`sent in one message: ${shown.length === 1 ? "1 approval" : `${shown.length} approvals`}`);
}

const isAsk = ({ step }: Pick<HeldMessage, "step">): boolean => step === "requested" || step.startsWith("reminded#");

const done = (summary: string): ActionOutcome => ({ outcome: "done", summary });
const notSent = (why: string): ActionOutcome => ({
  outcome: "done",
  summary: `not sent: ${why}`,
  endedAs: "not_fired",
});
const leftOut = notSent("the approval was decided while the message was held");

function untilNextMinute(summary: string, { clock, random }: Pick<ActionDeps, "clock" | "random">): ActionOutcome {
  const left = MINUTE_MS - (clock.now() % MINUTE_MS);
  return { outcome: "wait", summary, afterSeconds: (left + random() * 1_000) / 1_000 };
}
