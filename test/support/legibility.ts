import type { Page } from "playwright-core";
import * as v from "valibot";

/** The legibility of a page, as the browser computes it. */
export interface Legibility {
  /** Each text with its contrast to its background: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
  readonly texts: readonly { readonly text: string; readonly contrast: number }[];
  /** By how many pixels the page is wider than its window. */
  readonly overflow: number;
  /** Pairs of texts of which one lies on the other. */
  readonly covered: readonly string[];
}

export async function legibilityOf(page: Page, selector: string): Promise<Legibility> {
  return v.parse(legibility, await page.evaluate(`(${MEASURE})(${JSON.stringify(selector)})`));
}

const legibility = v.object({
  texts: v.array(v.object({ text: v.string(), contrast: v.number() })),
  overflow: v.number(),
  covered: v.array(v.string()),
});

/**
 * Runs in the page, whose types are not this program's. Throws for a transparent background, which the sandbox never
 * has.
 */
const MEASURE = `(selector) => {
  const rgb = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { channels: [red, green, blue], alpha };
  };
  const luminance = ({ channels }) => {
    const [red, green, blue] = channels.map((channel) => channel / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const own = rgb(getComputedStyle(element).backgroundColor);
    if (own.alpha === 1) return own;
    if (own.alpha > 0) throw new Error("a see-through background");
    return element.parentElement ? ground(element.parentElement) : rgb("rgb(255, 255, 255)");
  };
  const contrast = (element) => {
    const lights = [rgb(getComputedStyle(element).color), ground(element)].map(luminance);
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  };
  const pieces = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
  const texts = [];
  const places = [];
  while (pieces.nextNode()) {
    const { data, parentElement } = pieces.currentNode;
    if (data.trim() !== "" && parentElement.checkVisibility()) {
      texts.push({ text: data.trim(), contrast: contrast(parentElement) });
      const range = document.createRange();
      range.selectNodeContents(pieces.currentNode);
      // Without labels of charts, and without what is outside the window for those who hear the page.
      const isShown = ({ right, width }) => right > 0 && width > 1 && parentElement.closest("svg, .hidden") === null;
      for (const place of range.getClientRects()) if (isShown(place)) places.push({ text: data.trim(), place });
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  const lieOver = (one, other) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2 &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 6;
  const covered = places.flatMap(({ text, place }, at) =>
    places.slice(at + 1).filter((other) => lieOver(place, other.place)).map((other) => text + " / " + other.text));
  return { texts, overflow: scrollWidth - clientWidth, covered };
}`;
