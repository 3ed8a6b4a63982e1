import { wrapped } from "../../shared/cli/terminal-text.ts";
import type { SenderSetup } from "../../shared/providers/sender-setup.ts";
import { senderSetups } from "../../shared/providers/setups.ts";
import { table } from "../config-tables.ts";

/** The blocks `setup-<provider>`: what to enter at the sender, as `drawbridge init` prints it. */
export const setupBlocks: Readonly<Record<string, () => string>> = Object.fromEntries(
  [...new Set(senderSetups.map(nameOf))].map((name) => [
    `setup-${name}`,
    () =>
      senderSetups
        .filter((setup) => nameOf(setup) === name)
        .map(chapter)
        .join("\n\n"),
  ]),
);

/** `status` has no provider in a configuration. */
function nameOf({ provider, kind }: SenderSetup): string {
  return provider ?? kind;
}

function chapter({ title, where, fields, command, remark, source }: SenderSetup): string {
  const filled = (text: string): string =>
    text
      .replace("{url}", `https://<bridge>/webhooks/${source}`)
      .replace("{source}", source)
      .replace("{bridge}", "https://<bridge>")
      .replace("{host}", "<bridge>")
      .replace("{secretFile}", "<file with the secret>")
      .replace("{secret}", "<the secret>")
      .replace("{audience}", "<the audience of the trust entry>");
  const rows = fields.map(([name, value]) => [name, /[{<]/.test(value) ? `\`${filled(value)}\`` : value]);
  return [
    `${title}, at ${where}:`,
    table(
      ["field", "value"],
      command === undefined ? rows : [...rows, ["or run", `\`drawbridge ${filled(command)}\``]],
    ),
    ...(remark === undefined ? [] : [wrapped(remark, 120).join("\n")]),
  ].join("\n\n");
}
