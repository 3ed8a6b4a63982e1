import { approvalsText, overviewRows } from "../http/overview-text.ts";
import type { Level } from "../model/level.ts";
import { badEndOf, LEVEL_WORDS, textOf } from "../model/state-words.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound, timeText } from "./output.ts";
import { overview, type ShownOverview } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { printable, table, wordsCell } from "./terminal-text.ts";

/** `drawbridge status`. Its exit code says whether the bridge is well. */
export async function statusCommand(invocation: Invocation): Promise<number> {
  const found = await get(await sessionOf(invocation), "/v1/overview", overview);
  printFound(invocation, {
    whole: found,
    records: overviewRows(found),
    text: (display) => statusText(found, display),
  });
  return EXIT_OF[found.level];
}

const EXIT_OF = {
  failing: EXIT.refused,
  attention: EXIT.refused,
  unknown: EXIT.unknown,
  well: EXIT.done,
} as const satisfies Record<Level, number>;

function statusText(found: ShownOverview, display: Display): string {
  const { level, at, version, configuration, hidden, ended, reported } = found;
  const head = [
    textOf(LEVEL_WORDS[level]),
    timeText(at, display),
    `version ${version}`,
    ...(hidden ? [] : [`configuration ${configuration ?? "unknown"}`]),
  ];
  const rows = overviewRows(found).map(({ level, part, name, why }) => [
    wordsCell(LEVEL_WORDS[level]),
    part,
    name,
    why,
  ]);
  return [
    printable(head.join(" · ")),
    table(["LEVEL", "PART", "NAME", "WHY"], rows, display),
    ...ended.newest.map(({ delivery, route, what, reason = "" }) =>
      printable(`  ${delivery} ${what} ${route}: ${reason}`),
    ),
    ...(reported?.newest ?? []).map(({ delivery, what, subject = "" }) =>
      printable(`  ${delivery} reports ${reportText(what)} ${subject}`),
    ),
    printable(approvalsText(found)),
    ...(hidden ? [`Your roles do not show: ${hidden.join(", ")}`] : []),
  ].join("\n");
}

/** A newer bridge may know further ends. */
function reportText(what: string): string {
  const words = badEndOf(what);
  return words === undefined ? what : textOf(words);
}
