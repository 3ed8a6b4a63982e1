import {
  anchorName,
  BLOCK_PARENTS,
  type Carrier,
  findRegions,
  nameOf,
  type Place,
  type Region,
  type RegionName,
} from "./find-region.ts";
import { divideContent, isBlankText, isMovedLine, MOVED } from "./own-content.ts";
import { sameContent } from "./same-content.ts";
import { type Element, readElements } from "./storage-elements.ts";

/** Identifies a region of a page, and how a new one is written. */
export interface RegionOfPage extends RegionName, NewRegion {
  readonly whenMissing: "append" | "skip";
}

/** The form of a new region, which depends on the product. A region that exists keeps its form. */
export interface NewRegion {
  readonly carrier: Carrier;
  /** The type of a section with one column, if the page has a layout. */
  readonly section: "single" | "fixed-width";
}

/**
 * The result of writing `content` into the status region of a page. `changed`: the new body, which differs from the
 * page only in that region, and in what was moved from the region to behind it. `unchanged`: the region has this
 * content already. `absent`: the page has no region and gets none. `unusable`: the page must not be changed.
 */
export type Splice =
  | {
      readonly kind: "changed";
      readonly body: string;
      readonly place: RegionPlace;
      /** The page from which the region was copied. It is this page's now. */
      readonly from?: string;
      /** The markup of people that was moved out of the region, byte for byte. */
      readonly moved?: string;
    }
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly why: string };

/** Where the region is. */
interface RegionPlace {
  readonly carrier: Carrier;
  readonly isNew: boolean;
  /** Whether a new region gets a section of the page's layout. */
  readonly isInNewSection: boolean;
  /** Offset of the content in the body before the change. */
  readonly at: number;
}

/**
 * Puts `content` into the only region of `body`. If there is no region and `whenMissing` is `append`, it is added at
 * the end. The page is parsed only to find offsets and is never serialized again: everything outside the region is
 * copied as is.
 *
 * A region is the body of an `excerpt` macro whose `name` is `<region>:<page id>`, or what stands between two anchors
 * `<region>:<page id>-start` and `-end`. A person chooses the place of a region with the name `<region>` alone. Such a
 * region is used only if it is blank or has a table of a bridge, because the name alone may be a coincidence. A region
 * with another page's id was copied with that page, and becomes this page's.
 *
 * What a bridge wrote in the region is replaced. Everything else in it was written by people. It is moved behind the
 * region, byte for byte. If a page has two regions, nothing is replaced, because it is unknown which one belongs to the
 * bridge.
 */
export function spliceRegion(body: string, content: string, of: RegionOfPage): Splice {
  const elements = readElements(body);
  if ("malformed" in elements) {
    return unusable(`its storage format cannot be read: ${elements.malformed}, at character ${elements.at}`);
  }
  const [found, second] = findRegions(body, elements, of);
  if (second) return unusable(`it has more than one region named ${of.region}`);
  if (!found) return of.whenMissing === "append" ? appended(body, elements, content, of) : { kind: "absent" };
  if ("broken" in found) return unusable(found.broken);
  const old = found.hasBody ? textIn(found.content, body) : "";
  if (found.hasBody && sameContent(old, content)) return { kind: "unchanged" };
  const { persons, hasTable } = found.hasBody
    ? divideContent(body, { ...found.content, elements: found.elements })
    : NO_CONTENT;
  if (found.page === undefined && persons !== "" && !hasTable) {
    return unusable(
      `its region ${of.region} has only content that no bridge wrote: empty it, or rename the target's region`,
    );
  }
  const {
    carrier,
    page,
    content: { start: at },
  } = found;
  return {
    kind: "changed",
    body: edited(body, [...replacement(found, content, of), ...moved(body, elements, found, persons)]),
    place: { carrier, isNew: false, isInNewSection: false, at },
    ...(page !== undefined && page !== of.page && { from: page }),
    ...(persons !== "" && { moved: persons }),
  };
}

