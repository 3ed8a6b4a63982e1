import { inspect } from "node:util";

/**
 * Waits for a state that another process or a timer brings about, and returns that state. `look` reads the current
 * state, and `holds` decides whether it is the expected one. After `limitMs`, which must be below the test's own limit,
 * it throws what it waited for and the last state.
 */
export async function until<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  holds: (seen: Seen) => boolean = Boolean,
  { limitMs = 20_000 }: { readonly limitMs?: number } = {},
): Promise<Seen> {
  const started = performance.now();
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() - started > limitMs) throw new Error(`waited ${limitMs} ms for ${what}; saw ${textOf(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

const LONGEST_PAUSE_MS = 50;
const MAX_TEXT = 4_000;

/** The end of a long text, which has the newest part of a page. */
function textOf(seen: unknown): string {
  const text = typeof seen === "string" ? seen : inspect(seen, { depth: 8, breakLength: 120 });
  return text.length > MAX_TEXT ? `…${text.slice(-MAX_TEXT)}` : text;
}
