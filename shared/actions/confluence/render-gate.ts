import { LABELS } from "../../approvals/command.ts";
import type { ShownBuild, ShownGate } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import { statusMacro } from "./status-macro.ts";
import { escapeText } from "./storage-text.ts";

/** Renders the state of an approval: who may decide, until when and how; or the decision and who took it. */
export function renderGate({ id }: Pick<ShownBuild, "id">, gate: ShownGate): string {
  const { colour, title } = LOZENGES[gate.state];
  const instructions = gate.state === "requested" ? `<br />${text(howTo(id, gate))}` : "";
  const by = gate.by === undefined ? "" : `<br />by ${text(gate.by)}`;
  return `${statusMacro(colour, title)}${instructions}${by}`;
}

function howTo(id: string, { approvers, until, labels }: ShownGate): string {
  const who = approvers.join(" or ") || "nobody: no role may approve it";
  const byLabel = labels ? `label ${LABELS.grant} or ${LABELS.deny}, or ` : "";
  return `waits for approval by ${who} until ${until.slice(0, 16).replace("T", " ")} UTC: ${byLabel}drawbridge approvals grant ${id}`;
}

/** UTF-16 code units. */
const TEXT_LIMIT = 300;
const text = (value: string): string => escapeText(cut(value, TEXT_LIMIT));

const LOZENGES: Readonly<Record<ShownGate["state"], { readonly colour: string; readonly title: string }>> = {
  requested: { colour: "Yellow", title: "WAITING" },
  granted: { colour: "Green", title: "APPROVED" },
  denied: { colour: "Red", title: "DENIED" },
  withdrawn: { colour: "Grey", title: "WITHDRAWN" },
  expired: { colour: "Red", title: "EXPIRED" },
  superseded: { colour: "Grey", title: "SUPERSEDED" },
};
