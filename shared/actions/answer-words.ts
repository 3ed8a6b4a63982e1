import * as v from "valibot";
import type { OutboundAnswer } from "../host/call-out.ts";

/** UTF-16 code units of a target's own words in a summary. */
const SHOWN_LENGTH = 200;

/** A target's `message`, which is a text, or an object of lists by field. Cut, and without control characters. */
export function wordsOf({ body }: OutboundAnswer): string {
  const read = v.safeParse(v.object({ message: v.unknown() }), jsonOf(body));
  const { message } = read.success ? read.output : { message: "no answer that such a call has" };
  const text = typeof message === "string" ? message : (JSON.stringify(message) ?? "");
  return text.replace(/\p{C}+/gu, " ").slice(0, SHOWN_LENGTH);
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
