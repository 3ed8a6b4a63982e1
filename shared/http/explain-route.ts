import { nameOf } from "../approvals/people.ts";
import { progressText } from "../approvals/rules.ts";
import { rejectionText } from "../model/rejection-text.ts";
import type { ShownExpectedRun } from "./expected-runs.ts";
import type { RouteLine } from "./shown-timeline.ts";

/** How good or bad a step is: `bad` needs a person, `warn` may need one, `busy` goes on by itself. */
export type Mark = "good" | "bad" | "warn" | "busy" | "quiet";

export interface Step {
  readonly mark: Mark;
  /** One or two sentences. */
  readonly text: string;
}

/** What to look at next, and the command that shows it. */
export interface NextCheck {
  readonly text: string;
  readonly command: string;
}

/** The delivery, the route, and its target if it is still configured. */
export interface CheckedRoute {
  readonly id: string;
  readonly route: string;
  readonly target: string | undefined;
  /** The source that reports its runs. */
  readonly reporter: string | undefined;
}

/**
 * The steps of a route from the lines about it: roles, approval, attempts, and the run that came back. `names`: of the
 * people whose account is only a number.
 */
export function routeSteps(
  lines: readonly RouteLine[],
  run: ShownExpectedRun | undefined,
  names: ReadonlyMap<string, string>,
): readonly Step[] {
  const approvals = lines.filter((line) => line.kind === "approval");
  const attempts = lines.filter((line) => line.kind === "attempt");
  const others = lines.filter((line) => line.kind !== "approval" && line.kind !== "attempt");
  const last = attempts.at(-1);
  const steps = [
    ...others.flatMap((line) =>
      line.kind === "waiting" && (last !== undefined || decisionAfter(line, lines) !== undefined) ? [] : stepsOf(line),
    ),
    ...approvals.slice(-1).map((line) => approvalStep(line, names)),
    ...(last === undefined ? [] : [attemptStep(last, attempts.length - 1)]),
    ...runSteps(lines, run),
  ];
  return steps.length === 0 ? [{ mark: "busy", text: "Its action is due." }] : steps;
}

type Line<Kind extends RouteLine["kind"]> = Extract<RouteLine, { readonly kind: Kind }>;

function stepsOf(line: Exclude<RouteLine, Line<"approval" | "attempt">>): readonly Step[] {
  switch (line.kind) {
    case "scheduled":
    case "run":
      return [];
    case "cancel":
      return [{ mark: line.state === "cancelled" ? "quiet" : "warn", text: `Its run: ${sentence(line.summary)}` }];
    case "already_scheduled":
      return [
        { mark: "quiet", text: `The delivery ${line.by} reported the same event first: its action counts for both.` },
      ];
    case "waiting":
      return [
        { mark: "busy", text: `It ${line.summary.startsWith("waits ") ? "" : "waits: "}${sentence(line.summary)}` },
      ];
    case "denied":
      return line.mode === "shadow"
        ? [
            {
              mark: "warn",
              text: `In shadow mode it fires, although the sender may not: ${rejectionText(line.refusal)}.`,
            },
          ]
        : [{ mark: "bad", text: `It did not fire: the sender may not. ${rejectionText(line.refusal)}.` }];
    case "cut":
      return [
        {
          mark: "bad",
          text: `It did not fire: ${line.hops} runs in a row led to this event, and a longer chain is cut.`,
        },
      ];
  }
}

function approvalStep(
  { approval, state, by, at, comment, endedFor, progress, rule }: Line<"approval">,
  names: ReadonlyMap<string, string>,
): Step {
  const name = by?.actor === undefined ? undefined : names.get(by.actor);
  const who = by === undefined ? "" : ` by ${name === undefined ? nameOf(by) : `${name} (${nameOf(by)})`}`;
  const what = state === "not_asked" ? "not asked for, in shadow mode" : state.replace("_", " ");
  const said = `${comment === undefined ? "" : `, with the words "${comment}"`}${endedFor === undefined ? "" : `: ${endedFor}`}`;
  if (state === "would_grant")
    return { mark: "warn", text: `Rule ${rule?.id}, in shadow mode, would have granted it.` };
  const rest = progress === undefined ? "" : ` ${progressText(progress)}.`;
  return { mark: APPROVAL_MARKS[state], text: `Approval ${approval} was ${what}${who} at ${at}${said}.${rest}` };
}

/** In these states an approval waits, or nothing is decided. */
const UNDECIDED: ReadonlySet<Line<"approval">["state"]> = new Set([
  "requested",
  "partly_granted",
  "would_grant",
  "not_asked",
]);

const APPROVAL_MARKS = {
  requested: "busy",
  partly_granted: "busy",
  granted: "good",
  fired: "good",
  would_grant: "warn",
  not_asked: "warn",
  denied: "bad",
  withdrawn: "quiet",
  expired: "bad",
  superseded: "quiet",
  void: "bad",
} as const satisfies Record<Line<"approval">["state"], Mark>;

function attemptStep(line: Line<"attempt">, earlier: number): Step {
  const { attempt, outcome, summary, at, nextAt, unknownOutcome, endedAs } = line;
  // Nothing was sent: another step decided that, or something newer replaced it.
  if (endedAs !== undefined) return { mark: ENDED[endedAs], text: `It ended at ${at}: ${sentence(summary)}` };
  const before = earlier === 0 ? "" : ` Earlier attempts: ${earlier}.`;
  const then = nextAt === undefined ? "" : ` The next is at ${nextAt}.`;
  const unknown = unknownOutcome ? " What the target did is unknown." : "";
  const { mark, word } = ATTEMPTS[outcome];
  return { mark, text: `Attempt ${attempt} ${word} at ${at}: ${sentence(summary)}${unknown}${then}${before}` };
}

