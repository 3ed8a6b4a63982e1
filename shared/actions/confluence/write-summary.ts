import { withoutHidden } from "../../host/hidden-characters.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { PageAddress } from "../../model/board.ts";
import { cut, type SummaryPart } from "../../model/event.ts";
import type { WriteFailure } from "./classify-response.ts";
import type { PageClient, StoredPage } from "./client.ts";
import { type AllowedPages, excluded, excludedById } from "./page-consent.ts";
import { regionContent, type Splice, spliceRegion } from "./region.ts";
import type { SpaceKeys } from "./space-keys.ts";
import { renderSummary, shownSummary } from "./summary-table.ts";
import { isTimeLeft, MAX_TRIES, named, shown, untilMerged, whyUnwritable } from "./update-page.ts";

interface SummaryWrite {
  readonly summary: SummaryPart;
  /** When the bridge received the summary: ISO 8601. Of two summaries the later one stays. */
  readonly at: string;
  readonly delivery: string;
  readonly page: PageAddress;
  /** Name of the status region. That of the summary has `-summary` behind it. */
  readonly region: string;
  readonly linkHosts: readonly string[];
  readonly allowed: AllowedPages;
  readonly spaceKeys: SpaceKeys;
  readonly client: PageClient;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/**
 * Shows a summary in its region of a page, if a person has set that region. The page itself has the time of the summary
 * that it shows, so an earlier one never replaces it: a write is based on the version that was read, and a lost race reads
 * again. A repeat finds its own text and writes nothing.
 */
export async function writeSummary(input: SummaryWrite): Promise<ActionOutcome> {
  const { page, client } = input;
  const exclusion = excludedById(page.id, input.allowed);
  if (exclusion) return exclusion;
  for (let tries = 0; tries < MAX_TRIES && (await isTimeLeft(tries, input)); tries++) {
    const read = await client.read(page.id);
    if (!read.ok) return named(page, read.failure.ending);
    const outcome = await writeOver(read.value, input);
    if (outcome !== "conflict") return outcome;
  }
  return { outcome: "retry", summary: `page ${page.id}: others kept writing the page`, targetAnswered: true };
}

async function writeOver(stored: StoredPage, input: SummaryWrite): Promise<ActionOutcome | "conflict"> {
  const { page, client, summary, at, delivery } = input;
  const { id } = page;
  const region = `${input.region}-summary`;
  const exclusion = (await excluded(id, stored, input)) ?? (await excluded(id, stored, { ...input, region }));
  if (exclusion) return exclusion;
  const why = whyUnwritable(stored);
  if (why) return { outcome: "give_up", summary: `page ${id} is ${why}` };
  const { content, mark } = renderSummary(summary, input);
  const document = await stored.format.read(stored.body);
  const current = shownSummary(regionContent(document, { region, page: id }) ?? "");
  if (current && `${current.at} ${current.mark}` > `${at} ${mark}`)
    return { outcome: "done", summary: `page ${id} shows a later summary` };
  const splice = await spliceRegion(document, current?.mark === mark ? withTimeOf(content, at, current.at) : content, {
    page: id,
    region,
    whenMissing: "skip",
    ...client.newRegion,
  });
  if (splice.kind !== "changed") return unchanged(splice, page, region);
  const number = stored.version.number + 1;
  const message = `Summary by ${cut(withoutHidden(summary.by), 120)}, a machine [${delivery}]`;
  const { title, format } = stored;
  const written = await client.write(id, { title, format, body: splice.body, version: { number, message } });
  if (!written.ok) return outcomeOf(written.failure, page);
  const did = splice.moved === undefined ? "" : ", and what people wrote inside the region was moved to below it";
  return shown(page, written.value.number, `shows the summary${did}`);
}

/** The same text received later needs no version: the page keeps the time of the first. */
const withTimeOf = (content: string, at: string, shownAt: string): string => {
  const start = content.lastIndexOf(` As of ${at}, check `);
  return content.slice(0, start) + content.slice(start).replace(at, shownAt);
};

function unchanged(
  splice: Exclude<Splice, { readonly kind: "changed" }>,
  { id }: PageAddress,
  region: string,
): ActionOutcome {
  switch (splice.kind) {
    case "unchanged":
      return { outcome: "done", summary: `page ${id} shows this summary already` };
    case "absent":
      return { outcome: "done", summary: `page ${id} has no region ${region}: a person has to set it` };
    case "unusable":
      return { outcome: "give_up", summary: `page ${id} was not changed: ${splice.why}` };
  }
}

function outcomeOf(failure: WriteFailure, page: PageAddress): ActionOutcome | "conflict" {
  switch (failure.kind) {
    case "conflict":
      return "conflict";
    case "draft":
      return untilMerged(page);
    case "unknown": {
      const { why: summary, afterSeconds } = failure;
      return {
        ...named(page, { outcome: "retry", summary }),
        unknownOutcome: true,
        ...(afterSeconds !== undefined && { afterSeconds }),
      };
    }
    case "content":
    case "end":
    case "unavailable":
      return named(page, failure.ending);
  }
}
