import { setImmediate as nextTurn } from "node:timers/promises";
import { endOfString, QUOTE } from "./strict-json.ts";

/** UTF-16 code units after which others get their turn: less than a millisecond of work. */
const STEP = 48 * 1_024;

/**
 * Returns what `JSON.parse` returns, and throws what it throws. Between the elements of a long array the event loop goes on:
 * other requests do not wait until the whole of it is parsed.
 */
export async function parseJsonInSteps(text: string): Promise<unknown> {
  const start = text.search(NOT_BLANK);
  if (text[start] !== "[") return JSON.parse(text);
  const elements: unknown[] = [];
  let [depth, from, pausedAt] = [0, start + 1, start];
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth++;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
    else if (code === COMMA && depth === 1) {
      elements.push(JSON.parse(text.slice(from, at)));
      from = at + 1;
      if (at - pausedAt >= STEP) {
        pausedAt = at;
        await nextTurn();
      }
    }
    if (depth > 0) continue;
    const [last, rest] = [text.slice(from, at), text.slice(at + 1)];
    const isEmpty = elements.length === 0 && !NOT_BLANK.test(last);
    if (code === CLOSE_BRACKET && !NOT_BLANK.test(rest)) return isEmpty ? [] : [...elements, JSON.parse(last)];
    break;
  }
  // It is no JSON, and the parser says why.
  return JSON.parse(text);
}

/** RFC 8259, section 2. */
const NOT_BLANK = /[^ \t\n\r]/;

const COMMA = 0x2c;
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];
