import { isPageId } from "./page-address.ts";
import type { PageDocument, Place, Region } from "./page-document.ts";
import { attributeOf, type Element } from "./storage-elements.ts";
import { resolveReferences } from "./storage-text.ts";

/** Names a region: the target's `region`, and the page that it belongs to. */
export interface RegionName {
  /** The region's name in the target's settings. It distinguishes the regions of several bridges. */
  readonly region: string;
  /** The page's id. */
  readonly page: string;
}

/** A region of which something is missing, or there is too much. */
interface Broken {
  readonly broken: string;
}

/** Returns all regions with the bridge's name, whatever page they name. */
export function findRegions(page: PageDocument, name: RegionName): readonly (Region | Broken)[] {
  const macros = page.elements.filter((element) => element.name === "ac:structured-macro");
  return [...excerptRegions(page, macros, name), ...anchorRegions(page, macros, name)];
}

/** The name of a region that the bridge writes. */
export const nameOf = ({ region, page }: RegionName): string => `${region}:${page}`;

/** The part of a name behind the region's: a page's id, or undefined for the plain name. */
interface Named {
  readonly page: string | undefined;
}

/** A person may have written the name with capitals, blanks or references. */
function namedIn(written: string, region: string): Named | undefined {
  const [name = "", page, more] = plain(written)
    .split(":")
    .map((part) => part.trim());
  if (name !== region || more !== undefined) return undefined;
  return page === undefined || isPageId(page) ? { page } : undefined;
}

const plain = (written: string): string => resolveReferences(written).trim().toLowerCase();

function excerptRegions(
  { storage }: PageDocument,
  macros: readonly Element[],
  name: RegionName,
): readonly (Region | Broken)[] {
  return macros.flatMap((element) => {
    const place = isMacro(element, "excerpt") ? parameterIn(element, "name") : undefined;
    const named = place && namedIn(storage.slice(place.start, place.end), name.region);
    return named ? [regionOfExcerpt(element, place, named, name)] : [];
  });
}

/** Confluence stores an emptied body as `<ac:rich-text-body />`, or not at all. */
function regionOfExcerpt(excerpt: Element, place: Place, { page }: Named, name: RegionName): Region | Broken {
  const [body, second] = excerpt.children.filter((child) => child.name === "ac:rich-text-body");
  if (second) return { broken: `its ${name.region} region has two bodies` };
  const parts = [{ macro: excerpt, name: place, own: nameOf(name) }];
  const elements = body?.children ?? [];
  const region = { carrier: "excerpt", page, parts, elements, first: excerpt, last: excerpt } as const;
  if (!body) return { ...region, content: { start: excerpt.inner.end, end: excerpt.inner.end }, hasBody: false };
  const isEmptyTag = body.inner.start === body.end;
  return { ...region, content: isEmptyTag ? body : body.inner, hasBody: !isEmptyTag };
}

/** An anchor of a region. */
interface Anchor extends Named {
  readonly side: "start" | "end";
  readonly macro: Element;
  /** The anchor, with a paragraph that contains nothing else. */
  readonly block: Element;
  readonly name: Place;
}

function anchorRegions(
  { storage: body, elements, blockParents }: PageDocument,
  macros: readonly Element[],
  name: RegionName,
): readonly (Region | Broken)[] {
  const anchors = macros.flatMap((element) => {
    const place = isMacro(element, "anchor") ? parameterIn(element, "") : undefined;
    const [, written = "", side] =
      /^(.*)-(start|end)$/s.exec(place ? plain(body.slice(place.start, place.end)) : "") ?? [];
    const named = namedIn(written, name.region);
    if (!place || !named || (side !== "start" && side !== "end")) return [];
    return [{ ...named, side, macro: element, block: blockOf(body, element), name: place } satisfies Anchor];
  });
  if (anchors.length === 0) return [];
  const [start, end, third] = anchors;
  const parent = start?.block.parent;
  const isRegion =
    start?.side === "start" &&
    end?.side === "end" &&
    !third &&
    start.page === end.page &&
    parent === end.block.parent &&
    start.block.end <= end.block.start &&
    blockParents.has(parent?.name ?? "");
  if (!isRegion) {
    return [{ broken: `its anchors ${name.region}-start and ${name.region}-end do not enclose one region` }];
  }
  const content = { start: start.block.end, end: end.block.start };
  const parts = [start, end].map(({ side, ...anchor }) => ({ ...anchor, own: anchorName(name, side) }));
  const inside = elements.filter(
    (one) => one.parent === parent && one.start >= content.start && one.end <= content.end,
  );
  const { page, block: first } = start;
  return [{ carrier: "anchors", page, content, hasBody: true, elements: inside, parts, first, last: end.block }];
}

/** The name of an anchor that the bridge writes. */
export const anchorName = (name: RegionName, side: Anchor["side"]): string => `${nameOf(name)}-${side}`;

/** Both editors put an anchor into a paragraph. A paragraph that contains only the anchor is used in its place. */
function blockOf(body: string, anchor: Element): Element {
  const { parent } = anchor;
  if (parent?.name !== "p") return anchor;
  const beside = body.slice(parent.inner.start, anchor.start) + body.slice(anchor.end, parent.inner.end);
  return beside.trim() === "" ? parent : anchor;
}

const isMacro = (element: Element, macro: string): boolean => attributeOf(element, "ac:name") === macro;

const parameterIn = ({ children }: Element, parameter: string): Place | undefined =>
  children.find((child) => child.name === "ac:parameter" && attributeOf(child, "ac:name") === parameter)?.inner;
