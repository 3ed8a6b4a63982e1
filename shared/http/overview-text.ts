import { ATTEMPTS, countText, DELIVERIES, WRITES } from "../host/count-text.ts";
import { durationText } from "../host/duration.ts";
import type { Latency } from "../host/latency.ts";
import { LEVELS, type Level } from "../model/level.ts";
import { wordsOf } from "../model/state-words.ts";

/** What the texts read of an overview. Both the console and the command line have it. */
export interface OverviewFacts {
  readonly at: string;
  readonly bridge?: { readonly level: Level; readonly checks: Readonly<Record<string, string>> };
  readonly sources?: readonly { readonly source: string; readonly level: Level; readonly why: string }[];
  readonly targets?: readonly {
    readonly target: string;
    readonly level: Level;
    readonly why: string;
    readonly latency?: Latency;
  }[];
  readonly pages?: {
    readonly level: Level;
    readonly notWritable: number;
    readonly hasMore?: true;
    readonly overdue: number;
    readonly waiting: number;
  };
  readonly ended: {
    readonly level: Level;
    readonly counts: Readonly<Record<string, number>>;
    readonly hasMore?: true;
  };
  readonly approvals: {
    readonly waiting: number;
    readonly forYou: number;
    readonly oldestAt?: string;
    readonly firstUntil?: string;
  };
  readonly hidden?: readonly string[];
}

/** One part of the bridge, its level, and one sentence. */
export interface OverviewRow {
  readonly level: Level;
  readonly part: "bridge" | "source" | "target" | "pages" | "actions";
  readonly name: string;
  readonly why: string;
}

/** Every part that the caller may see, the worst first. */
export function overviewRows({
  bridge,
  sources = [],
  targets = [],
  pages,
  ended,
}: OverviewFacts): readonly OverviewRow[] {
  const rows: readonly OverviewRow[] = [
    ...(bridge ? [{ part: "bridge", name: "", level: bridge.level, why: checksText(bridge.checks) } as const] : []),
    { part: "actions", name: "", level: ended.level, why: endedText(ended) },
    ...sources.map(({ source, level, why }) => ({ part: "source", name: source, level, why }) as const),
    ...targets.map(
      ({ target, level, why, latency }) =>
        ({ part: "target", name: target, level, why: [why, latencyText(latency)].filter(Boolean).join("; ") }) as const,
    ),
    ...(pages ? [{ part: "pages", name: "", level: pages.level, why: pagesText(pages) } as const] : []),
  ];
  return rows.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/** Empty if there was no attempt, or if this process does not know it. */
export function latencyText(latency: Latency | undefined): string {
  if (latency === undefined || latency.attempts === 0) return "";
  return `p95 ${p95Text(latency)} of ${countText(latency.attempts, ATTEMPTS)} in the last hour`;
}

/** `≤ 300 ms`: it is known to the bound of its bucket. */
export const p95Text = ({ p95AtMostMs }: Latency): string =>
  p95AtMostMs === undefined ? "> 60 s" : `≤ ${p95AtMostMs < 1_000 ? `${p95AtMostMs} ms` : `${p95AtMostMs / 1_000} s`}`;

/** The checks that fail, or that none does. */
export function checksText(checks: Readonly<Record<string, string>>): string {
  const failing = Object.entries(checks).filter(([, result]) => result !== "ok");
  if (failing.length === 0) return "every check is ok";
  return failing.map(([name, result]) => `${name}: ${result}`).join("; ");
}

/** `3 deliveries given up`. */
export const endedFigure = ({
  state,
  count,
  hasMore,
}: {
  readonly state: string;
  readonly count: number;
  readonly hasMore: true | undefined;
}): string => `${countText(count, DELIVERIES, { isLeast: hasMore === true })} ${wordsOf(state).words}`;

/** How many deliveries ended badly in the last day, by state. */
function endedText({ counts, hasMore }: OverviewFacts["ended"]): string {
  const parts = Object.entries(counts).flatMap(([state, count]) =>
    count === 0 ? [] : [endedFigure({ state, count, hasMore })],
  );
  return parts.length === 0 ? noneEndedText(hasMore) : `${parts.join(", ")} in the last day`;
}

export const noneEndedText = (hasMore: true | undefined): string =>
  hasMore ? `none of the newest failures may be shown; ${NOT_LOOKED_AT}` : "none ended badly in the last day";

/** The overview looks at the newest failures of all routes, up to a limit. */
export const NOT_LOOKED_AT = "older failures of the last day were not looked at";

/** Each figure that is not zero, with the state that it counts. */
export function pagesFigures({ notWritable, hasMore, overdue, waiting }: NonNullable<OverviewFacts["pages"]>) {
  const figures = [
    [
      "given_up",
      notWritable,
      `${countText(notWritable, WRITES, { isLeast: hasMore === true })} given up in the last day`,
    ],
    ["retrying", overdue, `${countText(overdue, WRITES)} overdue by more than 10 min`],
    [
      "waiting",
      waiting,
      `${countText(waiting, WRITES)} ${waiting === 1 ? "waits" : "wait"} for something that a person can change`,
    ],
  ] as const;
  return figures.flatMap(([state, count, text]) => (count === 0 ? [] : [{ state, text }]));
}

export function pagesText(pages: NonNullable<OverviewFacts["pages"]>): string {
  const { notWritable, hasMore, level } = pages;
  const parts = pagesFigures(pages).map(({ text }) => text);
  if (notWritable === 0 && hasMore) {
    const found = parts.length === 0 ? "none of the newest is given up or overdue" : parts.join(", ");
    return `${found}; ${NOT_LOOKED_AT}`;
  }
  if (parts.length > 0) return parts.join(", ");
  return level === "unknown" ? "no write of a page is on record" : "no write is given up or overdue";
}

export function approvalsText({ approvals, at }: Pick<OverviewFacts, "approvals" | "at">): string {
  const { waiting, forYou, oldestAt, firstUntil } = approvals;
  if (waiting === 0) return "no approval waits";
  const since = oldestAt === undefined ? "" : `, the oldest for ${durationText(Date.parse(at) - Date.parse(oldestAt))}`;
  const until =
    firstUntil === undefined ? "" : `; the first expires in ${durationText(Date.parse(firstUntil) - Date.parse(at))}`;
  return `${waiting === 1 ? "1 approval waits" : `${waiting} approvals wait`}, ${forYou} for you${since}${until}`;
}
