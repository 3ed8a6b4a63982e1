import { isPageId } from "./page-address.ts";
import { attributeOf, type Element } from "./storage-elements.ts";
import { resolveReferences } from "./storage-text.ts";

/** Names a region: the target's `region`, and the page that it belongs to. */
export interface RegionName {
  /** The region's name in the target's settings. It distinguishes the regions of several bridges. */
  readonly region: string;
  /** The page's id. */
  readonly page: string;
}

/** A region that was found on a page. All offsets are into the page's body. */
export interface Region {
  readonly carrier: Carrier;
  /** The page in its name; undefined if it has the plain name, which a person can have chosen. */
  readonly page: string | undefined;
  /** The content, or what a new rich text body replaces; then `hasBody` is false. */
  readonly content: Place;
  readonly hasBody: boolean;
  /** The elements of the content. */
  readonly elements: readonly Element[];
  /** The places of its name, and what each holds in a region of this page. */
  readonly names: readonly (Place & { readonly own: string })[];
  /** Its last element: the macro, or the end anchor with its paragraph. */
  readonly last: Element;
}

/** The macros that enclose a region: the body of an excerpt, or two anchors. */
export type Carrier = "excerpt" | "anchors";

export interface Place {
  readonly start: number;
  readonly end: number;
}

/** A region of which something is missing, or there is too much. */
interface Broken {
  readonly broken: string;
}

/** Returns all regions with the bridge's name, whatever page they name. */
export function findRegions(
  body: string,
  elements: readonly Element[],
  name: RegionName,
): readonly (Region | Broken)[] {
  return [...excerptRegions(body, elements, name), ...anchorRegions(body, elements, name)];
}

/** The name of a region that the bridge writes. */
export const nameOf = ({ region, page }: RegionName): string => `${region}:${page}`;

/** Elements that may contain a table. The empty name is the top of a page. */
export const BLOCK_PARENTS: ReadonlySet<string> = new Set([
  "",
  "ac:rich-text-body",
  "ac:layout-cell",
  "td",
  "th",
  "div",
  "blockquote",
]);

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

function excerptRegions(body: string, elements: readonly Element[], name: RegionName): readonly (Region | Broken)[] {
  return elements.flatMap((element) => {
    const place = isMacro(element, "excerpt") ? parameterIn(element, "name") : undefined;
    const named = place && namedIn(body.slice(place.start, place.end), name.region);
    return named ? [regionOfExcerpt(element, place, named, name)] : [];
  });
}

/** Confluence stores an emptied body as `<ac:rich-text-body />`, or not at all. */
function regionOfExcerpt(excerpt: Element, place: Place, { page }: Named, name: RegionName): Region | Broken {
  const [body, second] = excerpt.children.filter((child) => child.name === "ac:rich-text-body");
  if (second) return { broken: `its ${name.region} region has two bodies` };
  const names = [{ ...place, own: nameOf(name) }];
  const region = { carrier: "excerpt", page, names, elements: body?.children ?? [], last: excerpt } as const;
  if (!body) return { ...region, content: { start: excerpt.inner.end, end: excerpt.inner.end }, hasBody: false };
  const isEmptyTag = body.inner.start === body.end;
  return { ...region, content: isEmptyTag ? body : body.inner, hasBody: !isEmptyTag };
}

/** An anchor of a region. */
interface Anchor extends Named {
  readonly side: "start" | "end";
  /** The anchor, with a paragraph that contains nothing else. */
  readonly block: Element;
  readonly name: Place;
}

function anchorRegions(body: string, elements: readonly Element[], name: RegionName): readonly (Region | Broken)[] {
  const anchors = elements.flatMap((element) => {
    const place = isMacro(element, "anchor") ? parameterIn(element, "") : undefined;
    const [, written = "", side] =
      /^(.*)-(start|end)$/s.exec(place ? plain(body.slice(place.start, place.end)) : "") ?? [];
    const named = namedIn(written, name.region);
    if (!place || !named || (side !== "start" && side !== "end")) return [];
    return [{ ...named, side, block: blockOf(body, element), name: place } satisfies Anchor];
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
    BLOCK_PARENTS.has(parent?.name ?? "");
  if (!isRegion) {
    return [{ broken: `its anchors ${name.region}-start and ${name.region}-end do not enclose one region` }];
  }
  const content = { start: start.block.end, end: end.block.start };
  const names = [start, end].map((anchor) => ({ ...anchor.name, own: anchorName(name, anchor.side) }));
  const inside = elements.filter(
    (one) => one.parent === parent && one.start >= content.start && one.end <= content.end,
  );
  return [{ carrier: "anchors", page: start.page, content, hasBody: true, elements: inside, names, last: end.block }];
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

const isMacro = (element: Element, macro: string): boolean =>
  element.name === "ac:structured-macro" && attributeOf(element, "ac:name") === macro;

const parameterIn = ({ children }: Element, parameter: string): Place | undefined =>
  children.find((child) => child.name === "ac:parameter" && attributeOf(child, "ac:name") === parameter)?.inner;
