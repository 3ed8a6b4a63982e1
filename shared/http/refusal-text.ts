import type { SeenSource, ShownRefusals } from "./refusals.ts";

/**
 * Refused requests in one line: `31 requests for platform-gitlab since 02:10: signature_mismatch; last good 02:08; the
 * secret "next" is not in use`. `timeText` formats a time in ISO 8601.
 */
export function refusalText(
  { source, reason, count, since }: Pick<ShownRefusals, "source" | "reason" | "count" | "since">,
  sources: readonly SeenSource[],
  timeText: (iso: string) => string,
): string {
  const seen = sources.find((one) => one.source === source);
  const requests = count === 1 ? "1 request" : `${count} requests`;
  const what = `${requests} for ${source} since ${timeText(since)}: ${reason}`;
  return [what, ...(seen === undefined ? [] : [seenText(seen, timeText)])].join("; ");
}

/** When a source was last proved, and whether its `next` secret is in use. */
export function seenText({ source, lastGoodAt, unusedNext }: SeenSource, timeText: (iso: string) => string): string {
  // Callers of the bridge's own interface have no credential of a source.
  if (source === "api") return "callers of the bridge's own interface";
  const good = lastGoodAt === undefined ? "no good request is on record" : `last good ${timeText(lastGoodAt)}`;
  return unusedNext ? `${good}; the secret "next" is not in use` : good;
}
