import { anchorName, findRegions, nameOf, type RegionName } from "./find-region.ts";
import {
  divideContent,
  isBlankText,
  isCodeLine,
  isMovedLine,
  MAX_ELEMENTS,
  MOVED,
  STATUS_SHAPES,
  SUMMARY_SHAPES,
} from "./own-content.ts";
import type { Carrier, Change, PageDocument, ReadDocument, Region } from "./page-document.ts";
import { sameContent } from "./same-content.ts";
import { isUnchangedSummary } from "./summary-table.ts";

/** Identifies a region of a page, and how a new one is written. */
export interface RegionOfPage extends RegionName, NewRegion {
  readonly whenMissing: "append" | "skip";
  /** Is written behind the content; empty if there is none. Another last line alone is no reason to change the page. */
  readonly lastLine?: string;
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
      /** What people wrote in the region and was moved out of it, as storage format. */
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
  /** Offset of the content in the page as storage format, before the change. */
  readonly at: number;
}

/**
 * Puts `content` into the only region of `page`. If there is no region and `whenMissing` is `append`, it is added at the
 * end.
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
export async function spliceRegion(page: ReadDocument, content: string, of: RegionOfPage): Promise<Splice> {
  if ("unreadable" in page) return unusable(page.unreadable);
  const [found, second] = findRegions(page, of);
  if (second) return unusable(`it has more than one region named ${of.region}`);
  const markup = content + (of.lastLine ?? "");
  if (!found) return of.whenMissing === "append" ? appended(page, markup, of) : { kind: "absent" };
  if ("broken" in found) return unusable(found.broken);
  if (found.hasBody && sameContent(withoutLastLine(found, page), content)) return { kind: "unchanged" };
  const { persons, hasTable } = found.hasBody
    ? divideContent(page.storage, {
        ...found.content,
        elements: found.elements,
        shapes: isUnchangedSummary(content) ? SUMMARY_SHAPES : STATUS_SHAPES,
      })
    : NO_CONTENT;
  if (found.page === undefined && persons !== "" && !hasTable) {
    return unusable(
      `its region ${of.region} has only content that no bridge wrote: empty it, or rename the target's region`,
    );
  }
  const { carrier, page: from } = found;
  return {
    kind: "changed",
    body: await page.changed([...replacement(found, markup, of), ...moved(page, found, persons)]),
    place: { carrier, isNew: false, isInNewSection: false, at: found.content.start },
    ...(from !== undefined && from !== of.page && { from }),
    ...(persons !== "" && { moved: persons }),
  };
}

/**
 * Returns the content of the only region of `page` as storage format, without its last line; undefined if there is none, or
 * more than one.
 */
export function regionContent(page: ReadDocument, name: RegionName): string | undefined {
  if ("unreadable" in page) return undefined;
  const [found, second] = findRegions(page, name);
  return found && !second && "content" in found && found.hasBody ? withoutLastLine(found, page) : undefined;
}

const NO_CONTENT = { persons: "", hasTable: false };

const unusable = (why: string): Splice => ({ kind: "unusable", why });

function withoutLastLine({ content: { start, end }, elements }: Region, { storage }: PageDocument): string {
  const line = elements.slice(0, MAX_ELEMENTS).find((element) => isCodeLine(element, storage));
  return line ? storage.slice(start, line.start) + storage.slice(line.end, end) : storage.slice(start, end);
}

/** Anchors with the plain name keep it, because a person's links may lead to them. */
function replacement(region: Region, markup: string, of: RegionOfPage): readonly Change[] {
  const { carrier, page, parts } = region;
  const isRenamed = carrier === "excerpt" || (page !== undefined && page !== of.page);
  const renamed: readonly Change[] = isRenamed ? parts.map((part) => ({ kind: "name", part })) : [];
  return [{ kind: "content", region, markup }, ...renamed];
}

/** Puts `markup` behind the region, where a block may stand, below a line that says why. */
function moved({ storage, elements, blockParents }: PageDocument, { last }: Region, markup: string): readonly Change[] {
  if (markup === "") return [];
  let block = last;
  while (block.parent && !blockParents.has(block.parent.name)) block = block.parent;
  const next = elements.find((one) => one.parent === block.parent && one.start >= block.end);
  // The line stands there already if something was moved before.
  const line =
    next && isMovedLine(next, storage) && isBlankText(storage.slice(block.end, next.start)) ? next : undefined;
  return [{ kind: "after", element: line ?? block, markup: line ? markup : MOVED + markup }];
}

/**
 * A page in storage format whose last element is a layout has content only in the cells of its sections
 * (https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, Page layouts).
 */
async function appended(page: PageDocument, content: string, of: RegionOfPage): Promise<Splice> {
  const region = CARRIERS[of.carrier](content, of);
  const isInNewSection = page.lastLayout !== undefined;
  const markup = isInNewSection
    ? `<ac:layout-section ac:type="${of.section}"><ac:layout-cell>${region}</ac:layout-cell></ac:layout-section>`
    : region;
  const at = page.lastLayout?.inner.end ?? page.storage.length;
  const place = { carrier: of.carrier, isNew: true, isInNewSection, at };
  return { kind: "changed", body: await page.changed([{ kind: "append", markup }]), place };
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
