import { html } from "hono/html";
import { progressText } from "../approvals/rules.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ShownDelivery } from "../http/deliveries.ts";
import type { ShownExpectedRun } from "../http/expected-runs.ts";
import type { ShownTimelineEvent } from "../http/shown-timeline.ts";
import type { Identity } from "../model/approval.ts";
import { APPROVAL_WORDS, ATTEMPT_WORDS, replayWords, TONES } from "../model/state-words.ts";
import {
  badge,
  deliveryLink,
  dueAt,
  duration,
  type Html,
  NOTHING,
  nextTry,
  rejectionText,
  type Tone,
  timeAndAge,
  withTimes,
} from "./html.ts";
import { type AccountNames, personText } from "./person-text.ts";

interface LineContext {
  readonly now: EpochMillis;
  readonly names: AccountNames;
  /** Nothing about its route and event is newer. */
  readonly isLast: boolean;
}

/**
 * Everything that followed a delivery, in order, each with its time since the receipt. `names`: those that senders give the
 * accounts of people.
 */
export function timelineOf(
  { delivery, timeline, runs = [] }: ShownDelivery,
  { now, names }: Pick<LineContext, "now" | "names">,
): Html {
  const lastOf = new Map(timeline.map((one) => [aboutOf(one), one]));
  const lines = [
    ...timeline.map((one) => {
      const isLast = lastOf.get(aboutOf(one)) === one;
      return { ...one, look: timelineText(one, { now, names, isLast }) };
    }),
    ...runs.flatMap((run) => runLine(run, now)),
  ].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return html`<ol class="trace">${lines.map((line) => {
    const [tone, state, text] = line.look;
    const sinceMs = Date.parse(line.at) - Date.parse(delivery.receivedAt);
    const event = "event" in line ? html`(event <code>${line.event}</code>) ` : NOTHING;
    const route = "route" in line ? html`<b>${line.route}</b> ${event}` : NOTHING;
    return html`<li><span class="since" title="${line.at}">+${duration(Math.max(0, sinceMs))}</span>
<span>${badge(tone, state)} ${route}${text}</span></li>`;
  })}</ol>`;
}

const aboutOf = (line: ShownTimelineEvent): string =>
  JSON.stringify(["route" in line && line.route, "event" in line && line.event]);

/** The run that is expected or was reported. The timeline has a line for one that is missing. */
function runLine(
  { state, acceptedAt, requests, next, nextAt, reportedAt, reportedBy, noReportSince, ...about }: ShownExpectedRun,
  now: EpochMillis,
) {
  if (state === "accepted_without_run") return [];
  if (reportedAt !== undefined) {
    const by = reportedBy === undefined ? NOTHING : html`by ${deliveryLink(reportedBy)}`;
    const stale: Look = [
      "warn",
      "no report",
      html`since ${timeAndAge(noReportSince ?? reportedAt, now)}, and the run has not ended. First reported ${by}`,
    ];
    const look: Look = noReportSince === undefined ? ["good", "run reported", by] : stale;
    return [{ ...about, at: reportedAt, look }];
  }
  const then = next === "repeat" ? "the request is sent again" : "the wait ends";
  const text = html`none is reported yet${nextAt === undefined ? NOTHING : html`: ${then} ${dueAt(nextAt, now)}`}
<span class="aside">accepted requests: ${requests}</span>`;
  const look: Look = ["busy", "run expected", text];
  return [{ ...about, at: acceptedAt, look }];
}

type Look = readonly [Tone, string, Html];

