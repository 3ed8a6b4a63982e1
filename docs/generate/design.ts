import { BASE_STYLE } from "../../shared/console/base-style.ts";
import { COLOURS, type Colour, SPACES, TYPE_SCALE } from "../../shared/console/design-tokens.ts";
import { STATE_TABLES, TONES } from "../../shared/model/state-words.ts";
import { table } from "../config-tables.ts";

export const SCHEMES = ["light", "dark"] as const;
type Scheme = (typeof SCHEMES)[number];

/** The custom properties of a stylesheet in each scheme: the first set is for light, the second for dark. */
export function schemesOf(css: string): Readonly<Record<Scheme, ReadonlyMap<string, string>>> {
  const [, light = "", dark = ""] = css.split(":root {");
  const properties = (text: string): ReadonlyMap<string, string> =>
    new Map(
      [...text.slice(0, text.indexOf("}")).matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name = "", value = ""]) => [
        name,
        value,
      ]),
    );
  return { light: properties(light), dark: properties(dark) };
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio, of two colours as `#rrggbb`. */
export function contrastOf(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast of a token to a background, as the stylesheet has both. */
export function contrastIn(scheme: Scheme, token: string, background: string): number {
  const colours = schemesOf(BASE_STYLE)[scheme];
  return contrastOf(colours.get(token) ?? "", colours.get(background) ?? "");
}

/** Rounded down: a figure never promises more than there is. */
const figure = (contrast: number): string => (Math.floor(contrast * 10) / 10).toFixed(1);

export const designBlocks = {
  "design-colours": () =>
    table(
      ["token", "for", ...SCHEMES.flatMap((scheme) => [scheme, "contrast"]), "at least"],
      Object.entries<Colour>(COLOURS).map(([token, { use, on = [], least }]) => [
        `\`--${token}\``,
        use,
        ...SCHEMES.flatMap((scheme) => [
          `\`${schemesOf(BASE_STYLE)[scheme].get(token)}\``,
          on.map((background) => figure(contrastIn(scheme, token, background))).join(", "),
        ]),
        least === undefined ? "" : String(least),
      ]),
    ),
  "design-type": () => sizesTable("type", TYPE_SCALE),
  "design-spaces": () => sizesTable("space", SPACES),
  "design-tones": () =>
    table(
      ["symbol", "tone", "colour", "what it says"],
      Object.entries(TONES).map(([tone, { symbol, colour, means }]) => [
        symbol,
        `\`${tone}\``,
        `\`--${colour}\``,
        means,
      ]),
    ),
  "design-states": () =>
    table(
      ["of", "state", "shown as", "tone"],
      Object.entries(STATE_TABLES).flatMap(([of, states]) =>
        Object.entries(states).map(([state, { symbol, words, tone }]) => [
          of,
          `\`${state}\``,
          `${symbol} ${words}`,
          tone,
        ]),
      ),
    ),
} as const;

const sizesTable = (kind: string, tokens: Readonly<Record<string, { readonly size: string; readonly use: string }>>) =>
  table(
    ["token", "size", "for"],
    Object.entries(tokens).map(([name, { size, use }]) => [`\`--${kind}-${name}\``, `\`${size}\``, use]),
  );
