import { COLOURS, SOURCE } from "./adf-view.ts";
import { attributeOf, type Element, readElements } from "./storage-elements.ts";
import { resolveReferences } from "./storage-text.ts";

/** Returns the text of the node that begins at an offset of the document. */
type SourceAt = (start: number) => string;

/**
 * The blocks of `markup` as nodes of the Atlassian document format, each as JSON. A block that names its node is copied
 * byte for byte. All others are what a bridge writes, and each contains what the schema
 * (https://go.atlassian.com/adf-json-schema) allows in it.
 */
export async function nodesFor(markup: string, sourceAt: SourceAt): Promise<readonly string[]> {
  const elements = await readElements(markup);
  if ("malformed" in elements) throw new TypeError(`own markup has ${elements.malformed}`);
  const write = (element: Element) => blockOf(element, { markup, sourceAt });
  return elements.filter(({ parent }) => !parent).map(write);
}

interface Context {
  readonly markup: string;
  readonly sourceAt: SourceAt;
}

function blockOf(element: Element, context: Context): string {
  const start = attributeOf(element, SOURCE);
  if (start !== undefined) return context.sourceAt(Number(start));
  const children = () => element.children.map((child) => blockOf(child, context));
  switch (element.name) {
    case "table":
      return node(
        "table",
        element.children.flatMap((body) => body.children.map((row) => blockOf(row, context))),
      );
    case "tr":
      return node("tableRow", children());
    case "th":
      return node("tableHeader", blocksIn(element, context));
    case "td":
      return node("tableCell", blocksIn(element, context));
    case "ul":
      return node("bulletList", children());
    case "li":
      return node("listItem", blocksIn(element, context));
    case "ac:structured-macro":
      return macroOf(element, context);
    default:
      return node("paragraph", lineOf(element, context));
  }
}

const node = (type: string, content: readonly string[], attrs?: object): string =>
  `{"type":"${type}",${attrs ? `"attrs":${JSON.stringify(attrs)},` : ""}"content":[${content.join(",")}]}`;

/** A cell or an item of a list has blocks, or one line. */
function blocksIn(element: Element, context: Context): readonly string[] {
  const blocks = element.children.filter(({ name }) => BLOCKS.has(name));
  return blocks.length > 0
    ? blocks.map((block) => blockOf(block, context))
    : [node("paragraph", lineOf(element, context))];
}

const BLOCKS: ReadonlySet<string> = new Set(["p", "ul", "table"]);

/** The macros that a bridge writes as a block. */
function macroOf(element: Element, context: Context): string {
  const name = attributeOf(element, "ac:name");
  if (name === "anchor") return node("paragraph", inlineOf(element, context, []));
  const body = element.children.find((child) => child.name === "ac:rich-text-body");
  const content = (body?.children ?? []).map((child) => blockOf(child, context));
  const parameters = parametersOf(element, context);
  if (name === "expand") return node("expand", content, { title: parameters["title"] ?? "" });
  return node("bodiedExtension", content, { ...extension(name, parameters), layout: "default" });
}

const extension = (name: string | undefined, parameters: Readonly<Record<string, string>>) => ({
  extensionType: "com.atlassian.confluence.macro.core",
  extensionKey: name,
  parameters: {
    macroParams: Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, { value }])),
    macroMetadata: { schemaVersion: { value: "1" }, title: TITLES.get(name ?? "") },
  },
});

/** The titles of macros in the editor. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ["excerpt", "Excerpt"],
  ["anchor", "Anchor"],
]);

function parametersOf({ children }: Element, { markup }: Context): Readonly<Record<string, string>> {
  const parameters = children.filter(({ name }) => name === "ac:parameter");
  return Object.fromEntries(
    parameters.map((parameter) => [
      attributeOf(parameter, "ac:name") ?? "",
      resolveReferences(markup.slice(parameter.inner.start, parameter.inner.end)),
    ]),
  );
}

/** The nodes of one line. Without text it has none. */
function lineOf(element: Element, context: Context, marks: readonly object[] = []): readonly string[] {
  const nodes: string[] = [];
  let at = element.inner.start;
  for (const child of [...element.children, undefined]) {
    const written = context.markup.slice(at, child?.start ?? element.inner.end);
    const text = resolveReferences(written.replace(/[\t\n\r ]+/g, " "));
    if (text !== "") nodes.push(JSON.stringify({ type: "text", text, ...(marks.length > 0 && { marks }) }));
    if (child) nodes.push(...inlineOf(child, context, marks));
    at = child?.end ?? at;
  }
  return nodes;
}

function inlineOf(element: Element, context: Context, marks: readonly object[]): readonly string[] {
  switch (element.name) {
    case "br":
      return ['{"type":"hardBreak"}'];
    case "time":
      return [leaf("date", { timestamp: String(Date.parse(attributeOf(element, "datetime") ?? "")) })];
    case "a":
      return lineOf(element, context, [...marks, { type: "link", attrs: { href: hrefOf(element) } }]);
    case "strong":
    case "em":
      return lineOf(element, context, [...marks, { type: element.name }]);
    case "ac:structured-macro": {
      const name = attributeOf(element, "ac:name");
      const { colour = "", title = "", ...parameters } = parametersOf(element, context);
      if (name !== "status") return [leaf("inlineExtension", extension(name, parameters))];
      return [leaf("status", { text: title, color: ADF_COLOURS.get(colour) ?? "neutral", style: "" })];
    }
    default:
      return lineOf(element, context, marks);
  }
}

const leaf = (type: string, attrs: object): string => JSON.stringify({ type, attrs });
const hrefOf = (element: Element): string => resolveReferences(attributeOf(element, "href") ?? "");
const ADF_COLOURS: ReadonlyMap<string, string> = new Map(Array.from(COLOURS, ([adf, storage]) => [storage, adf]));