/** The look of a timeline event, its state in one or two words, and the rest of its text. */
function timelineText(timelineEvent: ShownTimelineEvent, context: LineContext): Look {
  const by = (who: Identity | undefined): Html => (who ? html` by ${personText(who, context.names)}` : NOTHING);
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
      return [
        timelineEvent.waitsFor === undefined ? "busy" : "warn",
        "waiting",
        html`${withTimes(timelineEvent.summary, context.now)}`,
      ];
    case "run":
      return [...RUN_STATES[timelineEvent.state], html`${withTimes(timelineEvent.summary, context.now)}`];
    case "cancel":
      return [...CANCEL_STATES[timelineEvent.state], html`${withTimes(timelineEvent.summary, context.now)}`];
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
        timelineEvent.emergency ? "warn" : TONES[APPROVAL_WORDS[timelineEvent.state].tone].colour,
        `approval ${timelineEvent.state.replace("_", " ")}${timelineEvent.emergency ? " in an emergency" : ""}`,
        html`${by(timelineEvent.by)}${timelineEvent.rule?.configuration === undefined ? NOTHING : html` of configuration <code>${timelineEvent.rule.configuration}</code>`}${timelineEvent.endedFor === undefined ? NOTHING : html`${timelineEvent.endedFor},`}${timelineEvent.verifiedWith === undefined ? NOTHING : html`, verified with ${timelineEvent.verifiedWith}`}${timelineEvent.progress ? html`, ${progressText(timelineEvent.progress)}` : NOTHING} ${timelineEvent.comment === undefined ? NOTHING : html`<q>${timelineEvent.comment}</q>`} <code>${timelineEvent.approval}</code>`,
      ];
    case "decided":
      return [
        timelineEvent.refusal ? "bad" : "good",
        timelineEvent.refusal ? `${timelineEvent.decision} refused` : timelineEvent.decision,
        html`of <code>${timelineEvent.about}</code>${by(timelineEvent.by)}${timelineEvent.refusal ? html`: ${rejectionText(timelineEvent.refusal)}` : NOTHING}`,
      ];
    case "replayed":
      return [
        "quiet",
        replayWords(timelineEvent),
        html`as ${deliveryLink(timelineEvent.delivery)}, for ${timelineEvent.routes.join(", ")}${by(timelineEvent.by)}${timelineEvent.reason === undefined ? NOTHING : html` <q>${timelineEvent.reason}</q>`}`,
      ];
    case "ignored":
      return [
        "quiet",
        "ignored",
        html`made by the account that the bridge writes with, <code>${timelineEvent.account}</code>`,
      ];
    case "token_exchanged":
      return [
        "quiet",
        "token issued",
        html`to the run for ${timelineEvent.upstream}, with ${timelineEvent.scope || "no scope"}${by(timelineEvent.by)}`,
      ];
    case "followed_by":
      return [
        "quiet",
        "followed by",
        html`${deliveryLink(timelineEvent.delivery, timelineEvent.what)}${timelineEvent.claimed ? ", as it claims" : ""}`,
      ];
    case "attempt":
      return attemptText(timelineEvent, context);
  }
}

const RUN_STATES = {
  missing: ["bad", "accepted, no run"],
  not_created: ["warn", "nothing created"],
  reported: ["good", "run reported"],
} as const satisfies Record<Extract<ShownTimelineEvent, { kind: "run" }>["state"], readonly [Tone, string]>;

const CANCEL_STATES = {
  asked: ["busy", "run is being cancelled"],
  left: ["warn", "run not cancelled"],
  failed: ["warn", "run not cancelled yet"],
  cancelled: ["quiet", "run cancelled"],
} as const satisfies Record<Extract<ShownTimelineEvent, { kind: "cancel" }>["state"], readonly [Tone, string]>;

type Attempt = Extract<ShownTimelineEvent, { kind: "attempt" }>;

/** Nothing was tried. */
const ENDED = {
  superseded: ["quiet", "superseded"],
  not_fired: ["quiet", "not fired"],
  nothing_to_do: ["quiet", "nothing to do"],
} as const satisfies Record<NonNullable<Attempt["endedAs"]>, readonly [Tone, string]>;

function attemptText(entry: Attempt, { now, isLast }: LineContext): Look {
  const words = ATTEMPT_WORDS[entry.outcome];
  const [tone, state] =
    entry.endedAs === undefined ? ([TONES[words.tone].colour, words.words] as const) : ENDED[entry.endedAs];
  const tried = entry.endedAs === undefined ? `, attempt ${entry.attempt}, ${duration(entry.durationMs)}` : "";
  const known = Object.entries(entry.facts ?? {}).map(([name, fact]) => html`, ${name} <code>${fact}</code>`);
  return [
    tone,
    state,
    html`${withTimes(entry.summary, now)}${known}
<span class="aside">${entry.action}${tried}${
      entry.nextAt === undefined || !isLast ? NOTHING : html`; ${nextTry(entry.nextAt, now)}`
    }</span>${entry.unknownOutcome ? html` <span class="hint">The outcome at the target is unknown.</span>` : NOTHING}`,
  ];
}
