import { epochMillis } from "../host/clock.ts";
import { TONES, type Tone } from "../model/state-words.ts";
import { type Axis, axisOf } from "../model/thread/axis.ts";
import { shownSteps } from "../model/thread/shown-steps.ts";
import { durationText, KIND_WORDS, WAITING_KINDS } from "../model/thread/words.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound, timeText } from "./output.ts";
import { type ShownThread, shownThread } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { cutTo, factLine, printable } from "./terminal-text.ts";

/** `drawbridge events thread`: everything that followed from one cause, as a waterfall. */
export async function eventsThreadCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [delivery],
    options: { commit, page, run, correlation },
    given,
  } = invocation;
  const asked = Object.entries({ delivery, commit, page, run, correlation }).flatMap(
    ([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]),
  );
  const thread = await get(await sessionOf(invocation), `/v1/threads?${new URLSearchParams(asked)}`, shownThread);
  printFound(invocation, {
    whole: thread,
    records: thread.spans,
    text: (display) => threadText(thread, { ...display, isAll: given.has("all") }),
  });
  return EXIT.done;
}

/** The places of a bar, and of a duration such as `40 min 41 s`. */
const BAR = 32;
const DURATION = 12;

export function threadText(thread: ShownThread, { isAll, ...display }: Display & { readonly isAll: boolean }): string {
  const { spans, totals } = thread;
  const from = epochMillis(Date.parse(totals.start));
  const now = epochMillis(Date.parse(thread.now));
  const timed = spans.map(({ kind, start, end }) => ({
    kind,
    start: Date.parse(start),
    ...(end !== undefined && { end: Date.parse(end) }),
  }));
  const axis = axisOf(timed, { from, to: epochMillis(from + totals.durationMs), now });
  const { columns = Number.POSITIVE_INFINITY } = display;
  const rows = shownSteps(spans, isAll).map(({ step, depth }) => {
    const start = Date.parse(step.start);
    const end = step.end === undefined ? Math.max(now, start) : Date.parse(step.end);
    const took = `${durationText(end - start)}${step.end === undefined ? " …" : ""}`;
    const after = `+${durationText(Math.max(0, start - from))}`;
    const head = `${after.padStart(DURATION)} ${took.padStart(DURATION)} ${barOf(step.kind, axis, { start, end })} `;
    return cutTo(`${head}${"  ".repeat(depth)}${printable(stepText(step))}`, columns);
  });
  const heads = `${"AFTER".padStart(DURATION)} ${"TOOK".padStart(DURATION)} ${axisText(axis, totals.durationMs)} STEP`;
  return [...headLines(thread, display), "", cutTo(heads, columns), ...rows, ...tailLines(thread, display, isAll)].join(
    "\n",
  );
}

type Step = ShownThread["spans"][number];

function stepText({ what, state, tone, by, summary, kind, isLongest }: Step): string {
  const sign = isTone(tone) ? TONES[tone].symbol : TONES.quiet.symbol;
  const who = by === undefined ? "" : ` by ${by}`;
  const rest = summary === undefined || kind === "delivery" ? "" : `: ${summary}`;
  return `${sign} ${what}, ${state}${who}${isLongest ? " ◆ longest step" : ""}${rest}`;
}

/** A newer bridge may have further ones. */
const isTone = (tone: string): tone is Tone => Object.hasOwn(TONES, tone);

/** At least one place. */
function barOf(kind: string, axis: Axis, { start, end }: { readonly start: number; readonly end: number }): string {
  const first = Math.min(BAR - 1, Math.floor(axis.placeOf(start) * BAR));
  const length = Math.max(1, Math.round(axis.placeOf(end) * BAR) - first);
  return `${" ".repeat(first)}${signOf(kind).repeat(length)}`.padEnd(BAR);
}

function signOf(kind: string): string {
  if (kind === "route" || kind === "run") return "─";
  return WAITING_KINDS.has(kind) ? "░" : "█";
}

/** Both ends, and a mark where the axis is shortened. */
function axisText({ pieces }: Axis, durationMs: number): string {
  const end = durationText(durationMs);
  const [short] = pieces.filter(({ isShortened }) => isShortened);
  const middle = short === undefined ? "" : `// ${durationText(short.to - short.from)}`;
  const room = BAR - 1 - end.length;
  return `0${(middle.length < room - 1 ? middle.padStart(room - 1) : "").padEnd(room)}${end}`;
}

function headLines({ totals, spans, isCut, isConfined }: ShownThread, display: Display): readonly string[] {
  const { start, end, durationMs, deliveries, attempts, failedAttempts, pageVersions, people, path, omitted, steps } =
    totals;
  const longest = spans.find(({ isLongest }) => isLongest);
  const took = longest?.onPathMs === undefined ? "" : durationText(longest.onPathMs);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["thread", spans[0]?.what],
    [
      "took",
      `${durationText(durationMs)}${end === undefined ? " so far: it goes on" : ""}, from ${timeText(start, display)}`,
    ],
    ["longest", longest && `${longest.route === undefined ? "" : `${longest.route}: `}${longest.what}, ${took}`],
    [
      "time for",
      path
        .filter(({ ms }) => ms * 100 >= durationMs)
        .map(partText)
        .join(", "),
    ],
    [
      "made of",
      `deliveries ${deliveries}, attempts ${attempts}, failed attempts ${failedAttempts}, page versions ${pageVersions}`,
    ],
    ["people", people.length === 0 ? undefined : people.join(", ")],
    ["left out", omitted === 0 ? undefined : `${omitted} of ${steps} steps`],
    ["", isCut && "more deliveries belong to it, or have what was asked for, than are read"],
    ["", isConfined && "only what your roles may read is shown, so steps may be missing"],
  ];
  const { columns = Number.POSITIVE_INFINITY } = display;
  return facts.flatMap(([name, fact]) => (fact ? [factLine(name, fact, { indent: 10, columns })] : []));
}

function partText({ kind, ms }: ShownThread["totals"]["path"][number]): string {
  const words: Readonly<Record<string, string>> = KIND_WORDS;
  return `${words[kind] ?? kind} ${durationText(ms)}`;
}

function tailLines({ spans, others = [] }: ShownThread, display: Display, isAll: boolean): readonly string[] {
  const hidden = isAll ? 0 : spans.filter(({ isMinor }) => isMinor).length;
  const named = others.map(
    ({ delivery, what, receivedAt }) => `  ${delivery}  ${timeText(receivedAt, display)}  ${printable(what)}`,
  );
  return [
    ...(hidden === 0 ? [] : ["", `Brief steps that are left out: ${hidden}. --all shows them.`]),
    ...(named.length === 0 ? [] : ["", "Other threads:", ...named]),
  ];
}
