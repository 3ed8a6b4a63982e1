import { nameOf } from "../approvals/record-step.ts";
import type { Identity } from "../model/approval.ts";
import {
  type ListedDeliveries,
  listedDeliveries,
  type ShownDelivery,
  type ShownEntry,
  shownDelivery,
} from "./answers.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { besidesSession, type Session, sessionOf } from "./session.ts";
import { jsonText, printable, table } from "./table.ts";
import { rejectionLine } from "./tell-rejection.ts";

/** `drawbridge events list`: the newest deliveries. */
export async function eventsListCommand(invocation: Invocation): Promise<number> {
  const { options, given, print } = invocation;
  const path = `/v1/deliveries?${new URLSearchParams(besidesSession(options))}`;
  const listed = await get(await sessionOf(invocation), path, listedDeliveries);
  print(given.has("json") ? jsonText(listed) : deliveriesText(listed, options));
  return EXIT.done;
}

function deliveriesText({ deliveries, next }: ListedDeliveries, options: Invocation["options"]): string {
  const rows = deliveries.map(({ receivedAt, source, outcome, what, subject, principal, id }) => [
    ...[receivedAt, source, outcome, what],
    subject ?? (outcome === "refused" ? principal.subject : ""),
    id,
  ]);
  const listed = table(["RECEIVED", "SOURCE", "OUTCOME", "WHAT", "SUBJECT", "DELIVERY"], rows);
  return [
    rows.length === 0 ? "no delivery matches" : listed,
    ...(next === undefined ? [] : [`more: ${commandFor({ ...options, cursor: next })}`]),
  ].join("\n");
}

/** To be pasted into a shell. */
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

/** `drawbridge events show <delivery>`: one delivery and all that followed it. */
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

/** On a terminal, as wide as its `columns`. */
export async function eventsShow(session: Session, id: string, columns?: number): Promise<string> {
  const shown = await getDelivery(session, id);
  const entries = shown.timeline.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const lines = entries.map((entry) => [entry.at, timelineLine(entry)]);
  const follows = lines.length === 0 ? "nothing followed" : table(["TIME", "WHAT FOLLOWED"], lines, { columns });
  return [...factsOf(shown), "", follows].join("\n");
}

function factsOf({ delivery, event }: ShownDelivery): readonly string[] {
  const { principal, refusedFor, shadowRejection } = delivery;
  const { eventKey = "none", traceparent, replay } = event?.detail ?? {};
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["delivery", delivery.id],
    ["what", `${delivery.what} ${delivery.subject ?? ""}`],
    ["replay of", replay && replayText(replay)],
    ["source", `${delivery.source} (${delivery.provider})`],
    ["proved by", `${principal.method}, ${principal.credential}, as ${principal.subject} of ${principal.issuer}`],
    ["received", delivery.receivedAt],
    ["body", `${delivery.bodyBytes} bytes, SHA-256 ${delivery.bodyDigest}`],
    ["request", delivery.requestId],
    // The second of its four parts: https://www.w3.org/TR/trace-context/#traceparent-header
    ["trace", traceparent?.split("-")[1]],
    ["event key", eventKey],
    ["relayed", event ? (delivery.relayedAt ?? relayedBy(delivery)) : "nothing to relay"],
    ["refused", refusedFor && rejectionLine(refusedFor)],
    ["shadow", shadowRejection && `would be refused: ${rejectionLine(shadowRejection)}`],
  ];
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`${name.padEnd(10)}${printable(fact)}`]));
}

const replayText = ({ of, routes, isRollback }: Replay): string =>
  `${of}${isRollback ? " (rollback)" : ""} for ${routes.join(", ")}`;

type Replay = NonNullable<NonNullable<ShownDelivery["event"]>["detail"]["replay"]>;

/** In AWS the table's stream relays, and leaves a mark only on what it could not relay. */
const relayedBy = ({ unrelayed }: ShownDelivery["delivery"]): string =>
  unrelayed ? "not yet: it waits for the next sweep" : "by the table's stream, which notes no time";

/** One line of a timeline, for people. */
export function timelineLine(entry: ShownEntry): string {
  switch (entry.kind) {
    case "scheduled":
      return `route ${entry.route}: ${entry.action} due`;
    case "already_scheduled":
      return `route ${entry.route}: ${entry.action} was due already, through ${entry.by}`;
    case "waiting":
      return `route ${entry.route}: ${entry.action} waits: ${entry.summary}`;
    case "denied":
      return `route ${entry.route}: ${entry.mode === "shadow" ? "would not fire" : "not fired"}: ${rejectionLine(entry.refusal)}`;
    case "approval":
      return `route ${entry.route}: approval ${entry.approval} ${entry.state.replace("_", " ")}${by(entry.by)}${entry.comment === undefined ? "" : `: ${entry.comment}`}`;
    case "decided":
      return `${entry.decision} of ${entry.about}${by(entry.by)}${entry.refusal ? `, refused: ${rejectionLine(entry.refusal)}` : ""}`;
    case "replayed":
      return `${entry.isRollback ? "rolled back to," : "run again"} as ${entry.delivery}, for ${entry.routes.join(", ")}${by(entry.by)}`;
    case "ignored":
      return `ignored: made by the account that the bridge writes with (${entry.account})`;
    case "followed_by":
      return `followed by ${entry.what} (${entry.delivery})`;
    case "attempt": {
      const facts = Object.entries(entry.facts ?? {}).map(([name, fact]) => `, ${name} ${fact}`);
      const unknown = entry.unknownOutcome ? " (what the target did is unknown)" : "";
      const next = entry.nextAt === undefined ? "" : `; again at ${entry.nextAt}`;
      const head = `route ${entry.route}: ${entry.action} attempt ${entry.attempt} ${entry.outcome.replace("_", " ")}`;
      return `${head} after ${entry.durationMs} ms: ${entry.summary}${facts.join("")}${unknown}${next}`;
    }
  }
}

const by = (who: Identity | undefined): string => (who ? ` by ${nameOf(who)}` : "");
