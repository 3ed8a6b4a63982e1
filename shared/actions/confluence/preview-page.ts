import * as v from "valibot";
import type { BoardRow } from "../../model/board.ts";
import type { Preview, PreviewDeps, PreviewedTarget } from "../action.ts";
import { pageClient, type StoredPage } from "./client.ts";
import { cloud } from "./cloud.ts";
import { dataCenter } from "./data-center.ts";
import { paceOf } from "./pace.ts";
import { isPageId } from "./page-address.ts";
import { excluded, excludedById } from "./page-consent.ts";
import type { PageDocument } from "./page-document.ts";
import { documentedOn } from "./page-properties.ts";
import { NO_COOLDOWN, NO_WRITES } from "./read-only.ts";
import { type NewRegion, type Splice, spliceRegion } from "./region.ts";
import { renderLayout } from "./render-releases.ts";
import { accessTo, routeOptions, targetSettings } from "./settings.ts";
import { SpaceKeys } from "./space-keys.ts";
import { resolveReferences } from "./storage-text.ts";
import { whyUnwritable } from "./update-page.ts";

/**
 * Reads a page with the target's credential, and returns what the next state would change on it. Writes nothing. The
 * rows of the board are not read, so the preview is made with one example row.
 */
export async function previewPage(previewed: PreviewedTarget, page: string, deps: PreviewDeps): Promise<Preview> {
  if (!isPageId(page)) return nothing("no page's id: it is the number in the page's address", { page });
  const target = v.parse(targetSettings, previewed.settings);
  const client = pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    ...(await accessTo(target, deps)),
    ownAccount: NO_WRITES,
    credential: "",
    traceparent: undefined,
    timeoutMs: target.timeoutSeconds * 1000,
    signal: new AbortController().signal,
    cooldown: NO_COOLDOWN,
    clock: deps.clock,
  });
  const { region, spaces, pages } = target;
  const allowed = { spaces, pages };
  const refused = excludedById(page, allowed);
  if (refused) return nothing(refused.summary, { page });
  const read = await client.read(page);
  if (!read.ok) return nothing(read.failure.ending.summary, { page });
  const { title, version, format } = read.value;
  const isDocument = format.representation === "atlas_doc_format";
  const facts = { page: `${page} "${title}", version ${version.number}${isDocument ? ", of the new editor" : ""}` };
  const why = whyUnwritable(read.value);
  if (why) return nothing(`the page is ${why}`, facts);
  const exclusion = await excluded(page, read.value, { allowed, region, spaceKeys: new SpaceKeys(deps.clock), client });
  if (exclusion) return nothing(exclusion.summary, facts);
  const look = { ...paceOf(target), linkHosts: target.linkHosts, isFlat: client.isFlat };
  const of = { page, region, whenMissing: "append", ...client.newRegion } as const;
  const document = await format.read(read.value.body);
  if ("unreadable" in document) return nothing(document.unreadable, facts);
  const splice = await spliceRegion(document, renderLayout([EXAMPLE], look, target.layout), of);
  if (splice.kind === "unusable") return nothing(splice.why, facts);
  if (splice.kind !== "changed") return nothing("the page shows the example already", facts);
  if (previewed.routes.length === 0) return nothing("no route writes states to this target", facts);
  const routes = previewed.routes
    .map(({ name, options }) => ({ name, ...v.parse(routeOptions, options) }))
    .filter((route) => route.documentedBy !== undefined || route.page === page || !isPageId(route.page ?? ""));
  if (routes.length === 0) return nothing("each route of the target names another page", facts);
  const isAsked = read.value.labels.includes(region);
  const skipping = routes.filter(({ whenMissing }) => !isAsked && whenMissing === "skip");
  const names = skipping.map(({ name }) => name).join(", ");
  if (splice.place.isNew && skipping.length === routes.length) {
    const skipped = `whenMissing is skip in each route of the target: ${names}`;
    return nothing(`the page has no region and no label ${region}, and ${skipped}`, facts);
  }
  return {
    writes: true,
    facts: {
      ...facts,
      would: splice.place.isNew ? "add a region" : "replace what a bridge wrote in the region",
      content: `${textOf(renderLayout([], look, target.layout))}, and one row for each ${ROWS[target.layout]}`,
      where: whereOf(splice, document, { newRegion: client.newRegion, isDocument }),
      ...(target.outdated && { "last line": await lastLineOf(read.value, target.outdated) }),
      ...(splice.from !== undefined && { "copied from": `page ${splice.from}; the region becomes this page's own` }),
      ...(splice.moved !== undefined && {
        moves: `to below the region, because no bridge wrote it: ${textOf(splice.moved) || "content without text"}`,
      }),
      ...(splice.place.isNew &&
        skipping.length > 0 && { except: `routes with whenMissing: skip, which write nothing: ${names}` }),
      unknown: `whether the account may edit the page${splice.place.isNew ? ", and whether somebody deleted the region" : ""}: only a write shows that`,
    },
  };
}

/** What the region's last line counts. The document of the new editor is not searched for the page's properties. */
async function lastLineOf({ format, body }: StoredPage, { after }: { readonly after: number }): Promise<string> {
  const isStorage = format.representation === "storage";
  const { subjects, paths } = isStorage ? await documentedOn(body) : { subjects: new Set<string>(), paths: [] };
  if (isStorage && subjects.size === 0) return "none: no Page Properties of the page name a repository";
  const repositories = isStorage ? [...subjects].join(", ") : "the repositories in its Page Properties";
  const within = paths.length > 0 ? ` that touch ${paths.join(", ")}` : "";
  const since = `since a person edited or reviewed the page; page.outdated from ${after} on`;
  return cutText(`the commits in ${repositories}${within}, ${since}`);
}

const nothing = (why: string, facts: Readonly<Record<string, string>>): Preview => ({
  writes: false,
  facts: { ...facts, would: "write nothing", "why not": why },
});

type Changed = Extract<Splice, { readonly kind: "changed" }>;

interface Form {
  readonly newRegion: NewRegion;
  /** The offsets are not those of the body that the page has. */
  readonly isDocument: boolean;
}

function whereOf({ place }: Changed, { storage }: PageDocument, { newRegion, isDocument }: Form): string {
  const carrier = place.carrier === "excerpt" ? "in an excerpt macro" : "between two anchors";
  if (place.isInNewSection)
    return `${carrier}, in a new section (${newRegion.section}) at the end of the page's layout`;
  if (place.isNew) return `${carrier}, at the end of the page`;
  const headings = Array.from(storage.slice(0, place.at).matchAll(/<h[1-6][ >].*?<\/h[1-6]>/gs), ([heading]) =>
    textOf(heading),
  );
  const heading = headings.findLast((text) => text !== "");
  const offset = isDocument ? [] : [`at character ${place.at} of ${storage.length}`];
  const below = heading === undefined ? [] : [`below the heading "${heading}"`];
  return [carrier, ...offset, ...below].join(", ");
}

/** The text of markup, for one line. */
function textOf(markup: string): string {
  const text = resolveReferences(markup.replace(/<!\[CDATA\[|\]\]>/g, "").replace(/<[^>]*>/g, " "))
    .replace(/\s+/g, " ")
    .trim();
  return cutText(text);
}

const cutText = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

const MAX_TEXT = 200;

const ROWS = { board: "pipeline and place", releases: "deployment" } as const;

const EXAMPLE: BoardRow = {
  key: "example",
  delivery: "example",
  build: {
    system: "example",
    id: "example",
    pipeline: "example",
    state: "succeeded",
    release: { kind: "deployment", names: [] },
  },
};
