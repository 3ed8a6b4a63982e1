export interface Colour {
  readonly light: string;
  readonly dark: string;
  readonly use: string;
  /** The tokens that it stands on, and its least contrast to each of them. Absent if nothing depends on seeing it. */
  readonly on?: readonly string[];
  readonly least?: 3 | 4.5;
}

/** WCAG 2.2, 1.4.3 (words) and 1.4.11 (shapes with a meaning). */
const WORDS = { on: ["ground", "raised"], least: 4.5 } as const;
const SHAPES = { on: ["ground", "raised"], least: 3 } as const;

/**
 * The values that every page is made of: the console, its sign-in, and the sandboxes of the playground. `docs/design.md`
 * says how they are used, and a test computes the contrast of each pair from the stylesheet.
 */
export const COLOURS = {
  ground: { light: "#ffffff", dark: "#14181c", use: "background of a page, and of a field" },
  raised: { light: "#f3f5f7", dark: "#1f252b", use: "background of a bar, a card, a notice" },
  line: { light: "#d3d9df", dark: "#38424b", use: "lines between rows and around cards; nothing depends on them" },
  text: { light: "#1a2026", dark: "#e6eaee", use: "text", ...WORDS },
  faint: {
    light: "#57626d",
    dark: "#a3afba",
    use: "names of facts, heads of tables, hints, borders of fields",
    ...WORDS,
  },
  link: { light: "#0b5cad", dark: "#7db8f5", use: "links, and what opens", ...WORDS },
  press: { light: "#0b5cad", dark: "#2f76c4", use: "background of a button that acts", ...SHAPES },
  "on-press": { light: "#ffffff", dark: "#ffffff", use: "its words", on: ["press"], least: 4.5 },
  bad: { light: "#b3261e", dark: "#ff9a91", use: "tone `failed`", ...WORDS },
  warn: { light: "#8a5000", dark: "#eab45f", use: "tone `attention`", ...WORDS },
  busy: {
    light: "#0b5cad",
    dark: "#7db8f5",
    use: "tone `open`, the outline of the focus, the page in the menu",
    ...WORDS,
  },
  good: { light: "#1a6b35", dark: "#6fce8b", use: "tone `good`", ...WORDS },
  quiet: { light: "#57626d", dark: "#a3afba", use: "tone `quiet`", ...WORDS },
} as const satisfies Readonly<Record<string, Colour>>;

/** Sizes of letters, in rem: a reader's own setting scales all of them. */
export const TYPE_SCALE = {
  title: { size: "1.5rem", use: "the title of a page, once" },
  heading: { size: "1.125rem", use: "a part of a page, a verdict" },
  body: { size: "1rem", use: "everything else" },
  small: { size: ".875rem", use: "hints, heads of tables, names of fields, code in text" },
  tiny: { size: ".75rem", use: "the axis of a chart" },
} as const satisfies Readonly<Record<string, { readonly size: string; readonly use: string }>>;

export const SPACES = {
  1: { size: ".25rem", use: "within a line: a row of facts, a symbol and its word" },
  2: { size: ".5rem", use: "between parts of one thing, around a row" },
  3: { size: ".75rem", use: "inside a card, between fields" },
  4: { size: "1rem", use: "between things" },
  5: { size: "1.5rem", use: "between parts of a page" },
} as const satisfies Readonly<Record<string, { readonly size: string; readonly use: string }>>;

const properties = (tokens: readonly (readonly [name: string, value: string])[]): string =>
  tokens.map(([name, value]) => `--${name}: ${value};`).join(" ");

const colours = (scheme: "light" | "dark"): string =>
  properties(Object.entries(COLOURS).map(([name, colour]) => [name, colour[scheme]]));

/** The tokens as custom properties, in light and in dark. */
export const TOKENS_CSS = `:root {
  color-scheme: light dark;
  ${colours("light")}
  ${properties(Object.entries(TYPE_SCALE).map(([name, { size }]) => [`type-${name}`, size]))}
  ${properties(Object.entries(SPACES).map(([name, { size }]) => [`space-${name}`, size]))}
}
@media (prefers-color-scheme: dark) {
  :root { ${colours("dark")} }
}
`;
