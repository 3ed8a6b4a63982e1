import { nameOf } from "../approvals/tell.ts";
import type { Identity } from "../store/approvals.ts";
import { listedDeliveries, type ShownDelivery, type ShownEntry, shownDelivery } from "./answers.ts";
import { get } from "./bridge-client.ts";
import type { Session } from "./session.ts";
import { printable, table } from "./table.ts";
import { tellRejection } from "./tell-rejection.ts";

/** `drawbridge events list`: the newest deliveries, as a table. */
export async function eventsList(session: Session, filters: Readonly<Record<string, string>>): Promise<string> {
  const listed = await get(session, `/v1/deliveries?${new URLSearchParams(filters)}`, listedDeliveries);
  const rows = listed.deliveries.map(({ receivedAt, source, outcome, what, subject = "", id }) => [
    receivedAt,
    source,
    outcome,
    what,
    subject,
    id,
  ]);
  const more = listed.next === undefined ? "" : `\nmore: drawbridge events list --cursor ${listed.next}`;
  return `${table(["RECEIVED", "SOURCE", "OUTCOME", "WHAT", "SUBJECT", "DELIVERY"], rows)}${more}`;
}

/** `drawbridge events show <id>`: one delivery and all that followed it. */
export async function eventsShow(session: Session, id: string): Promise<string> {
  const path = `/v1/deliveries/${encodeURIComponent(id)}`;
  const { delivery, event, timeline } = await get(session, path, shownDelivery);
  const { principal } = delivery;
  const facts = [
    ["delivery", delivery.id],
    ["what", `${delivery.what} ${delivery.subject ?? ""}`],
    ["source", `${delivery.source} (${delivery.provider})`],
    ["proved by", `${principal.method}, ${principal.credential}, as ${principal.subject} of ${principal.issuer}`],
    ["received", delivery.receivedAt],
    ["body", `${delivery.bodyBytes} bytes, SHA-256 ${delivery.bodyDigest}`],
    ["request", delivery.requestId],
    ["event key", event?.detail.eventKey ?? "none"],
    ...(event ? [["relayed", delivery.relayedAt ?? relayedBy(delivery)]] : []),
    ...(delivery.refusedFor ? [["refused", tellRejection(delivery.refusedFor)]] : []),
    ...(delivery.wouldDeny ? [["shadow", `would be refused: ${tellRejection(delivery.wouldDeny)}`]] : []),
  ];
  const lines = timeline.map((entry) => [entry.at, tellEntry(entry)]);
  const follows = lines.length === 0 ? "nothing followed" : table(["TIME", "WHAT FOLLOWED"], lines);
  return `${facts.map(([name = "", fact = ""]) => `${name.padEnd(10)}${printable(fact)}`).join("\n")}\n\n${follows}`;
}

/** In AWS the table's stream relays, and leaves a mark only on what it could not relay. */
const relayedBy = ({ unrelayed }: ShownDelivery["delivery"]): string =>
  unrelayed ? "not yet: it waits for the next sweep" : "by the table's stream, which notes no time";

/** One line of a timeline, for people. */
export function tellEntry(entry: ShownEntry): string {
  switch (entry.kind) {
    case "scheduled":
      return `route ${entry.route}: ${entry.action} due`;
    case "already_scheduled":
      return `route ${entry.route}: ${entry.action} was due already, through ${entry.by}`;
    case "waiting":
      return `route ${entry.route}: ${entry.action} waits: ${entry.summary}`;
    case "denied":
      return `route ${entry.route}: ${entry.mode === "shadow" ? "would not fire" : "not fired"}: ${tellRejection(entry.refusal)}`;
    case "approval":
      return `route ${entry.route}: approval ${entry.approval} ${entry.state.replace("_", " ")}${by(entry.by)}${entry.comment === undefined ? "" : `: ${entry.comment}`}`;
    case "decided":
      return `${entry.decision} of ${entry.about}${by(entry.by)}${entry.refusal ? `, refused: ${tellRejection(entry.refusal)}` : ""}`;
    case "replayed":
      return `${entry.isRollback ? "rolled back to" : "run again"} as ${entry.delivery}, for ${entry.routes.join(", ")}${by(entry.by)}`;
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
