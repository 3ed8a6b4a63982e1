import { indentedJson } from "../host/json-tokens.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound } from "./output.ts";
import { type ShownRequest, shownRequest } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { factLine, printable } from "./terminal-text.ts";

/** `drawbridge events show <delivery> --request`: the headers and the body as they arrived, without credentials. */
export async function showRequest(invocation: Invocation, id: string): Promise<number> {
  const session = await sessionOf(invocation);
  const shown = await get(session, `/v1/deliveries/${encodeURIComponent(id)}/request`, shownRequest);
  printFound(invocation, { whole: shown, records: [shown], text: (display) => requestText(shown, display) });
  return EXIT.done;
}

/** Each line of the body is printed without control characters. */
function requestText(shown: ShownRequest, { columns = Number.POSITIVE_INFINITY }: Display): string {
  const { delivery, receivedAt, headers, removed, bodyBytes, bodyDigest, replayOf, isCut } = shown;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["delivery", delivery],
    ["received", receivedAt],
    ["body", `${bodyBytes} bytes, SHA-256 ${bodyDigest}`],
    ["removed", removed === 0 ? undefined : `${removed} values that are or may be credentials`],
    ["replay of", replayOf],
    ...(headers ?? []).map(({ name, value }) => [name, value ?? "present, not kept"] as const),
    ["headers", headers === undefined ? "were not recorded" : undefined],
  ];
  const lines = facts.flatMap(([name, fact]) =>
    fact === undefined ? [] : [factLine(name, fact, { indent: INDENT, columns })],
  );
  const body = bodyText(shown).split("\n").map(printable);
  return [...lines, "", ...body, ...(isCut ? ["(the body goes on)"] : [])].join("\n");
}

function bodyText({ bodyKind, body, isCut, replayOf }: ShownRequest): string {
  if (bodyKind === "none")
    return replayOf === undefined
      ? "the record has no body: the bridge made it itself, and nothing was sent as a webhook\nor the body was not kept: it was too large, or may have somebody's credentials"
      : `the body is that of ${replayOf}`;
  if (body === undefined) return "the body is no text";
  return bodyKind === "json" && !isCut ? indentedJson(body) : body;
}

/** The longest usual name of a header. */
const INDENT = 20;
