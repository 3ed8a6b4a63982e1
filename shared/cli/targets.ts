import { p95Text } from "../http/overview-text.ts";
import { targetWordsOf } from "../model/state-words.ts";
import { get, post } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound, timeText } from "./output.ts";
import { heldTarget, type ListedTarget, listedTargets } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { type Cell, printable, table, wordsCell } from "./terminal-text.ts";

/** `drawbridge targets list`. */
export async function targetsListCommand(invocation: Invocation): Promise<number> {
  const { targets } = await get(await sessionOf(invocation), "/v1/targets", listedTargets);
  printFound(invocation, { whole: { targets }, records: targets, text: (display) => targetsText(targets, display) });
  return EXIT.done;
}

/** `drawbridge targets pause <target> --reason <text>`. */
export async function targetsPauseCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [target = ""],
    options: { reason },
    print,
  } = invocation;
  if (reason === undefined) throw usageFault('"targets pause" needs --reason: on-call reads why the actions wait');
  const path = `/v1/targets/${encodeURIComponent(target)}/pause`;
  const { pause } = await post(await sessionOf(invocation), path, heldTarget, { body: { reason } });
  print(
    printable(`${target} is paused${pause ? ` by ${pause.by.subject} since ${pause.since}: ${pause.reason}` : ""}`),
  );
  return EXIT.done;
}

/** `drawbridge targets resume <target>`. */
export async function targetsResumeCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [target = ""],
    print,
  } = invocation;
  const path = `/v1/targets/${encodeURIComponent(target)}/resume`;
  const { breaker } = await post(await sessionOf(invocation), path, heldTarget, { body: {} });
  const trial = breaker?.since === undefined ? "" : ", and tried by one action first, because it kept failing";
  print(printable(`${target} is resumed${trial}`));
  return EXIT.done;
}

function targetsText(targets: readonly ListedTarget[], display: Display): string {
  if (targets.length === 0) return "No route leads to a target.";
  return table(
    ["TARGET", "STATE", "SINCE", "DUE", { name: "P95, 1 H", isOptional: true }, { name: "WHY", least: 20 }],
    targets.map((one) => [
      one.target,
      stateCell(one),
      one.since === undefined ? "" : timeText(one.since, display),
      dueText(one),
      latencyCell(one),
      whyText(one),
    ]),
    display,
  );
}

function stateCell({ state, removed }: ListedTarget): Cell {
  const { words, ...look } = targetWordsOf(state);
  return wordsCell({ ...look, words: removed ? `${words}, not configured` : words });
}

/** The bridge counts no further. */
const MAX_DUE = 100;

const dueText = ({ due }: ListedTarget): string => (due >= MAX_DUE ? `${due} or more` : String(due));

const latencyCell = ({ latency }: ListedTarget): string =>
  latency === undefined || latency.attempts === 0 ? "" : p95Text(latency);

function whyText({ why, breaker }: ListedTarget): string {
  return breaker?.retryAt === undefined ? why : `${why}; next attempt at ${breaker.retryAt}`;
}
