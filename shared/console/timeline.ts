import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ShownDelivery, ShownEntry } from "../http/deliveries.ts";
import type { Identity } from "../store/approvals.ts";
import { badge, deliveryLink, duration, type Html, NOTHING, refusalOf, type Tone, when } from "./html.ts";

/** All that followed a delivery, in order, each with its time since the receipt. */
export const timelineOf = ({ delivery, timeline }: ShownDelivery, now: EpochMillis): Html =>
  html`<ol class="trace">${timeline.map((entry) => {
    const [tone, state, told] = toldOf(entry, now);
    const sinceMs = Date.parse(entry.at) - Date.parse(delivery.receivedAt);
    const route = "route" in entry ? html`<b>${entry.route}</b> ` : NOTHING;
    return html`<li><span class="since" title="${entry.at}">+${duration(Math.max(0, sinceMs))}</span>
<span>${badge(tone, state)} ${route}${told}</span></li>`;
  })}</ol>`;

/** How an entry looks, its state in a word or two, and the rest of it. */
function toldOf(entry: ShownEntry, now: EpochMillis): readonly [Tone, string, Html] {
  switch (entry.kind) {
    case "scheduled":
      return ["quiet", "due", html`matched: ${entry.action}`];
    case "already_scheduled":
      return ["quiet", "due already", html`${entry.action}, through ${deliveryLink(entry.by)} of the same happening`];
    case "waiting":
      return ["busy", "waits", html`${entry.summary}`];
    case "denied":
      return entry.mode === "shadow"
        ? ["warn", "would not fire", refusalOf(entry.refusal)]
        : ["bad", "not fired", refusalOf(entry.refusal)];
    case "approval":
      return [
        APPROVAL_TONES[entry.state],
        `approval ${entry.state.replace("_", " ")}`,
        html`${by(entry.by)} ${entry.comment === undefined ? NOTHING : html`<q>${entry.comment}</q>`} <code>${entry.approval}</code>`,
      ];
    case "decided":
      return [
        entry.refusal ? "bad" : "good",
        entry.refusal ? `${entry.decision} refused` : entry.decision,
        html`of <code>${entry.about}</code>${by(entry.by)}${entry.refusal ? html`: ${refusalOf(entry.refusal)}` : NOTHING}`,
      ];
    case "replayed":
      return [
        "quiet",
        entry.isRollback ? "rolled back to" : "run again",
        html`as ${deliveryLink(entry.delivery)}, for ${entry.routes.join(", ")}${by(entry.by)}`,
      ];
    case "ignored":
      return ["quiet", "ignored", html`made by the account that the bridge writes with, <code>${entry.account}</code>`];
    case "followed_by":
      return ["quiet", "followed by", deliveryLink(entry.delivery, entry.what)];
    case "attempt":
      return toldAttempt(entry, now);
  }
}

type Attempt = Extract<ShownEntry, { kind: "attempt" }>;

const OUTCOMES = {
  done: ["good", "done"],
  retry: ["warn", "to be tried again"],
  give_up: ["bad", "given up"],
} as const satisfies Record<Attempt["outcome"], readonly [Tone, string]>;

function toldAttempt(entry: Attempt, now: EpochMillis): readonly [Tone, string, Html] {
  const [tone, state] = OUTCOMES[entry.outcome];
  const known = Object.entries(entry.facts ?? {}).map(([name, fact]) => html`, ${name} <code>${fact}</code>`);
  return [
    tone,
    state,
    html`${entry.summary}${known}
<span class="aside">${entry.action}, attempt ${entry.attempt}, ${duration(entry.durationMs)}${
      entry.nextAt === undefined ? NOTHING : html`; next ${when(entry.nextAt, now)}`
    }</span>${entry.unknownOutcome ? html` <span class="hint">What the target did is unknown.</span>` : NOTHING}`,
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
} as const satisfies Record<Extract<ShownEntry, { kind: "approval" }>["state"], Tone>;

const by = (who: Identity | undefined): Html => (who ? html` by ${nameOf(who)}` : NOTHING);