const ENDED = { superseded: "quiet", not_fired: "bad", nothing_to_do: "quiet" } as const satisfies Record<string, Mark>;

const ATTEMPTS = {
  done: { mark: "good", word: "was done" },
  accepted: { mark: "busy", word: "was accepted" },
  retry: { mark: "warn", word: "failed" },
  give_up: { mark: "bad", word: "was given up" },
} as const satisfies Record<Line<"attempt">["outcome"], { readonly mark: Mark; readonly word: string }>;

function runSteps(lines: readonly RouteLine[], run: ShownExpectedRun | undefined): readonly Step[] {
  const line = lines.findLast((one) => one.kind === "run");
  if (run?.reportedAt !== undefined) {
    const by = run.reportedBy === undefined ? "" : `, by ${run.reportedBy}`;
    const first = `Its run was first reported at ${run.reportedAt}${by}.`;
    if (run.noReportSince === undefined) return [{ mark: "good", text: first }];
    return [{ mark: "warn", text: `${first} It has not ended, and there is no report since ${run.noReportSince}.` }];
  }
  if (line !== undefined) return [{ mark: line.state === "reported" ? "good" : "bad", text: sentence(line.summary) }];
  if (run?.state !== "expecting_run") return [];
  const then = run.next === "repeat" ? "the request is sent again" : "the wait ends";
  const at = run.nextAt === undefined ? "" : ` Without a report ${then} at ${run.nextAt}.`;
  return [{ mark: "busy", text: `No run is reported yet.${at}` }];
}

/** The state of the approval that was decided, or ended, after a route began to wait. What it waited for is over then. */
export const decisionAfter = (
  waiting: Line<"waiting">,
  lines: readonly RouteLine[],
): Line<"approval">["state"] | undefined =>
  lines
    .slice(lines.indexOf(waiting) + 1)
    .filter((line) => line.kind === "approval")
    .findLast(({ state }) => !UNDECIDED.has(state))?.state;

/** The likeliest causes of what a route did not do, each with the command that shows it. */
export function routeChecks(
  lines: readonly RouteLine[],
  run: ShownExpectedRun | undefined,
  about: CheckedRoute,
): readonly NextCheck[] {
  const [last] = routeSteps(lines, run, new Map()).slice(-1);
  if (last === undefined || last.mark === "good" || last.mark === "quiet") return [];
  const kinds = new Set(lines.map(({ kind }) => kind));
  if (kinds.has("denied") || kinds.has("cut")) return [test(about)];
  const latest = lines.findLast(({ kind }) => kind === "waiting" || kind === "attempt" || kind === "run");
  if (latest?.kind === "waiting" && isHeld(latest, about)) return heldChecks(lines, about);
  const approval = lines.findLast((line) => line.kind === "approval");
  if (approval !== undefined && !kinds.has("attempt"))
    return UNDECIDED.has(approval.state)
      ? [
          { text: "See what waits, and for whom", command: show(approval) },
          { text: "Run it again after an expiry or a denial", command: replay(about) },
        ]
      : [
          { text: "See who decided, and why", command: show(approval) },
          { text: "Run it again, if it should run", command: replay(about) },
        ];
  if (latest?.kind === "waiting") return [];
  // It goes on by itself: a replay would run it twice.
  if (latest?.kind === "attempt" && latest.outcome === "retry") return [...live(about), secrets, targets];
  if (run === undefined && !kinds.has("run")) return [live(about), secrets, again(about)].flat();
  // While the report is expected, a replay would start a second run.
  const next = run?.state === "expecting_run" ? [] : [again(about)];
  return [...live(about, "The target does not start what it accepted"), ...reports(about), ...next];
}

/** Whether a route waits for its target. */
export const isHeld = (
  { waitsFor }: { readonly waitsFor?: string | undefined },
  { target }: Pick<CheckedRoute, "target">,
): boolean => waitsFor?.startsWith(`target ${target} `) ?? false;

/** What to look at while the target is held: with an attempt, it failed. */
export const heldChecks = (lines: readonly RouteLine[], about: CheckedRoute): readonly NextCheck[] => [
  ...(lines.some(({ kind }) => kind === "attempt") ? live(about) : []),
  targets,
  resume(about),
];

const show = ({ approval }: Line<"approval">): string => `drawbridge approvals show ${approval}`;
const test = ({ id, route }: CheckedRoute): NextCheck => ({
  text: "Compare the sender's roles with those that the route asks for",
  command: `drawbridge route test ${route} --delivery ${id}`,
});
const live = ({ target }: CheckedRoute, cause = "The target is down or refuses"): readonly NextCheck[] =>
  target === undefined ? [] : [{ text: `${cause}: try it`, command: `drawbridge check --live ${target}` }];
const secrets: NextCheck = {
  text: "Its secret was rotated: see when each was last accepted",
  command: "drawbridge secrets",
};
const targets: NextCheck = { text: "See what stops the target", command: "drawbridge targets list" };
const resume = ({ target }: CheckedRoute): NextCheck => ({
  text: "Let its actions go on at once",
  command: `drawbridge targets resume ${target}`,
});
const reports = ({ reporter }: CheckedRoute): readonly NextCheck[] =>
  reporter === undefined
    ? []
    : [{ text: "The reports of runs are refused: see the source", command: `drawbridge explain ${reporter}` }];
const again = (about: CheckedRoute): NextCheck => ({
  text: "Once the cause is gone, run it again",
  command: replay(about),
});
const replay = ({ id, route }: CheckedRoute): string => `drawbridge events replay ${id} --route ${route}`;

export const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
