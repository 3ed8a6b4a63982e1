import { nameOf } from "../approvals/people.ts";
import { progressText } from "../approvals/rules.ts";
import { Fault } from "../host/fault.ts";
import { refusalText } from "../http/refusal-text.ts";
import type { Identity } from "../model/approval.ts";
import { cut } from "../model/event.ts";
import { attemptWordsOf, replayWords, stateText, wordsOf } from "../model/state-words.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, NO_TERMINAL, printFound, timeText } from "./output.ts";
import {
  type ListedDeliveries,
  type ListedDelivery,
  type ListedRefusals,
  listedDeliveries,
  listedRefusals,
  type ShownDelivery,
  type ShownRouteOutcome,
  type ShownTimelineEvent,
  shownDelivery,
} from "./responses.ts";
import { besidesSession, type Session, sessionOf } from "./session.ts";
import { factLine, printable, rejectionLine, type Tone, table } from "./terminal-text.ts";

/** `drawbridge events list`: the newest deliveries. */
export async function eventsListCommand(invocation: Invocation): Promise<number> {
  const { options, given, warn } = invocation;
  const session = await sessionOf(invocation);
  const path = `/v1/deliveries?${new URLSearchParams(besidesSession(options))}`;
  const listed = await get(session, path, listedDeliveries);
  const refused = formatOf({ given, options }) === "table" ? await refusedBeside(session, options) : undefined;
  const { deliveries, next } = listed;
  const more = next === undefined ? undefined : `more: ${commandFor(next, invocation)}`;
  printFound(invocation, {
    whole: listed,
    records: deliveries,
    text: (display) => {
      const isAudit = options["outcome"] === "audit";
      const text =
        deliveries.length === 0
          ? noneText(listed, display)
          : deliveriesText(listed.deliveries, { isAudit, ...display });
      return [text, ...(more === undefined ? [] : [more]), ...refusalLines(refused, display)].join("\n");
    },
  });
  // Each line of the output is a delivery.
  if (more !== undefined && formatOf({ given, options }) === "jsonl") warn(more);
  return EXIT.done;
}

/** The refused requests that have no record of their own, for the first page of a list that could have them. */
async function refusedBeside(session: Session, options: Invocation["options"]): Promise<ListedRefusals | undefined> {
  const { since, until, source, outcome, state, limit: _, ...others } = besidesSession(options);
  const selects = [outcome, state].filter((one) => one !== undefined);
  if (Object.keys(others).length > 0 || !selects.every((one) => one.split(",").includes("refused"))) return undefined;
  const query = Object.entries({ since, until, source }).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return get(session, `/v1/refusals?${new URLSearchParams(query)}`, listedRefusals).catch(undefinedIfUnknown);
}

/** A bridge of an earlier release has no such call. */
function undefinedIfUnknown(error: unknown): undefined {
  if (error instanceof Fault && error.code === "bridge_refused") return undefined;
  throw error;
}

/** A line for each source and reason. `explain` has what to do. */
export function refusalLines(refused: ListedRefusals | undefined, display: Display): readonly string[] {
  if (refused === undefined || refused.refusals.length === 0) return [];
  const { columns = Number.POSITIVE_INFINITY } = display;
  const lines = refused.refusals.map((one) => refusalText(one, refused.sources, (iso) => timeText(iso, display)));
  return ["", "Refused, without a record of each:", ...lines.map((line) => factLine("", line, { indent: 2, columns }))];
}

/** Says how far back nothing matches: what is older is not known. */
function noneText({ lookedBackTo, next }: ListedDeliveries, display: Display): string {
  const back = lookedBackTo === undefined ? "" : ` back to ${timeText(lookedBackTo, display)}`;
  return next === undefined ? `no delivery matches${back}` : `no delivery matches so far${back}; there are older ones`;
}

/** A table of deliveries. `isAudit`: they record what people did, so it also has who did it. */
export function deliveriesText(
  deliveries: ListedDeliveries["deliveries"],
  { isAudit, ...display }: Display & { readonly isAudit: boolean },
): string {
  const rows = deliveries.map((one) => {
    const { receivedAt, source, what, subject, principal, id, noReportSince } = one;
    const state = [
      stateText(stateOf(one)),
      ...(noReportSince === undefined ? [] : [`no report since ${timeText(noReportSince, display)}`]),
    ];
    const tone = toneOf(one);
    return [
      { text: state.join(", "), tone: tone === undefined && noReportSince !== undefined ? "attention" : tone },
      timeText(receivedAt, display),
      source,
      what,
      subject ?? (one.outcome === "refused" ? principal.subject : ""),
      ...(isAudit ? [principal.subject] : []),
      id,
    ];
  });
  const heads = [
    { name: "STATE", least: 10 },
    "RECEIVED",
    { name: "SOURCE", least: 5, isOptional: true },
    { name: "WHAT", least: isAudit ? 9 : 12 },
    { name: "SUBJECT", least: isAudit ? 6 : 11 },
    ...(isAudit ? [{ name: "BY", least: 6 }] : []),
    "DELIVERY",
  ];
  return table(heads, rows, display);
}

