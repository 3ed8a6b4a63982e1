import { nameOf } from "../approvals/record-step.ts";
import type { Identity } from "../model/approval.ts";
import { cut } from "../model/event.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import {
  type ListedDeliveries,
  listedDeliveries,
  type ShownDelivery,
  type ShownTimelineEvent,
  shownDelivery,
} from "./responses.ts";
import { besidesSession, type Session, sessionOf } from "./session.ts";
import { jsonText, printable, rejectionLine, table } from "./terminal-text.ts";

/** `drawbridge events list`: the newest deliveries. */
export async function eventsListCommand(invocation: Invocation): Promise<number> {
  const { options, given, print } = invocation;
  const path = `/v1/deliveries?${new URLSearchParams(besidesSession(options))}`;
  const listed = await get(await sessionOf(invocation), path, listedDeliveries);
  print(given.has("json") ? jsonText(listed) : deliveriesText(listed, options));
  return EXIT.done;
}

function deliveriesText({ deliveries, next }: ListedDeliveries, options: Invocation["options"]): string {
  const rows = deliveries.map(({ receivedAt, source, outcome, what, subject, principal, id, repeats }) => [
    receivedAt,
    source,
    repeats === undefined ? outcome : `${outcome}, repeat`,
    what,
    subject ?? (outcome === "refused" ? principal.subject : ""),
    id,
  ]);
  const listed = table(["RECEIVED", "SOURCE", "OUTCOME", "WHAT", "SUBJECT", "DELIVERY"], rows);
  return [
    rows.length === 0 ? `no delivery matches${next === undefined ? "" : " so far"}` : listed,
    ...(next === undefined ? [] : [`more: ${commandFor({ ...options, cursor: next })}`]),
  ].join("\n");
}

/** Returns the command line for the next page, quoted for a shell. */
const commandFor = (options: Invocation["options"]): string =>
  [
    "npm run -s drawbridge -- events list",
    ...Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : `--${name}${value.startsWith("-") ? "=" : " "}${quoted(value)}`,
    ),
  ]
    .map(printable)
    .join(" ");

const quoted = (word: string): string =>
  /^[\w.:,@/+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** `drawbridge events show <delivery>`: one delivery and what followed it. */
export async function eventsShowCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [id = ""],
    given,
    print,
    columns,
  } = invocation;
  const session = await sessionOf(invocation);
  print(given.has("json") ? jsonText(await getDelivery(session, id)) : await eventsShow(session, id, columns));
  return EXIT.done;
}

const getDelivery = (session: Session, id: string): Promise<ShownDelivery> =>
  get(session, `/v1/deliveries/${encodeURIComponent(id)}`, shownDelivery);

/** The text of one delivery and its timeline. `columns`: the width of the terminal, if it is one. */
export async function eventsShow(session: Session, id: string, columns?: number): Promise<string> {
  const shown = await getDelivery(session, id);
  const timeline = shown.timeline.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const lines = timeline.map((event) => [event.at, timelineLine(event)]);
  const follows = lines.length === 0 ? "nothing followed" : table(["TIME", "WHAT FOLLOWED"], lines, { columns });
  const fields = shown.events.flatMap((event, _, { length }) => {
    const heading = length === 1 ? "FIELD" : `FIELD OF ${event.detail.id}`;
    const rows = fieldsIn(event, "").toSorted(([a], [b]) => Number(isInDetail(a)) - Number(isInDetail(b)));
    return ["", table([heading, "VALUE"], rows, { columns })];
  });
  return [...factsOf(shown), ...fields, "", follows].join("\n");
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

function factsOf({ delivery, events }: ShownDelivery): readonly string[] {
  const { principal, refusedFor, excludedFor, shadowRejection } = delivery;
  const [first] = events;
  const { traceparent, replay } = first?.detail ?? {};
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["delivery", delivery.id],
    ["what", `${delivery.what} ${delivery.subject ?? ""}`],
    ["replay of", replay && replayText(replay)],
    ["repeats", delivery.repeats],
    ["source", `${delivery.source} (${delivery.provider})`],
    ["proved by", `${principal.method}, ${principal.credential}, as ${principal.subject} of ${principal.issuer}`],
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
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`${name.padEnd(10)}${printable(fact)}`]));
}

/** A delivery with several events has a line for each, with the id that the timeline names. */
function eventLines(events: ShownDelivery["events"]): readonly (readonly [string, string])[] {
  const [first, ...others] = events;
  if (others.length === 0) return [["event key", first?.detail.eventKey ?? "none"]];
  return events.map(({ "detail-type": type, detail }) => [
    "event",
    `${detail.id}: ${type} ${detail.subject}, event key ${detail.eventKey}`,
  ]);
}

const replayText = ({ of, routes, isRollback }: Replay): string =>
  `${of}${isRollback ? " (rollback)" : ""} for ${routes.join(", ")}`;

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
      return `route ${event.route}: ${event.action} waits: ${event.summary}`;
    case "cut":
      return `route ${event.route}: chain cut: ${event.hops} runs in a row led to this event, so ${event.action} starts no further one`;
    case "denied":
      return `route ${event.route}: ${event.mode === "shadow" ? "would not fire" : "not fired"}: ${rejectionLine(event.refusal)}`;
    case "approval":
      return `route ${event.route}: approval ${event.approval} ${event.state.replace("_", " ")}${by(event.by)}${event.comment === undefined ? "" : `: ${event.comment}`}`;
    case "decided":
      return `${event.decision} of ${event.about}${by(event.by)}${event.refusal ? `, refused: ${rejectionLine(event.refusal)}` : ""}`;
    case "replayed":
      return `${event.isRollback ? "rolled back to," : "run again"} as ${event.delivery}, for ${event.routes.join(", ")}${by(event.by)}`;
    case "ignored":
      return `ignored: made by the account that the bridge writes with (${event.account})`;
    case "followed_by":
      return `followed by ${event.what} (${event.delivery})`;
    case "attempt": {
      const facts = Object.entries(event.facts ?? {}).map(([name, fact]) => `, ${name} ${fact}`);
      const unknown = event.unknownOutcome ? " (what the target did is unknown)" : "";
      const next = event.nextAt === undefined ? "" : `; again at ${event.nextAt}`;
      const head = `route ${event.route}: ${event.action} attempt ${event.attempt} ${event.outcome.replace("_", " ")}`;
      return `${head} after ${event.durationMs} ms: ${event.summary}${facts.join("")}${unknown}${next}`;
    }
  }
}

const by = (who: Identity | undefined): string => (who ? ` by ${nameOf(who)}` : "");
