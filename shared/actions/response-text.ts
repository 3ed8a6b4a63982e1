import * as v from "valibot";
import type { OutboundResponse } from "../host/call-out.ts";
import { cut } from "../model/event.ts";

/** UTF-16 code units of a target's text in a summary. */
const MAX_TEXT_LENGTH = 200;

/** Makes a target's text fit for a summary: cut, and without control characters. */
export const summaryText = (text: string): string => cut(text.replace(/\p{C}+/gu, " ").trim(), MAX_TEXT_LENGTH);

/** The `message` of a target's error response, which is a text, or an object of lists by field. */
export function errorMessageOf({ body }: OutboundResponse): string {
  const read = v.safeParse(v.object({ message: v.unknown() }), jsonOf(body));
  const { message } = read.success ? read.output : { message: "not a response of this API" };
  return summaryText(typeof message === "string" ? message : (JSON.stringify(message) ?? ""));
}

/** Parses the body of a target's response; undefined if it is not JSON. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    // For example a proxy's error page. The status carries what matters.
    return undefined;
  }
}
