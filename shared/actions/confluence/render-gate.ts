import { LABELS } from "../../approvals/command.ts";
import { progressText } from "../../approvals/rules.ts";
import type { ShownBuild, ShownGate } from "../../model/board.ts";
import type { DecisionWays } from "../action.ts";
import { escapeStart, escapeText } from "./storage-text.ts";

/** Renders what is to know of an approval: who may decide, until when and how; or who took the decision, and why. */
export function renderGate({ id }: Pick<ShownBuild, "id">, gate: ShownGate, ways: DecisionWays): string {
  if (gate.state === "requested") {
    const who = gate.approvers.join(" or ") || "nobody: no role may approve it";
    const until = gate.until.slice(0, 16).replace("T", " ");
    return `<br />${text(`approval by ${who} until ${until} UTC`)}${progressLine(gate)}<br /><small>${howTo(id, gate, ways)}</small>`;
  }
  const { by, rule } = gate;
  const lines = [
    ...(by === undefined ? [] : [gate.emergency ? `emergency, granted by ${by}` : `by ${by}`]),
    ...(rule?.configuration === undefined ? [] : [`configuration ${rule.configuration}`]),
    ...(gate.comment ? [`“${gate.comment}”`] : []),
    ...(gate.endedFor ? [`${gate.endedFor}. Run it again to ask for another approval.`] : []),
  ];
  return lines.map((line) => `<br />${text(line)}`).join("") + progressLine(gate);
}

function progressLine({ progress, opensAt = "" }: ShownGate): string {
  const opens = opensAt && `runs when its window opens: ${opensAt.slice(0, 16).replace("T", " ")} UTC`;
  const lines = [progress ? progressText(progress) : "", opens].filter(Boolean);
  return lines.map((line) => `<br />${text(line)}`).join("");
}

/** The ways that work here, best first. The command line is the last resort: a reader of the page may not have it. */
function howTo(id: string, { labels, needsReason }: ShownGate, { comments, console }: DecisionWays): string {
  const ways = [
    ...(comments
      ? [
          text(
            `comment drawbridge approve ${id}${needsReason ? " because and your reason," : ""} or drawbridge deny ${id}`,
          ),
        ]
      : []),
    ...(labels ? [text(needsReason ? `label ${LABELS.deny}` : `label ${LABELS.grant} or ${LABELS.deny}`)] : []),
    ...(console === undefined ? [] : [`<a href="${escapeText(`${console}#${id}`)}">decide in the console</a>`]),
  ];
  return (
    ways.join(", or ") || text(`drawbridge approvals grant ${id}${needsReason ? " --comment and your reason" : ""}`)
  );
}

/** UTF-16 code units. */
const TEXT_LIMIT = 300;
const text = (value: string): string => escapeStart(value.replace(/\s+/g, " "), TEXT_LIMIT);
