import { LABELS } from "../../approvals/command.ts";
import type { ShownBuild, ShownGate } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import { escapeText } from "./storage-text.ts";

/** Renders what is to know of an approval: who may decide, until when and how; or who took the decision, and why. */
export function renderGate({ id }: Pick<ShownBuild, "id">, gate: ShownGate): string {
  const lines = [
    gate.state === "requested" ? howTo(id, gate) : "",
    gate.by === undefined ? "" : `by ${gate.by}`,
    gate.comment === undefined ? "" : `“${gate.comment}”`,
  ];
  return lines.map((line) => (line === "" ? "" : `<br />${text(line)}`)).join("");
}

function howTo(id: string, { approvers, until, labels }: ShownGate): string {
  const who = approvers.join(" or ") || "nobody: no role may approve it";
  const byLabel = labels ? `label ${LABELS.grant} or ${LABELS.deny}, or ` : "";
  return `waits for approval by ${who} until ${until.slice(0, 16).replace("T", " ")} UTC: ${byLabel}drawbridge approvals grant ${id}`;
}

/** UTF-16 code units. */
const TEXT_LIMIT = 300;
const text = (value: string): string => escapeText(cut(value.replace(/\s+/g, " "), TEXT_LIMIT));
