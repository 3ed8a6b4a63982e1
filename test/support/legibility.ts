import type { Page } from "playwright-core";
import * as v from "valibot";

/** The legibility of a page, as the browser computes it. */
export interface Legibility {
  /** Each text with its contrast to its background: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
  readonly texts: readonly { readonly text: string; readonly contrast: number }[];
  /** By how many pixels the page is wider than its window. */
  readonly overflow: number;
}

export async function legibilityOf(page: Page, selector: string): Promise<Legibility> {
  return v.parse(legibility, await page.evaluate(`(${MEASURE})(${JSON.stringify(selector)})`));
}

const legibility = v.object({
  texts: v.array(v.object({ text: v.string(), contrast: v.number() })),
  overflow: v.number(),
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
  while (pieces.nextNode()) {
    const { data, parentElement } = pieces.currentNode;
    if (data.trim() !== "" && parentElement.checkVisibility()) {
      texts.push({ text: data.trim(), contrast: contrast(parentElement) });
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  return { texts, overflow: scrollWidth - clientWidth };
}`;
