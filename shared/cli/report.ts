import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, NO_TERMINAL, printFound, timeText } from "./output.ts";
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
  const report = await shadowReport(await sessionOf(invocation), besidesSession(invocation.options));
  printFound(invocation, { whole: report, records: report.sums, text: (display) => reportText(report, display) });
  if (!report.isWhole && formatOf(invocation) === "jsonl") invocation.warn(partialText(report));
  return EXIT.done;
}

interface ShadowReport {
  /** The highest count first. */
  readonly sums: readonly ShadowSum[];
  /** How many deliveries were read. */
  readonly listed: number;
  /** Whether all deliveries were read. */
  readonly isWhole: boolean;
}

/**
 * Counts the deliveries that only shadow mode accepted, by source, issuer and reason, with the highest count first. An
 * empty report means that the mode `enforce` would have rejected none of them.
 */
export const reportShadow = async (session: Session, filters: Readonly<Record<string, string>>): Promise<string> =>
  reportText(await shadowReport(session, filters), NO_TERMINAL);

async function shadowReport(session: Session, filters: Readonly<Record<string, string>>): Promise<ShadowReport> {
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
  return { sums: [...sums.values()].sort((a, b) => b.count - a.count), listed, isWhole: cursor === undefined };
}

const partialText = ({ listed }: ShadowReport): string =>
  `The report covers only the newest ${listed} deliveries; narrow it with --since or --source.`;

const AT_UPSTREAMS =
  "Of the requests to upstreams (source api), one record stands for all of ten minutes with the same job, reason and scope; strangers are only in the log.";

function reportText(report: ShadowReport, display: Display): string {
  if (report.sums.length === 0) return `No delivery was let in that would have been refused.\n${AT_UPSTREAMS}`;
  const head = [
    "COUNT",
    { name: "SOURCE", least: 6 },
    { name: "ISSUER", least: 8, isOptional: true },
    { name: "REASON", least: 10 },
    { name: "FIRST SEEN", least: 11, isOptional: true },
    "LAST SEEN",
    "NEWEST",
  ];
  const text = table(
    head,
    report.sums.map(({ count, source, issuer, reason, first, last, example }) => [
      String(count),
      source,
      issuer,
      reason,
      timeText(first, display),
      timeText(last, display),
      example,
    ]),
    display,
  );
  return [text, ...(report.isWhole ? [] : [partialText(report)]), AT_UPSTREAMS].join("\n");
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
