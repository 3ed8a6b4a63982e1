import * as v from "valibot";
import type { OutboundResponse } from "../host/call-out.ts";
import { cut } from "../model/event.ts";

/** UTF-16 code units of a target's own words in a summary. */
const SHOWN_LENGTH = 200;

/** A target's own words as a summary may have them: cut, and without control characters. */
export const shownWords = (words: string): string => cut(words.replace(/\p{C}+/gu, " ").trim(), SHOWN_LENGTH);

/** The words of a target's `message`, which is a text, or an object of lists by field. */
export function wordsOf({ body }: OutboundResponse): string {
  const read = v.safeParse(v.object({ message: v.unknown() }), jsonOf(body));
  const { message } = read.success ? read.output : { message: "no answer that such a call has" };
  return shownWords(typeof message === "string" ? message : (JSON.stringify(message) ?? ""));
}

/** The value that a target answered with; nothing where its answer is no JSON. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    // The page of a proxy, say. The status has said what matters.
    return undefined;
  }
}
