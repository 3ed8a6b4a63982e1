import { isPageId } from "./page-address.ts";
import { OPENINGS } from "./render-region.ts";
import { hasContent, sameContent } from "./same-content.ts";
import { attributeOf, type Element, readElements } from "./storage-elements.ts";

/** Identifies a region of a page. */
export interface RegionOfPage {
  /** The region's name in the target's settings. It distinguishes the regions of several bridges. */
  readonly region: string;
  /** The page's id. */
  readonly page: string;
  readonly whenMissing: "append" | "skip";
}

/**
 * The result of writing `content` into the status region of a page. `changed`: the new body, which differs from the
 * page only in that region, byte for byte. `unchanged`: the region has this content already. `absent`: the page has no
 * region and gets none. `unusable`: the page must not be changed.
 */
type Splice =
  /** `from` is a page's id: the region was copied from that page, and is this page's now. */
  | { readonly kind: "changed"; readonly body: string; readonly from?: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly why: string };

/**
 * Puts `content` into the only region of `body`. If there is no region and `whenMissing` is `append`, it is added at
 * the end. The page is parsed only to find offsets and is never serialized again: everything outside the region is
 * copied as is.
 *
 * The region is the body of an `excerpt` macro, which Cloud's editor keeps with its parameters. Its `name` is
 * `<region>:<page id>`, and its content is always replaced. Three other forms are replaced only if they are empty or
 * contain what a bridge has written, never a person's text: an excerpt that a person named `<region>`, two anchors
 * `<region>-start` and `<region>-end` that a person set, and a region with another page's id. Such an excerpt then gets
 * this page's name. If a page has two regions, nothing is replaced, because it is unknown which one belongs to the
 * bridge.
 */
export function spliceRegion(body: string, content: string, of: RegionOfPage): Splice {
  const elements = readElements(body);
  if ("malformed" in elements) {
    return unusable(`its storage format cannot be read: ${elements.malformed}, at character ${elements.at}`);
  }
  const [found, second] = [...excerptRegions(body, elements, of), ...anchorRegions(body, elements, of.region)];
  if (second) return unusable(`it has more than one region named ${of.region}`);
  if (!found) {
    return of.whenMissing === "append" ? { kind: "changed", body: body + excerptOf(content, of) } : { kind: "absent" };
  }
  if ("broken" in found) return unusable(found.broken);
  const old = found.inner ? textIn(found, body) : "";
  if (found.inner && sameContent(old, content)) return { kind: "unchanged" };
  const name = found.name && textIn(found.name, body);
  if (name !== nameOf(of) && !sameContent(old, "") && !OPENINGS.some((opening) => hasContent(old, opening))) {
    return unusable(
      `its region ${name ?? of.region} has content that no bridge wrote: empty it, or rename the target's region`,
    );
  }
  const from = name?.slice(of.region.length + 1) ?? "";
  const next = replaced(body, found, content, of);
  return from === "" || from === of.page ? { kind: "changed", body: next } : { kind: "changed", body: next, from };
}

/** Returns the content of the only region of `body`; undefined if there is none, or more than one. */
export function regionContent(body: string, of: RegionOfPage): string | undefined {
  const elements = readElements(body);
  if ("malformed" in elements) return undefined;
  const [found, second] = [...excerptRegions(body, elements, of), ...anchorRegions(body, elements, of.region)];
  return found && !second && "inner" in found && found.inner ? textIn(found, body) : undefined;
}

const nameOf = ({ region, page }: RegionOfPage): string => `${region}:${page}`;

interface Place {
  readonly start: number;
  readonly end: number;
}

/** From `start` to `end` is the content (`inner`), or what a rich text body replaces. */
interface Region extends Place {
  readonly inner: boolean;
  /** The place of an excerpt's name; undefined for anchors. */
  readonly name?: Place;
}

interface Broken {
  readonly broken: string;
}

const unusable = (why: string): Splice => ({ kind: "unusable", why });
const textIn = ({ start, end }: Place, body: string): string => body.slice(start, end);

