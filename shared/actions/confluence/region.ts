import { sameContent } from "./same-content.ts";
import { attributeOf, type Element, readElements } from "./storage-elements.ts";

/**
 * What becomes of a page when its status region is to hold `content`. `changed` differs from the page in that region
 * alone, byte for byte; `unchanged` says it already; `absent` has no region and shall get none; `unusable` is not touched.
 */
type Splice =
  | { readonly kind: "changed"; readonly body: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly why: string };

/**
 * Puts `content` into the one region of `body`, or behind everything when there is none and `whenMissing` says so. The
 * page is read to find offsets and is never printed again: all but the region is copied as it stands.
 *
 * The region is the body of an `excerpt` macro whose `name` is `drawbridge`, which Cloud's editor keeps with its
 * parameters; or what lies between two anchors, `drawbridge-start` and `drawbridge-end`, that a person set. Two regions
 * are none: which one is ours cannot be told, so nothing is replaced.
 */
export function spliceRegion(body: string, content: string, whenMissing: "append" | "skip"): Splice {
  const elements = readElements(body);
  if ("malformed" in elements) {
    return unusable(`its storage format cannot be read: ${elements.malformed}, at character ${elements.at}`);
  }
  const [region, second] = [...excerptRegions(body, elements), ...anchorRegions(body, elements)];
  if (second) return unusable(`it has more than one region named ${REGION_NAME}`);
  if (!region) {
    return whenMissing === "append" ? { kind: "changed", body: body + excerptOf(content) } : { kind: "absent" };
  }
  if ("broken" in region) return unusable(region.broken);
  const { start, end, inner } = region;
  if (inner && sameContent(body.slice(start, end), content)) return { kind: "unchanged" };
  return { kind: "changed", body: body.slice(0, start) + (inner ? content : bodyOf(content)) + body.slice(end) };
}

const REGION_NAME = "drawbridge";

/** From `start` to `end` stands the content (`inner`), or what a rich text body shall replace. */
type Region = { readonly start: number; readonly end: number; readonly inner: boolean } | { readonly broken: string };

const unusable = (why: string): Splice => ({ kind: "unusable", why });

/** `BLOCK` lets the macro hold a table. */
const excerptOf = (content: string): string =>
  `<ac:structured-macro ac:name="excerpt">${parameterOf("atlassian-macro-output-type", "BLOCK")}` +
  `${parameterOf("name", REGION_NAME)}${bodyOf(content)}</ac:structured-macro>`;
const parameterOf = (name: string, value: string) => `<ac:parameter ac:name="${name}">${value}</ac:parameter>`;
const bodyOf = (content: string) => `<ac:rich-text-body>${content}</ac:rich-text-body>`;

function excerptRegions(body: string, elements: readonly Element[]): readonly Region[] {
  return elements.filter((element) => isMacro(body, element, "excerpt", "name", REGION_NAME)).map(regionOfExcerpt);
}

/** Confluence keeps an emptied body as `<ac:rich-text-body />`, or not at all. */
function regionOfExcerpt(excerpt: Element): Region {
  const [body, second] = excerpt.children.filter(({ name }) => name === "ac:rich-text-body");
  if (second) return { broken: `its ${REGION_NAME} region has two bodies` };
  if (!body) return { start: excerpt.inner.end, end: excerpt.inner.end, inner: false };
  if (body.inner.start === body.end) return { start: body.start, end: body.end, inner: false };
  return { ...body.inner, inner: true };
}

function anchorRegions(body: string, elements: readonly Element[]): readonly Region[] {
  const [starts, ends] = ["start", "end"].map((side) =>
    elements
      .filter((element) => isMacro(body, element, "anchor", "", `${REGION_NAME}-${side}`))
      .map((anchor) => blockOf(body, anchor)),
  );
  const [[start, ...otherStarts], [end, ...otherEnds]] = [starts ?? [], ends ?? []];
  if (!start && !end) return [];
  const isPair = start && end && start.parent === end.parent && start.end <= end.start;
  if (!isPair || otherStarts.length + otherEnds.length > 0 || !BLOCK_PARENTS.has(start.parent?.name ?? "")) {
    return [{ broken: `its anchors ${REGION_NAME}-start and ${REGION_NAME}-end do not enclose one region` }];
  }
  return [{ start: start.end, end: end.start, inner: true }];
}

/** Both editors put an anchor into a paragraph: one that holds nothing else stands for it. */
function blockOf(body: string, anchor: Element): Element {
  const { parent } = anchor;
  if (parent?.name !== "p") return anchor;
  const beside = body.slice(parent.inner.start, anchor.start) + body.slice(anchor.end, parent.inner.end);
  return beside.trim() === "" ? parent : anchor;
}

/** Where a table may stand; the top of a page is the empty name. */
const BLOCK_PARENTS: ReadonlySet<string> = new Set([
  "",
  "ac:rich-text-body",
  "ac:layout-cell",
  "td",
  "th",
  "div",
  "blockquote",
]);

function isMacro(body: string, element: Element, macro: string, parameter: string, value: string): boolean {
  return (
    element.name === "ac:structured-macro" &&
    attributeOf(element, "ac:name") === macro &&
    element.children.some(
      (child) =>
        child.name === "ac:parameter" &&
        attributeOf(child, "ac:name") === parameter &&
        body.slice(child.inner.start, child.inner.end) === value,
    )
  );
}
