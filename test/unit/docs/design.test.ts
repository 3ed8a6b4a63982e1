import { describe, expect, it } from "vitest";
import { contrastIn, contrastOf, SCHEMES, schemesOf } from "../../../docs/generate/design.ts";
import { ASSETS } from "../../../shared/console/assets.ts";
import { BASE_STYLE } from "../../../shared/console/base-style.ts";
import { COLOURS, type Colour, SPACES, TYPE_SCALE } from "../../../shared/console/design-tokens.ts";
import { DELIVERY_STATES } from "../../../shared/model/delivery-state.ts";
import { LEVELS } from "../../../shared/model/level.ts";
import { STATE_TABLES, TONES, wordsOf } from "../../../shared/model/state-words.ts";
import { codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";

const DESIGN = readText("docs/design.md");
const STYLE = ASSETS["/console/style.css"]?.text ?? "";
const TOKENS = [
  ...Object.keys(COLOURS),
  ...Object.keys(TYPE_SCALE).map((name) => `type-${name}`),
  ...Object.keys(SPACES).map((name) => `space-${name}`),
];
const SEEN = Object.entries<Colour>(COLOURS).flatMap(([token, { on = [], least = 0 }]) =>
  SCHEMES.flatMap((scheme) => on.map((background) => ({ token, scheme, background, least }))),
);

describe("docs/design.md and the stylesheet", () => {
  it.each([
    ["black on white", "#000000", "#ffffff", 21],
    ["grey #767676 on white, the lightest that passes", "#767676", "#ffffff", 4.54],
    ["a colour on itself", "#0b5cad", "#0b5cad", 1],
  ])("the contrast of %s is computed as WCAG says", (_, one, other, contrast) => {
    expect(contrastOf(one, other)).toBeCloseTo(contrast, 2);
    expect(contrastOf(other, one)).toBeCloseTo(contrast, 2);
  });

  it.each(SEEN)("--$token on --$background has a contrast of $least or more in $scheme", (seen) => {
    expect(contrastIn(seen.scheme, seen.token, seen.background)).toBeGreaterThanOrEqual(seen.least);
  });

  it("the stylesheet of the console has every token in both schemes, and uses no other", () => {
    const { light, dark } = schemesOf(STYLE);
    expect([...light.keys()]).toEqual(TOKENS);
    expect([...dark.keys()]).toEqual(Object.keys(COLOURS));
    const used = [...STYLE.matchAll(/var\(--([\w-]+)\)/g)].map(([, name = ""]) => name);
    expect(used.filter((name) => !TOKENS.includes(name))).toEqual([]);
    expect(TOKENS.filter((name) => !used.includes(name))).toEqual([]);
  });

  it("no rule has a colour of its own: only shadows, which nothing depends on", () => {
    const rules = STYLE.slice(STYLE.indexOf("* { box-sizing"));
    expect(rules.replaceAll(/box-shadow: [^;]+;/g, "").match(/#[0-9a-f]{3,8}\b|\brgba?\(|\bhsl\(/gi) ?? []).toEqual([]);
  });

  it("the page has a row for each token", () => {
    const rows = ["Colours", "Letters", "Space"].flatMap((heading) => rowsOf(sectionOf(DESIGN, heading)));
    expect(rows.map(([cell = ""]) => codeIn(cell)[0])).toEqual(TOKENS.map((token) => `--${token}`));
  });

  it("the page names each component that it says the stylesheet has", () => {
    const named = rowsOf(sectionOf(DESIGN, "Components")).flatMap(([, markup = ""]) =>
      codeIn(markup).flatMap((code) => code.match(/\.[a-z]+/g) ?? []),
    );
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !BASE_STYLE.includes(`${name} `) && !BASE_STYLE.includes(`${name},`))).toEqual([]);
  });
});

describe("the table of states", () => {
  it("has a row for each state in docs/design.md, with its symbol, words and tone", () => {
    const states = sectionOf(DESIGN, "States");
    for (const [of, table] of Object.entries(STATE_TABLES)) {
      for (const [state, { symbol, words, tone }] of Object.entries(table)) {
        expect(states).toContain(`| ${of} | \`${state}\` | ${symbol} ${words} | ${tone} |`);
      }
    }
  });

  it("has every state of a delivery and every level", () => {
    expect(Object.keys(STATE_TABLES["delivery, route"] ?? {})).toEqual([...DELIVERY_STATES]);
    expect(Object.keys(STATE_TABLES["part of the bridge"] ?? {})).toEqual([...LEVELS]);
  });

  it("a symbol says one tone, and the words of a state do not depend on it", () => {
    const all = Object.values(STATE_TABLES).flatMap((table) => Object.values(table));
    const odd = all.filter(({ symbol, tone }) => symbol !== TONES[tone].symbol);
    // What is not known concerns somebody.
    expect(odd.map(({ symbol, words }) => `${symbol} ${words}`)).toEqual(["? unknown", "? never used"]);
    expect(new Set(Object.values(TONES).map(({ symbol }) => symbol)).size).toBe(Object.keys(TONES).length);
    for (const table of Object.values(STATE_TABLES)) {
      const words = Object.values(table).map((one) => one.words);
      expect(new Set(words).size).toBe(words.length);
    }
  });

  it("a state of a newer bridge is shown by its name, without a tone that it may not have", () => {
    expect(wordsOf("half_done")).toEqual({ symbol: "–", words: "half done", tone: "quiet" });
  });
});