/** Returns the content of the only region of `body`; undefined if there is none, or more than one. */
export function regionContent(body: string, name: RegionName): string | undefined {
  const elements = readElements(body);
  const [found, second] = "malformed" in elements ? [] : findRegions(body, elements, name);
  return found && !second && "content" in found && found.hasBody ? textIn(found.content, body) : undefined;
}

const NO_CONTENT = { persons: "", hasTable: false };

const unusable = (why: string): Splice => ({ kind: "unusable", why });
const textIn = ({ start, end }: Place, body: string): string => body.slice(start, end);

interface Edit extends Place {
  readonly text: string;
}

/** Makes the edits from the end, so that the offsets before each stay valid. */
const edited = (body: string, edits: readonly Edit[]): string =>
  edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((text, { start, end, text: next }) => text.slice(0, start) + next + text.slice(end), body);

/** Anchors with the plain name keep it, because a person's links may lead to them. */
function replacement(
  { carrier, page, content, hasBody, names }: Region,
  text: string,
  of: RegionOfPage,
): readonly Edit[] {
  const isRenamed = carrier === "excerpt" || (page !== undefined && page !== of.page);
  const renamed = isRenamed ? names.map(({ start, end, own }) => ({ start, end, text: own })) : [];
  return [{ ...content, text: hasBody ? text : bodyOf(text) }, ...renamed];
}

/** Puts `markup` behind the region, where a block may stand, below a line that says why. */
function moved(body: string, elements: readonly Element[], { last }: Region, markup: string): readonly Edit[] {
  if (markup === "") return [];
  let block = last;
  while (block.parent && !BLOCK_PARENTS.has(block.parent.name)) block = block.parent;
  const next = elements.find((one) => one.parent === block.parent && one.start >= block.end);
  // The line stands there already if something was moved before.
  const line = next && isMovedLine(next, body) && isBlankText(body.slice(block.end, next.start)) ? next : undefined;
  const at = (line ?? block).end;
  return [{ start: at, end: at, text: line ? markup : MOVED + markup }];
}

/**
 * A page whose last element is a layout has content only in the cells of its sections
 * (https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, Page layouts).
 */
function appended(body: string, elements: readonly Element[], content: string, of: RegionOfPage): Splice {
  const region = CARRIERS[of.carrier](content, of);
  const last = elements.findLast(({ parent }) => !parent);
  const isInNewSection = last?.name === "ac:layout" && last.inner.end < last.end && isBlankText(body.slice(last.end));
  const at = isInNewSection ? last.inner.end : body.length;
  const text = isInNewSection
    ? `<ac:layout-section ac:type="${of.section}"><ac:layout-cell>${region}</ac:layout-cell></ac:layout-section>`
    : region;
  const place = { carrier: of.carrier, isNew: true, isInNewSection, at };
  return { kind: "changed", body: edited(body, [{ start: at, end: at, text }]), place };
}

const CARRIERS: Readonly<Record<Carrier, (content: string, name: RegionName) => string>> = {
  // `BLOCK` lets the macro hold a table.
  excerpt: (content, name) =>
    `<ac:structured-macro ac:name="excerpt">${parameterOf("atlassian-macro-output-type", "BLOCK")}` +
    `${parameterOf("name", nameOf(name))}${bodyOf(content)}</ac:structured-macro>`,
  anchors: (content, name) => anchorOf(anchorName(name, "start")) + content + anchorOf(anchorName(name, "end")),
};

const parameterOf = (name: string, value: string) => `<ac:parameter ac:name="${name}">${value}</ac:parameter>`;
const bodyOf = (content: string) => `<ac:rich-text-body>${content}</ac:rich-text-body>`;
const anchorOf = (name: string) =>
  `<p><ac:structured-macro ac:name="anchor">${parameterOf("", name)}</ac:structured-macro></p>`;