/** `BLOCK` lets the macro hold a table. */
const excerptOf = (content: string, of: RegionOfPage): string =>
  `<ac:structured-macro ac:name="excerpt">${parameterOf("atlassian-macro-output-type", "BLOCK")}` +
  `${parameterOf("name", nameOf(of))}${bodyOf(content)}</ac:structured-macro>`;
const parameterOf = (name: string, value: string) => `<ac:parameter ac:name="${name}">${value}</ac:parameter>`;
const bodyOf = (content: string) => `<ac:rich-text-body>${content}</ac:rich-text-body>`;

function replaced(body: string, { start, end, inner, name }: Region, content: string, of: RegionOfPage): string {
  const edits = [{ start, end, text: inner ? content : bodyOf(content) }];
  if (name) edits.push({ ...name, text: nameOf(of) });
  // From the end, so that the offsets before it stay valid.
  return edits
    .sort((one, other) => other.start - one.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), body);
}

function excerptRegions(
  body: string,
  elements: readonly Element[],
  { region }: RegionOfPage,
): readonly (Region | Broken)[] {
  return elements.flatMap((element) => {
    const name = isMacro(element, "excerpt") ? parameterIn(element, "name") : undefined;
    const written = name && textIn(name, body);
    const isOurs =
      written === region || (written?.startsWith(`${region}:`) && isPageId(written.slice(region.length + 1)));
    return name && isOurs ? [regionOfExcerpt(element, name, region)] : [];
  });
}

/** Confluence stores an emptied body as `<ac:rich-text-body />`, or not at all. */
function regionOfExcerpt(excerpt: Element, name: Place, region: string): Region | Broken {
  const [body, second] = excerpt.children.filter((child) => child.name === "ac:rich-text-body");
  if (second) return { broken: `its ${region} region has two bodies` };
  if (!body) return { start: excerpt.inner.end, end: excerpt.inner.end, inner: false, name };
  if (body.inner.start === body.end) return { start: body.start, end: body.end, inner: false, name };
  return { ...body.inner, inner: true, name };
}

function anchorRegions(body: string, elements: readonly Element[], region: string): readonly (Region | Broken)[] {
  const [starts, ends] = ["start", "end"].map((side) =>
    elements
      .filter((element) => {
        const name = isMacro(element, "anchor") ? parameterIn(element, "") : undefined;
        return name && textIn(name, body) === `${region}-${side}`;
      })
      .map((anchor) => blockOf(body, anchor)),
  );
  const [[start, ...otherStarts], [end, ...otherEnds]] = [starts ?? [], ends ?? []];
  if (!start && !end) return [];
  const isPair = start && end && start.parent === end.parent && start.end <= end.start;
  if (!isPair || otherStarts.length + otherEnds.length > 0 || !BLOCK_PARENTS.has(start.parent?.name ?? "")) {
    return [{ broken: `its anchors ${region}-start and ${region}-end do not enclose one region` }];
  }
  return [{ start: start.end, end: end.start, inner: true }];
}

/** Both editors put an anchor into a paragraph. A paragraph that contains only the anchor is used in its place. */
function blockOf(body: string, anchor: Element): Element {
  const { parent } = anchor;
  if (parent?.name !== "p") return anchor;
  const beside = body.slice(parent.inner.start, anchor.start) + body.slice(anchor.end, parent.inner.end);
  return beside.trim() === "" ? parent : anchor;
}

/** Elements that may contain a table. The empty name is the top of a page. */
const BLOCK_PARENTS: ReadonlySet<string> = new Set([
  "",
  "ac:rich-text-body",
  "ac:layout-cell",
  "td",
  "th",
  "div",
  "blockquote",
]);

const isMacro = (element: Element, macro: string): boolean =>
  element.name === "ac:structured-macro" && attributeOf(element, "ac:name") === macro;

const parameterIn = ({ children }: Element, parameter: string): Place | undefined =>
  children.find((child) => child.name === "ac:parameter" && attributeOf(child, "ac:name") === parameter)?.inner;
