import type { EpochMillis } from "../../host/clock.ts";

/** A part of a thread's time axis. */
interface AxisPiece {
  readonly from: number;
  readonly to: number;
  /** Where it is drawn: from 0 to 1. */
  readonly at: number;
  readonly width: number;
  /** Nothing ran in it, and it is drawn shorter than it is. */
  readonly isShortened: boolean;
}

export interface Axis {
  readonly pieces: readonly AxisPiece[];
  /** The place of a time: from 0 to 1. */
  readonly placeOf: (time: number) => number;
}

interface Timed {
  readonly kind: string;
  readonly start: number;
  readonly end?: number;
}

/** In the others somebody or something is waited for, or it has steps below it that are counted themselves. */
const ACTIVE: ReadonlySet<string> = new Set(["delivery", "attempt", "run", "queued", "running", "job", "deployment"]);

/** A stretch in which nothing ran is shortened if it is at least this part of the whole, and this long. */
const LONG_PART = 0.25;
const LONG_MS = 30_000;
/** The width of a shortened stretch, compared with everything that is drawn to scale. */
const SHORT_WIDTH = 0.2;

/**
 * The time axis of a thread. A night's wait for an approval would press everything else into one pixel, so stretches in
 * which nothing ran are shortened, unless `isToScale`.
 */
export function axisOf(
  spans: readonly Timed[],
  { from, to, now }: { readonly from: EpochMillis; readonly to: EpochMillis; readonly now: EpochMillis },
  isToScale = false,
): Axis {
  const whole = Math.max(to - from, 1);
  const isLong = ({ start, end }: Stretch): boolean => end - start >= Math.max(LONG_PART * whole, LONG_MS);
  const idle = isToScale ? [] : idleStretches(spans, { from, to, now }).filter(isLong);
  const rest = whole - idle.reduce((sum, { start, end }) => sum + end - start, 0);
  const short = rest * SHORT_WIDTH;
  const drawn = rest + short * idle.length;
  const pieces: AxisPiece[] = [];
  const add = (start: number, end: number, width: number, isShortened: boolean): void => {
    const last = pieces.at(-1);
    if (end > start)
      pieces.push({
        from: start,
        to: end,
        at: last === undefined ? 0 : last.at + last.width,
        width: width / drawn,
        isShortened,
      });
  };
  let at: number = from;
  for (const { start, end } of rest > 0 ? idle : []) {
    add(at, start, start - at, false);
    add(start, end, short, true);
    at = end;
  }
  add(at, Math.max(to, from + 1), Math.max(to, from + 1) - at, false);
  return { pieces, placeOf: (time) => placeIn(pieces, time) };
}

function placeIn(pieces: readonly AxisPiece[], time: number): number {
  const piece = pieces.find(({ to }) => time <= to) ?? pieces.at(-1);
  if (piece === undefined) return 0;
  const part = Math.min(1, Math.max(0, (time - piece.from) / (piece.to - piece.from)));
  return Math.min(1, piece.at + part * piece.width);
}

interface Stretch {
  readonly start: number;
  readonly end: number;
}

function idleStretches(
  spans: readonly Timed[],
  { from, to, now }: { readonly from: number; readonly to: number; readonly now: number },
): readonly Stretch[] {
  const active = spans
    .filter(({ kind }) => ACTIVE.has(kind))
    .map(({ start, end = now }) => ({ start, end }))
    .toSorted((one, other) => one.start - other.start);
  const idle: Stretch[] = [];
  let at = from;
  for (const { start, end } of [...active, { start: to, end: to }]) {
    if (start > at) idle.push({ start: at, end: start });
    at = Math.max(at, end);
  }
  return idle;
}
