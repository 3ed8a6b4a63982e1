import { type ListedDelivery, listedDeliveries } from "./answers.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { besidesSession, type Session, sessionOf } from "./session.ts";
import { table } from "./table.ts";
import { rejectionLine } from "./tell-rejection.ts";

interface WouldDeny {
  readonly source: string;
  readonly issuer: string;
  readonly reason: string;
  count: number;
  /** ISO 8601. */
  first: string;
  last: string;
  /** The newest of them. */
  readonly example: string;
}

/** Deliveries that one report looks at, at most. */
const MAX_LISTED = 20_000;
const PAGE = "200";

/** `drawbridge report shadow`. */
export async function reportCommand(invocation: Invocation): Promise<number> {
  invocation.print(await reportShadow(await sessionOf(invocation), besidesSession(invocation.options)));
  return EXIT.done;
}

/**
 * What shadow mode let in that would have been refused, summed by source, issuer and reason,
 * the most frequent first. Nothing in it means that enforcing changes nothing.
 */
export async function reportShadow(session: Session, filters: Readonly<Record<string, string>>): Promise<string> {
  const sums = new Map<string, WouldDeny>();
  let listed = 0;
  let cursor: string | undefined;
  do {
    const asked = new URLSearchParams({ ...filters, shadow: "true", limit: PAGE, ...(cursor && { cursor }) });
    const page = await get(session, `/v1/deliveries?${asked}`, listedDeliveries);
    for (const delivery of page.deliveries) add(sums, delivery);
    listed += page.deliveries.length;
    cursor = page.next;
  } while (cursor !== undefined && listed < MAX_LISTED);
  if (sums.size === 0) return "Nothing was let in that would have been refused.";
  const rows = [...sums.values()].sort((a, b) => b.count - a.count);
  return `${table(
    ["COUNT", "SOURCE", "ISSUER", "REASON", "FIRST SEEN", "LAST SEEN", "NEWEST"],
    rows.map(({ count, source, issuer, reason, first, last, example }) => [
      ...[String(count), source, issuer, reason, first, last, example],
    ]),
  )}${cursor === undefined ? "" : `\nOnly the newest ${listed} were looked at; narrow it with --since or --source.`}`;
}

function add(sums: Map<string, WouldDeny>, delivery: ListedDelivery): void {
  const { id, source, receivedAt, principal, shadowRejection } = delivery;
  if (shadowRejection === undefined) return;
  const reason = rejectionLine(shadowRejection);
  const key = JSON.stringify([source, principal.issuer, reason]);
  const sum = sums.get(key);
  if (sum === undefined) {
    const seen = { first: receivedAt, last: receivedAt, example: id };
    sums.set(key, { source, issuer: principal.issuer, reason, count: 1, ...seen });
    return;
  }
  sum.count += 1;
  if (receivedAt < sum.first) sum.first = receivedAt;
  if (receivedAt > sum.last) sum.last = receivedAt;
}
