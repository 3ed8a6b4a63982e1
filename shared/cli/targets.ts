import { get, post } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound, timeText } from "./output.ts";
import { type ListedTarget, listedTargets, type ShownTarget, shownTarget } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { type Cell, printable, table } from "./terminal-text.ts";

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
  const { pause } = await post(await sessionOf(invocation), path, shownTarget, { body: { reason } });
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
  const { breaker } = await post(await sessionOf(invocation), path, shownTarget, { body: {} });
  const trial = breaker?.since === undefined ? "" : ", and tried by one action first, because it kept failing";
  print(printable(`${target} is resumed${trial}`));
  return EXIT.done;
}

function targetsText(targets: readonly ListedTarget[], display: Display): string {
  if (targets.length === 0) return "No route leads to a target.";
  return table(
    ["TARGET", "STATE", "SINCE", "DUE", { name: "WHY", least: 20 }],
    targets.map((one) => [one.target, stateCell(one), sinceText(one, display), dueText(one), whyText(one)]),
    display,
  );
}

function stateCell({ state, removed }: ShownTarget): Cell {
  const text = removed ? `${state}, not configured` : state;
  return state === "working" ? text : { text, tone: state === "failing" ? "failed" : "attention" };
}

function sinceText({ state, pause, breaker }: ShownTarget, display: Display): string {
  const since = state === "paused" ? pause?.since : breaker?.since;
  return since === undefined ? "" : timeText(since, display);
}

const dueText = ({ due }: ListedTarget): string => (due >= MAX_DUE ? `${due} or more` : String(due));

/** The bridge counts no further. */
const MAX_DUE = 1_000;

function whyText({ state, pause, breaker }: ShownTarget): string {
  if (state === "paused" && pause) return `${pause.by.subject}: ${pause.reason}`;
  if (breaker === undefined) return "";
  const many = breaker.failures === 1 ? "1 failure" : `${breaker.failures} failures in a row`;
  const failures = `${many}: ${breaker.why}`;
  return breaker.retryAt === undefined ? failures : `${failures}; next attempt at ${breaker.retryAt}`;
}
