import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type ListedDelivery, listedDeliveries } from "./responses.ts";
import { besidesSession, type Session, sessionOf } from "./session.ts";
import { rejectionLine, table } from "./terminal-text.ts";

interface ShadowSum {
  readonly source: string;
  readonly issuer: string;
  readonly reason: string;
  count: number;
  /** ISO 8601. */
  first: string;
  last: string;
  /** The id of the newest delivery. */
  readonly example: string;
}

/** The most deliveries that one report reads. */
const MAX_LISTED = 20_000;
const PAGE = "200";

/** `drawbridge report shadow`. */
export async function reportCommand(invocation: Invocation): Promise<number> {
  invocation.print(await reportShadow(await sessionOf(invocation), besidesSession(invocation.options)));
  return EXIT.done;
}

/**
 * Counts the deliveries that only shadow mode accepted, by source, issuer and reason, with the highest count first. An
 * empty report means that the mode `enforce` would have rejected none of them.
 */
export async function reportShadow(session: Session, filters: Readonly<Record<string, string>>): Promise<string> {
  const sums = new Map<string, ShadowSum>();
  let listed = 0;
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ ...filters, shadow: "true", limit: PAGE, ...(cursor && { cursor }) });
    const page = await get(session, `/v1/deliveries?${query}`, listedDeliveries);
    for (const delivery of page.deliveries) add(sums, delivery);
    listed += page.deliveries.length;
    cursor = page.next;
  } while (cursor !== undefined && listed < MAX_LISTED);
  if (sums.size === 0) return "Nothing was let in that would have been refused.";
  const rows = [...sums.values()].sort((a, b) => b.count - a.count);
  return `${table(
    ["COUNT", "SOURCE", "ISSUER", "REASON", "FIRST SEEN", "LAST SEEN", "NEWEST"],
    rows.map(({ count, source, issuer, reason, first, last, example }) => [
      String(count),
      source,
      issuer,
      reason,
      first,
      last,
      example,
    ]),
  )}${cursor === undefined ? "" : `\nThe report covers only the newest ${listed} deliveries; narrow it with --since or --source.`}`;
}

function add(sums: Map<string, ShadowSum>, delivery: ListedDelivery): void {
  const { id, source, receivedAt, principal, shadowRejection } = delivery;
  if (shadowRejection === undefined) return;
  const reason = rejectionLine(shadowRejection);
  const key = JSON.stringify([source, principal.issuer, reason]);
  const sum = sums.get(key);
  if (sum === undefined) {
    const { issuer } = principal;
    sums.set(key, { source, issuer, reason, count: 1, first: receivedAt, last: receivedAt, example: id });
    return;
  }
  sum.count += 1;
  if (receivedAt < sum.first) sum.first = receivedAt;
  if (receivedAt > sum.last) sum.last = receivedAt;
}
