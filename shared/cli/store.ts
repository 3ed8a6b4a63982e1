import { type Clock, type EpochMillis, systemClock, toIso } from "../host/clock.ts";
import type { OnProgress, StoreCheck } from "../store/maintenance.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, printFound, timeText } from "./output.ts";
import { printable, table } from "./terminal-text.ts";

/** Lines about damage that are printed. */
const MAX_PRINTED = 20;

/** `drawbridge store check`. */
export async function storeCheckCommand(invocation: Invocation): Promise<number> {
  const { given, print, warn, maintenance } = invocation;
  const isRepairing = given.has("repair");
  const { check } = await maintenance();
  const onProgress = progressOf(formatOf(invocation) === "table" ? print : warn, systemClock);
  const found = await check(folderOf(invocation), { isRepairing, now: systemClock.now(), onProgress });
  printFound(invocation, { whole: found, records: [found], text: (display) => checkText(found, display) });
  if (found.damage.length > 0) return EXIT.damaged;
  return leftOf(found) === 0 ? EXIT.done : EXIT.refused;
}

const leftOf = ({ indexProblems, areIndexesRepaired, repairable, unreadable }: StoreCheck): number =>
  (areIndexesRepaired ? 0 : indexProblems) + repairable + unreadable;

function checkText(found: StoreCheck, display: Display): string {
  const { bytes, items, damage, indexProblems, areIndexesRepaired, findings, unreadable, queues } = found;
  if (damage.length > 0) {
    const rows = damage.slice(0, MAX_PRINTED).map((problem) => [problem]);
    const advice = "Stop the bridge and restore a backup: drawbridge store restore <file>";
    return `${table(["DAMAGE"], rows, display)}\n\nThe file is damaged. ${advice}`;
  }
  const problems = [
    ...(indexProblems === 0 ? [] : [["wrong index entries", String(indexProblems), yesOrNo(areIndexesRepaired)]]),
    ...findings.map(({ problem, pk, sk, isRepaired }) => [
      problem,
      sk === "head" ? pk : `${pk} ${sk}`,
      yesOrNo(isRepaired),
    ]),
  ];
  const left = leftOf(found);
  const size = `${counted(items, "item")} in ${sizeText(bytes)}`;
  return [
    queues.length === 0
      ? "No queue has work."
      : table([{ name: "QUEUE", least: 20 }, "DUE", "LATER", "OLDEST DUE"], queues.map(queueRow(display)), display),
    ...(problems.length === 0
      ? []
      : [table([{ name: "FINDING", least: 20 }, { name: "ITEM", least: 30 }, "REPAIRED"], problems, display)]),
    left === 0 ? `${size}: sound` : `${size}: ${counted(left, "finding")}`,
    ...(left > unreadable ? ["Stop the bridge and run it again with --repair."] : []),
    ...(unreadable > 0 ? ["Unreadable items cannot be repaired: keep the database, and report them."] : []),
  ].join("\n\n");
}

const queueRow =
  (display: Display) =>
  ({ queue, due, later, oldest }: StoreCheck["queues"][number]): readonly string[] => [
    queue,
    String(due),
    String(later),
    oldest === undefined ? "" : timeText(toIso(oldest), display),
  ];

/** `drawbridge store backup`. */
export async function storeBackupCommand(invocation: Invocation): Promise<number> {
  const { given, print, maintenance, positionals } = invocation;
  const [file = ""] = positionals;
  const { backup } = await maintenance();
  const onProgress = progressOf(print, systemClock);
  const { items, bytes } = await backup(folderOf(invocation), file, { isReplacing: given.has("force"), onProgress });
  print(printable(`${file} has ${counted(items, "item")} in ${sizeText(bytes)}, and is sound.`));
  return EXIT.done;
}

/** `drawbridge store restore`. */
export async function storeRestoreCommand(invocation: Invocation): Promise<number> {
  const { print, maintenance, positionals } = invocation;
  const [file = ""] = positionals;
  const folder = folderOf(invocation);
  const { restore } = await maintenance();
  const now = systemClock.now();
  const { items, kept } = await restore(file, folder, { now, onProgress: progressOf(print, systemClock) });
  print(printable(`${folder} has the ${counted(items, "item")} of ${file}.`));
  if (kept !== undefined) print(printable(`The database that was there is in ${kept}.`));
  return EXIT.done;
}

const folderOf = ({ options }: Invocation): string => options["data"] ?? "";

/** Prints a line when a call takes longer than two seconds, and then every two seconds. */
function progressOf(print: (text: string) => void, clock: Clock): OnProgress {
  let printedAt: EpochMillis = clock.now();
  let printed = "";
  return (what, done, total) => {
    const now = clock.now();
    // A step that cannot be counted is announced, because nothing is printed while it runs.
    if (total === 0 ? what === printed : now - printedAt < PROGRESS_MS) return;
    printedAt = now;
    printed = what;
    print(total === 0 ? `${what} …` : `${what}: ${Math.floor((done * 100) / total)} %`);
  };
}

const PROGRESS_MS = 2_000;

const yesOrNo = (is: boolean): string => (is ? "yes" : "no");
const sizeText = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
const counted = (count: number, noun: string): string =>
  `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
