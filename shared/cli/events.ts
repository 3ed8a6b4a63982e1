import { nameOf } from "../approvals/tell.ts";
import { Fault } from "../host/fault.ts";
import type { ListedDeliveries, ShownDelivery, ShownEntry } from "../http/deliveries.ts";
import type { Identity } from "../store/approvals.ts";
import type { Session } from "./session.ts";
import { printable, table } from "./table.ts";
import { tellRejection } from "./tell-rejection.ts";

/** `drawbridge events list`: the newest deliveries, as a table. */
export async function eventsList(session: Session, filters: Readonly<Record<string, string>>): Promise<string> {
  const listed = await get<ListedDeliveries>(session, `/v1/deliveries?${new URLSearchParams(filters)}`);
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
  const { delivery, event, timeline } = await get<ShownDelivery>(session, `/v1/deliveries/${encodeURIComponent(id)}`);
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

/** The answers' shapes are those of our own interface, of the same version as this command. */
export const get = <T>(session: Session, path: string): Promise<T> => ask(session, path, {});

/** Has the bridge do something. */
export const post = <T>(
  session: Session,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> => ask(session, path, { method: "POST", headers, body: JSON.stringify(body) });

async function ask<T>(session: Session, path: string, { headers: own, ...request }: RequestInit): Promise<T> {
  const url = new URL(path, session.url);
  const type = request.body ? { "content-type": "application/json" } : {};
  const headers = { ...own, ...type, authorization: `Bearer ${await session.token()}` };
  const answer = await fetch(url, { ...request, headers }).catch((cause: unknown) => {
    throw new Fault("target_unreachable", `no bridge answers at ${session.url.origin}; is it started?`, {
      retryable: true,
      cause,
    });
  });
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => ({}))) as { title?: string; reason?: string };
  const reason = problem.reason === undefined ? "" : ` (${problem.reason})`;
  throw new Fault("target_unreachable", `${answer.status} ${problem.title ?? "no reason given"}${reason}`, {
    retryable: false,
  });
}
