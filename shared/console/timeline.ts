import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ShownDelivery, ShownTimelineEvent } from "../http/deliveries.ts";
import type { Identity } from "../model/approval.ts";
import { age, badge, deliveryLink, duration, type Html, NOTHING, rejectionText, type Tone } from "./html.ts";

/** Everything that followed a delivery, in order, each with its time since the receipt. */
export const timelineOf = ({ delivery, timeline }: ShownDelivery, now: EpochMillis): Html =>
  html`<ol class="trace">${timeline.map((timelineEvent) => {
    const [tone, state, text] = timelineText(timelineEvent, now);
    const sinceMs = Date.parse(timelineEvent.at) - Date.parse(delivery.receivedAt);
    const event = "event" in timelineEvent ? html`(event <code>${timelineEvent.event}</code>) ` : NOTHING;
    const route = "route" in timelineEvent ? html`<b>${timelineEvent.route}</b> ${event}` : NOTHING;
    return html`<li><span class="since" title="${timelineEvent.at}">+${duration(Math.max(0, sinceMs))}</span>
<span>${badge(tone, state)} ${route}${text}</span></li>`;
  })}</ol>`;

/** The look of a timeline event, its state in one or two words, and the rest of its text. */
function timelineText(timelineEvent: ShownTimelineEvent, now: EpochMillis): readonly [Tone, string, Html] {
  switch (timelineEvent.kind) {
    case "scheduled":
      return [
        "quiet",
        "due",
        html`matched: ${timelineEvent.action}${timelineEvent.occurrence === undefined ? NOTHING : html`, occurrence ${timelineEvent.occurrence} of this event`}`,
      ];
    case "already_scheduled":
      return [
        "quiet",
        "already due",
        html`${timelineEvent.action}, because of ${deliveryLink(timelineEvent.by)}, which reports the same event`,
      ];
    case "waiting":
      return ["busy", "waiting", html`${timelineEvent.summary}`];
    case "cut":
      return [
        "bad",
        "chain cut",
        html`${timelineEvent.hops} runs in a row led to this event, so ${timelineEvent.action} starts no further one`,
      ];
    case "denied":
      return timelineEvent.mode === "shadow"
        ? ["warn", "would not fire", rejectionText(timelineEvent.refusal)]
        : ["bad", "not fired", rejectionText(timelineEvent.refusal)];
    case "approval":
      return [
        APPROVAL_TONES[timelineEvent.state],
        `approval ${timelineEvent.state.replace("_", " ")}`,
        html`${by(timelineEvent.by)} ${timelineEvent.comment === undefined ? NOTHING : html`<q>${timelineEvent.comment}</q>`} <code>${timelineEvent.approval}</code>`,
      ];
    case "decided":
      return [
        timelineEvent.refusal ? "bad" : "good",
        timelineEvent.refusal ? `${timelineEvent.decision} rejected` : timelineEvent.decision,
        html`of <code>${timelineEvent.about}</code>${by(timelineEvent.by)}${timelineEvent.refusal ? html`: ${rejectionText(timelineEvent.refusal)}` : NOTHING}`,
      ];
    case "replayed":
      return [
        "quiet",
        timelineEvent.isRollback ? "rolled back to" : "run again",
        html`as ${deliveryLink(timelineEvent.delivery)}, for ${timelineEvent.routes.join(", ")}${by(timelineEvent.by)}`,
      ];
    case "ignored":
      return [
        "quiet",
        "ignored",
        html`made by the account that the bridge writes with, <code>${timelineEvent.account}</code>`,
      ];
    case "followed_by":
      return ["quiet", "followed by", deliveryLink(timelineEvent.delivery, timelineEvent.what)];
    case "attempt":
      return attemptText(timelineEvent, now);
  }
}

type Attempt = Extract<ShownTimelineEvent, { kind: "attempt" }>;

const OUTCOMES = {
  done: ["good", "done"],
  retry: ["warn", "will be retried"],
  give_up: ["bad", "given up"],
} as const satisfies Record<Attempt["outcome"], readonly [Tone, string]>;

function attemptText(entry: Attempt, now: EpochMillis): readonly [Tone, string, Html] {
  const [tone, state] = OUTCOMES[entry.outcome];
  const known = Object.entries(entry.facts ?? {}).map(([name, fact]) => html`, ${name} <code>${fact}</code>`);
  return [
    tone,
    state,
    html`${entry.summary}${known}
<span class="aside">${entry.action}, attempt ${entry.attempt}, ${duration(entry.durationMs)}${
      entry.nextAt === undefined ? NOTHING : html`; next ${age(entry.nextAt, now)}`
    }</span>${entry.unknownOutcome ? html` <span class="hint">The outcome at the target is unknown.</span>` : NOTHING}`,
  ];
}

const APPROVAL_TONES = {
  requested: "busy",
  granted: "good",
  fired: "good",
  not_asked: "warn",
  denied: "bad",
  withdrawn: "quiet",
  expired: "bad",
  superseded: "quiet",
} as const satisfies Record<Extract<ShownTimelineEvent, { kind: "approval" }>["state"], Tone>;

const by = (who: Identity | undefined): Html => (who ? html` by ${nameOf(who)}` : NOTHING);