/** The record of a read has no state, only an outcome. */
const stateOf = ({ state, outcome }: ListedDelivery): string => state ?? outcome;

function toneOf(one: ListedDelivery): Tone | undefined {
  const { tone } = wordsOf(stateOf(one));
  return tone === "failed" || tone === "attention" ? tone : undefined;
}

/** Returns the command line for the next page, quoted for a shell. */
const commandFor = (cursor: string, { options, given, program }: Invocation): string =>
  [
    `${program} events list`,
    ...Object.entries({ ...options, cursor }).flatMap(([name, value]) =>
      value === undefined || !(given.has(name) || name === "cursor")
        ? []
        : `--${name}${value.startsWith("-") ? "=" : " "}${quoted(value)}`,
    ),
  ]
    .map(printable)
    .join(" ");

const quoted = (word: string): string =>
  /^[\w.:,@/+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** `drawbridge events show <delivery>`: one delivery and what followed it. */
export async function eventsShowCommand(invocation: Invocation): Promise<number> {
  const [id = ""] = invocation.positionals;
  if (invocation.given.has("request")) return (await import("./show-request.ts")).showRequest(invocation, id);
  const shown = await getDelivery(await sessionOf(invocation), id);
  printFound(invocation, { whole: shown, records: [shown], text: (display) => shownText(shown, display) });
  return EXIT.done;
}

const getDelivery = (session: Session, id: string): Promise<ShownDelivery> =>
  get(session, `/v1/deliveries/${encodeURIComponent(id)}`, shownDelivery);

/** The text of one delivery and its timeline. */
export const eventsShow = async (session: Session, id: string): Promise<string> =>
  shownText(await getDelivery(session, id), NO_TERMINAL);

function shownText(shown: ShownDelivery, display: Display): string {
  const lines = [
    ...shown.timeline.map((event) => [event.at, timelineLine(event)] as const),
    ...runLines(shown).map(({ at, text }) => [at, text] as const),
  ].toSorted(([a], [b]) => Date.parse(a) - Date.parse(b));
  const follows = lines.length === 0 ? "nothing followed" : table(["TIME", "WHAT FOLLOWED"], lines, display);
  const fields = shown.events.flatMap((event, _, { length }) => {
    const heading = length === 1 ? "FIELD" : `FIELD OF ${event.detail.id}`;
    const rows = fieldsIn(event, "").toSorted(([a], [b]) => Number(isInDetail(a)) - Number(isInDetail(b)));
    return ["", table([heading, "VALUE"], rows, display)];
  });
  return [...factsOf(shown, display), ...fields, "", follows].join("\n");
}

/** The fields of an event below a path, each with its path in a route and its value. Of objects in a list, the first. */
function fieldsIn(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (SHOWN_ELSEWHERE.has(path)) return [];
  if (Array.isArray(value)) {
    const scalars = value.filter((one) => typeof one !== "object");
    if (scalars.length < value.length) return fieldsIn(value[0], `${path}[0]`);
    const more = scalars.length > MAX_ELEMENTS ? ` and ${scalars.length - MAX_ELEMENTS} more` : "";
    return [[path, `${scalars.slice(0, MAX_ELEMENTS).join(", ")}${more}`]];
  }
  if (typeof value !== "object" || value === null) {
    return [[path, cut(String(value).replace(/\s+/g, " "), MAX_VALUE_LENGTH)]];
  }
  return Object.entries(value).flatMap(([name, below]) => fieldsIn(below, path === "" ? name : `${path}.${name}`));
}

const isInDetail = (path: string): boolean => path.startsWith("detail.");

const MAX_ELEMENTS = 10;
const MAX_VALUE_LENGTH = 200;

/** The facts of the delivery have them, or they repeat another field. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  ["id", "type", "subject", "time", "delivery", "eventKey", "traceparent", "principal", "replay"].map(
    (name) => `detail.${name}`,
  ),
);

function factsOf(
  { delivery, events }: ShownDelivery,
  { columns = Number.POSITIVE_INFINITY }: Display,
): readonly string[] {
  const { principal, refusedFor, excludedFor, shadowRejection } = delivery;
  const [first] = events;
  const { traceparent, replay, promotion } = first?.detail ?? {};
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["state", delivery.state && `${stateText(delivery.state)}${sinceText(delivery.stateSince)}`],
    ...(delivery.routes ?? []).map((one) => ["route", routeText(one)] as const),
    ["delivery", delivery.id],
    ["what", `${delivery.what} ${delivery.subject ?? ""}`],
    ["replay of", replay && replayText(replay)],
    ["promotes to", promotion?.from === undefined ? undefined : `${promotion.to}, from ${promotion.from}`],
    ["repeats", delivery.repeats],
    ["source", `${delivery.source} (${delivery.provider})`],
    ["proved by", `${principal.method}, ${principal.credential}, as ${principal.subject} of ${principal.issuer}`],
    ["trust entry", principal.trustEntry],
    ["received", delivery.receivedAt],
    ["body", `${delivery.bodyBytes} bytes, SHA-256 ${delivery.bodyDigest}`],
    ["redacted", delivery.redacted && "the body had a credential in a URL, which was removed"],
    ["request", delivery.requestId],
    // The trace id is the second of four parts: https://www.w3.org/TR/trace-context/#traceparent-header
    ["trace", traceparent?.split("-")[1]],
    ...eventLines(events),
    ["relayed", first ? (delivery.relayedAt ?? relayedBy(delivery)) : "nothing to relay"],
    ["refused", refusedFor && rejectionLine(refusedFor)],
    ["ignored", excludedFor && rejectionLine(excludedFor)],
    ["shadow", shadowRejection && `would be refused: ${rejectionLine(shadowRejection)}`],
  ];
  return facts.flatMap(([name, fact]) =>
    fact === undefined ? [] : [factLine(name, fact, { indent: FACT_INDENT, columns })],
  );
}

const sinceText = (since: string | undefined): string => (since === undefined ? "" : ` since ${since}`);

function routeText({ route, event, target, state, since, next, why, waitsFor, of }: ShownRouteOutcome): string {
  const place = target === undefined ? "" : ` at ${target}`;
  const about = event === undefined ? "" : ` (event ${event})`;
  const details = [
    ...(waitsFor === undefined ? [] : [`for ${waitsFor}`]),
    ...(of === undefined ? [] : [`of ${of}`]),
    ...(next === undefined ? [] : [`next at ${next}`]),
    ...(why === undefined ? [] : [why]),
  ];
  return [`${route}${place}${about}: ${stateText(state)}${sinceText(since)}`, ...details].join("; ");
}

const FACT_INDENT = 10;

/** A delivery with several events has a line for each, with the id that the timeline names. */
function eventLines(events: ShownDelivery["events"]): readonly (readonly [string, string])[] {
  const [first, ...others] = events;
  if (others.length === 0) return [["event key", first?.detail.eventKey ?? "none"]];
  return events.map(({ "detail-type": type, detail }) => [
    "event",
    `${detail.id}: ${type} ${detail.subject}, event key ${detail.eventKey}`,
  ]);
}

function replayText({ of, routes, isRollback, lastReport }: Replay): string {
  const rollback = isRollback ? " (rollback)" : "";
  const why = lastReport?.isOverdue ? `, without a report since ${lastReport.at}` : ", reported again";
  return `${of}${rollback} for ${routes.join(", ")}${lastReport === undefined ? "" : why}`;
}

type Replay = NonNullable<NonNullable<ShownDelivery["events"][number]>["detail"]["replay"]>;

/** In AWS the table's stream invokes the relay, which marks only the deliveries that it could not relay. */
const relayedBy = ({ unrelayed }: ShownDelivery["delivery"]): string =>
  unrelayed ? "not yet: it waits for the next sweep" : "by the table's stream, which records no time";

/** Formats one timeline event as a line. */
export const timelineLine = (event: ShownTimelineEvent): string =>
  "event" in event && event.event !== undefined ? `${lineOf(event)} (event ${event.event})` : lineOf(event);

function lineOf(event: ShownTimelineEvent): string {
  switch (event.kind) {
    case "scheduled":
      return `route ${event.route}: ${event.action} due${event.occurrence === undefined ? "" : `, occurrence ${event.occurrence}`}`;
    case "already_scheduled":
      return `route ${event.route}: ${event.action} was due already, through ${event.by}`;
    case "waiting":
      return `route ${event.route}: ${event.action} ${afterWord("waits", event.summary)}`;
    case "run":
      return `route ${event.route}: ${event.action}, ${RUN_STATES[event.state] ?? event.state}: ${event.summary}`;
    case "cancel":
      return `route ${event.route}: ${event.action}, run ${event.summary}`;
    case "cut":
      return `route ${event.route}: chain cut: ${event.hops} runs in a row led to this event, so ${event.action} starts no further one`;
    case "denied":
      return `route ${event.route}: ${event.mode === "shadow" ? "would not fire" : "not fired"}: ${rejectionLine(event.refusal)}`;
    case "approval":
      return `route ${event.route}: approval ${event.approval} ${event.state.replace("_", " ")}${event.emergency ? " in an emergency" : ""}${by(event.by)}${event.rule?.configuration === undefined ? "" : ` of configuration ${event.rule.configuration}`}${event.endedFor === undefined ? "" : `: ${event.endedFor}`}${event.verifiedWith === undefined ? "" : `, verified with ${event.verifiedWith}`}${event.progress ? `, ${progressText(event.progress)}` : ""}${event.comment === undefined ? "" : `: ${event.comment}`}`;
    case "decided":
      return `${event.decision} of ${event.about}${by(event.by)}${event.refusal ? `, refused: ${rejectionLine(event.refusal)}` : ""}`;
    case "replayed":
      return `${replayWords(event)}${event.isRollback ? "," : ""} as ${event.delivery}, for ${event.routes.join(", ")}${by(event.by)}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    case "ignored":
      return `ignored: made by the account that the bridge writes with (${event.account})`;
    case "token_exchanged":
      return `a token for ${event.upstream} was issued to the run, with ${event.scope || "no scope"}${by(event.by)}`;
    case "followed_by":
      return `followed by ${event.what} (${event.delivery})${event.claimed ? ", as it claims" : ""}`;
    case "attempt": {
      const facts = Object.entries(event.facts ?? {}).map(([name, fact]) => `, ${name} ${fact}`);
      const unknown = event.unknownOutcome ? " (what the target did is unknown)" : "";
      const next = event.nextAt === undefined ? "" : `; again at ${event.nextAt}`;
      // Nothing was tried.
      if (event.endedAs !== undefined)
        return `route ${event.route}: ${event.action} ${afterWord(event.endedAs.replaceAll("_", " "), event.summary)}${facts.join("")}`;
      const head = `route ${event.route}: ${event.action} attempt ${event.attempt} ${attemptWordsOf(event.outcome)}`;
      return `${head} after ${event.durationMs} ms: ${event.summary}${facts.join("")}${unknown}${next}`;
    }
  }
}

/** A summary may begin with the word itself: `waits for quiet until …`. */
const afterWord = (word: string, summary: string): string =>
  summary.startsWith(`${word} `) || summary.startsWith(`${word}:`) ? summary : `${word}: ${summary}`;

/** The runs that are expected or were reported. The timeline has a line for one that is missing. */
export const runLines = ({ runs = [] }: Pick<ShownDelivery, "runs">): readonly { at: string; text: string }[] =>
  runs.flatMap((run) => {
    if (run.state === "accepted_without_run") return [];
    const { route, event, action, acceptedAt, reportedAt = acceptedAt } = run;
    const of = event === undefined ? "" : ` (event ${event})`;
    return [{ at: reportedAt, text: `route ${route}: ${action} ${runText(run)}${of}` }];
  });

function runText({ reportedAt, reportedBy, noReportSince, requests, next, nextAt }: ShownRun): string {
  if (reportedAt !== undefined) {
    const stale =
      noReportSince === undefined ? "" : `; it has not ended, and there is no report since ${noReportSince}`;
    return `run reported${reportedBy === undefined ? "" : ` (${reportedBy})`}${stale}`;
  }
  const after = next === "repeat" ? "the request is sent again" : "the wait ends";
  const then = nextAt === undefined ? "" : `; without a report ${after} at ${nextAt}`;
  return `run expected, accepted requests: ${requests}${then}`;
}

type ShownRun = NonNullable<ShownDelivery["runs"]>[number];

/** The states of a run that was expected, in words. */
const RUN_STATES: Readonly<Record<string, string>> = {
  missing: "accepted, no run",
  not_created: "nothing created",
  reported: "run reported",
};

const by = (who: Identity | undefined): string => (who ? ` by ${nameOf(who)}` : "");
