import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { type Markup, type MarkupElement, parseStorage } from "./sandbox-confluence-markup.ts";

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** Storage format as a reader sees it. Only listed elements become HTML. Of all others only the text is shown. */
export const storageToHtml = (storage: string): Html => all(parseStorage(storage));

const all = (nodes: readonly Markup[]): Html => html`${nodes.map(one)}`;

function one(node: Markup): Html {
  if (node.kind === "comment") return html``;
  if (node.kind !== "element") return html`${node.text}`;
  const inner = all(node.children);
  if (PLAIN.has(node.name)) return html`${raw(`<${node.name}>`)}${inner}${raw(`</${node.name}>`)}`;
  switch (node.name) {
    case "br":
      return html`<br>`;
    case "hr":
      return html`<hr>`;
    case "table":
      return html`<div class="scroll"><table>${inner}</table></div>`;
    case "th":
      return html`<th scope="col">${inner}</th>`;
    case "time":
      return html`<time>${node.attributes["datetime"] ?? ""}</time>`;
    case "a":
      return link(node.attributes["href"] ?? "", inner);
    case "ac:inline-comment-marker":
      return html`<mark title="Someone commented on this">${inner}</mark>`;
    case "ac:structured-macro":
      return macro(node);
    default:
      return inner;
  }
}

/** Shown as the HTML elements of the same names, without attributes. */
const PLAIN = new Set(
  "p h1 h2 h3 h4 h5 h6 strong small em u s sub sup code pre ul ol li blockquote thead tbody tr td".split(" "),
);

const link = (href: string, inner: Html): Html =>
  /^https?:\/\//.test(href) ? html`<a href="${href}" rel="noreferrer">${inner}</a>` : inner;

function macro(node: MarkupElement): Html {
  const name = node.attributes["ac:name"] ?? "";
  const body = all(node.children.filter((child) => child.kind === "element" && child.name.endsWith("-body")));
  switch (name) {
    case "status":
      return lozenge(parameter(node, "colour") || "Grey", parameter(node, "title"));
    case "excerpt":
      return html`<section class="excerpt" aria-label="Excerpt ${parameter(node, "name")}">${body}</section>`;
    case "expand":
      return html`<details><summary>${parameter(node, "title") || "Read more"}</summary>${body}</details>`;
    case "code":
      return html`<pre><code>${body}</code></pre>`;
    case "anchor":
      return html``;
    case "details":
      return body;
    case "info":
    case "note":
    case "tip":
    case "warning":
    case "panel":
      return html`<aside class="box ${name}"><span class="kind">${name}</span>${body}</aside>`;
    default:
      return html`<span class="macro">${name} macro</span>${body}`;
  }
}

/** As Confluence draws it: the text on a colour, and nothing else. */
function lozenge(colour: string, title: string): Html {
  const known = COLOURS.has(colour) ? colour.toLowerCase() : "grey";
  return html`<span class="lozenge ${known}">${title || colour}</span>`;
}

const COLOURS: ReadonlySet<string> = new Set(["Green", "Red", "Blue", "Yellow", "Grey", "Purple"]);

function parameter(node: MarkupElement, name: string): string {
  const found = node.children.find(
    (child): child is MarkupElement =>
      child.kind === "element" && child.name === "ac:parameter" && child.attributes["ac:name"] === name,
  );
  return found?.children.map((child) => (child.kind === "element" ? "" : child.text)).join("") ?? "";
}
