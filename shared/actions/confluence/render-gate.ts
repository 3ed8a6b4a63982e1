import { LABELS } from "../../approvals/command.ts";
import type { ShownBuild, ShownGate } from "../../model/board.ts";
import type { DecisionWays } from "../action.ts";
import { escapeStart, escapeText } from "./storage-text.ts";

/** Renders what is to know of an approval: who may decide, until when and how; or who took the decision, and why. */
export function renderGate({ id }: Pick<ShownBuild, "id">, gate: ShownGate, ways: DecisionWays): string {
  if (gate.state === "requested") {
    const who = gate.approvers.join(" or ") || "nobody: no role may approve it";
    const until = gate.until.slice(0, 16).replace("T", " ");
    return `<br />${text(`approval by ${who} until ${until} UTC`)}<br /><small>${howTo(id, gate, ways)}</small>`;
  }
  const lines = [...(gate.by === undefined ? [] : [`by ${gate.by}`]), ...(gate.comment ? [`“${gate.comment}”`] : [])];
  return lines.map((line) => `<br />${text(line)}`).join("");
}

/** The ways that work here, best first. The command line is the last resort: a reader of the page may not have it. */
function howTo(id: string, { labels }: ShownGate, { comments, console }: DecisionWays): string {
  const ways = [
    ...(comments ? [text(`comment drawbridge approve ${id} or drawbridge deny ${id}`)] : []),
    ...(labels ? [text(`label ${LABELS.grant} or ${LABELS.deny}`)] : []),
    ...(console === undefined ? [] : [`<a href="${escapeText(`${console}#${id}`)}">decide in the console</a>`]),
  ];
  return ways.join(", or ") || text(`drawbridge approvals grant ${id}`);
}

/** UTF-16 code units. */
const TEXT_LIMIT = 300;
const text = (value: string): string => escapeStart(value.replace(/\s+/g, " "), TEXT_LIMIT);
