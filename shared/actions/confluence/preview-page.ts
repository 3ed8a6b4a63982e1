import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { BoardRow } from "../../model/board.ts";
import type { Preview, PreviewDeps, PreviewedTarget } from "../action.ts";
import { type PageClient, pageClient, type StoredPage } from "./client.ts";
import { cloud } from "./cloud.ts";
import { dataCenter } from "./data-center.ts";
import { paceOf } from "./pace.ts";
import { isPageId } from "./page-address.ts";
import { type Splice, spliceRegion } from "./region.ts";
import { renderRegion } from "./render-region.ts";
import { accessTo, routeOptions, targetSettings } from "./settings.ts";
import { resolveReferences } from "./storage-text.ts";
import { whyUnwritable } from "./update-page.ts";

/**
 * Reads a page with the target's credential, and returns what the next state would change on it. Writes nothing. The
 * rows of the board are not read, so the preview is made with one example row.
 */
export async function previewPage(previewed: PreviewedTarget, page: string, deps: PreviewDeps): Promise<Preview> {
  if (!isPageId(page)) return nothing("no page's id: it is the number in the page's address", { page });
  const target = v.parse(targetSettings, previewed.settings);
  const skipping = previewed.routes.filter(({ options }) => v.parse(routeOptions, options).whenMissing === "skip");
  const client = pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    ...(await accessTo(target, previewed.name, deps)),
    ownAccount: NO_WRITES,
    credential: "",
    traceparent: undefined,
    timeoutMs: target.timeoutSeconds * 1000,
    signal: new AbortController().signal,
    cooldown: NO_COOLDOWN,
    clock: deps.clock,
    callOut: deps.callOut,
  });
  const read = await client.read(page);
  if (!read.ok) return nothing(read.failure.ending.summary, { page });
  const facts = { page: `${page} "${read.value.title}", version ${read.value.version.number}` };
  const why = whyUnwritable(read.value);
  if (why) return nothing(`the page is ${why}`, facts);
  const look = { ...paceOf(target), linkHosts: target.linkHosts, isFlat: client.isFlat };
  const of = { page, region: target.region, whenMissing: "append", ...client.newRegion } as const;
  const splice = spliceRegion(read.value.body, renderRegion([EXAMPLE], look), of);
  if (splice.kind === "unusable") return nothing(splice.why, facts);
  if (splice.kind !== "changed") return nothing("the page shows the example already", facts);
  if (previewed.routes.length === 0) return nothing("no route writes to this target", facts);
  const names = skipping.map(({ name }) => name).join(", ");
  if (splice.place.isNew && skipping.length === previewed.routes.length) {
    return nothing(`the page has no region, and whenMissing is skip in each route of the target: ${names}`, facts);
  }
  return {
    writes: true,
    facts: {
      ...facts,
      would: splice.place.isNew ? "add a region" : "replace what a bridge wrote in the region",
      content: `${textOf(renderRegion([], look))}, and one row for each pipeline and place`,
      where: whereOf(splice, read.value, client),
      ...(splice.from !== undefined && { "copied from": `page ${splice.from}; the region becomes this page's own` }),
      ...(splice.moved !== undefined && {
        moves: `to below the region, because no bridge wrote it: ${textOf(splice.moved) || "content without text"}`,
      }),
      ...(splice.place.isNew &&
        skipping.length > 0 && { except: `routes with whenMissing: skip, which write nothing: ${names}` }),
      unknown: "whether the account may edit the page: only a write shows that",
    },
  };
}

const nothing = (why: string, facts: Readonly<Record<string, string>>): Preview => ({
  writes: false,
  facts: { ...facts, would: "write nothing", "why not": why },
});

type Changed = Extract<Splice, { readonly kind: "changed" }>;

function whereOf({ place }: Changed, { body }: StoredPage, { newRegion }: PageClient): string {
  const carrier = place.carrier === "excerpt" ? "in an excerpt macro" : "between two anchors";
  if (place.isInNewSection)
    return `${carrier}, in a new section (${newRegion.section}) at the end of the page's layout`;
  if (place.isNew) return `${carrier}, at the end of the page`;
  const headings = Array.from(body.slice(0, place.at).matchAll(/<h[1-6][ >].*?<\/h[1-6]>/gs), ([heading]) =>
    textOf(heading),
  );
  const heading = headings.findLast((text) => text !== "");
  return `${carrier}, at character ${place.at} of ${body.length}${heading === undefined ? "" : `, below the heading "${heading}"`}`;
}

/** The text of markup, for one line. */
function textOf(markup: string): string {
  const text = resolveReferences(markup.replace(/<!\[CDATA\[|\]\]>/g, "").replace(/<[^>]*>/g, " "))
    .replace(/\s+/g, " ")
    .trim();
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

const MAX_TEXT = 200;

/** A preview never writes. This fails if it ever did. */
const NO_WRITES = {
  recordBeforeWrite: async () => {
    throw new Fault("configuration_invalid", "a preview must not write", { retryable: false });
  },
};
/** One call is made, so nothing waits. */
const NO_COOLDOWN = { begin: () => undefined };

const EXAMPLE: BoardRow = {
  key: "example",
  delivery: "example",
  build: { system: "example", id: "example", pipeline: "example", state: "succeeded" },
};
