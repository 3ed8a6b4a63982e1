import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { isTerminal } from "../build-order.ts";
import type { BuildState } from "../event.ts";
import type { Span } from "./span.ts";
import type { Report, Unit } from "./units.ts";

export interface UnitPlace {
  /** The step that it is below; undefined if nothing in the thread caused it. */
  readonly parent: string | undefined;
  /** By how much the sender's clock is moved, in milliseconds. */
  readonly shiftMs: number;
  /** When the attempt began that fired it, if that is known. */
  readonly firedAt: EpochMillis | undefined;
  /** How its cause is known. */
  readonly proof: string | undefined;
}

/** A run, job or deployment, and the parts of a run. */
export function unitSpans(unit: Unit, { parent, shiftMs, firedAt, proof }: UnitPlace): readonly Span[] {
  const { reports, reason, by, url } = unit;
  const [first] = reports;
  const last = reports.at(-1) ?? first;
  const at = (time: EpochMillis): EpochMillis => {
    const moved = epochMillis(time + shiftMs);
    // A sender of whole seconds says when the second began in which it happened.
    const isRounded = time % SECOND_MS === 0 && firedAt !== undefined && firedAt - moved < SECOND_MS;
    return isRounded && moved < firedAt ? firedAt : moved;
  };
  const failures = reports.filter(({ state }, index) => index < reports.length - 1 && FAILED.has(state)).length;
  const again = failures === 0 ? "" : `, after ${failures === 1 ? "a failure" : `${failures} failures`}`;
  const { words, tone } = stateWords(last);
  const summary = summaryOf(reason, shiftMs);
  const span: Span = {
    id: unit.key,
    ...(parent !== undefined && { parent }),
    kind: unit.kind,
    what: unit.name,
    state: `${words}${again}`,
    tone,
    start: at(first.at),
    ...(isTerminal(last.state) && { end: at(last.at) }),
    delivery: last.delivery,
    run: unit.names,
    ...(by !== undefined && { by }),
    ...(url !== undefined && { url }),
    ...(proof !== undefined && { proof }),
    ...(summary !== undefined && { summary }),
  };
  return [span, ...(unit.kind === "run" ? partsOf(unit, at) : [])];
}

const SECOND_MS = 1_000;
/** From here on a sender's clock is said to be wrong: many senders report whole seconds. */
const SKEW_MS = 2_000;

function summaryOf(reason: string | undefined, shiftMs: number): string | undefined {
  const ahead = shiftMs < 0 ? "ahead" : "behind";
  const skew = `its sender's clock is ${Math.round(Math.abs(shiftMs) / 1_000)} s ${ahead}, so its times are moved`;
  const sentences = [...(reason === undefined ? [] : [reason]), ...(Math.abs(shiftMs) < SKEW_MS ? [] : [skew])];
  return sentences.length === 0 ? undefined : sentences.join("; ");
}

/** Each stretch of a run in one state. Between an end and a retry there is none. */
function partsOf(unit: Unit, at: (time: EpochMillis) => EpochMillis): readonly Span[] {
  return unit.reports.flatMap(({ state, at: start, delivery }, index) => {
    const part = PARTS[state];
    if (part === undefined) return [];
    const next = unit.reports[index + 1];
    return [
      {
        id: `${unit.key} ${part.kind} ${index}`,
        parent: unit.key,
        kind: part.kind,
        what: part.what,
        state: next === undefined ? part.open : "ended",
        tone: next === undefined ? "open" : "quiet",
        start: at(start),
        ...(next !== undefined && { end: at(next.at) }),
        delivery,
        run: unit.names,
      } satisfies Span,
    ];
  });
}

const PARTS: Readonly<
  Partial<
    Record<BuildState, { readonly kind: "queued" | "running" | "paused"; readonly what: string; readonly open: string }>
  >
> = {
  queued: { kind: "queued", what: "queued", open: "queued" },
  running: { kind: "running", what: "running", open: "running" },
  waiting: { kind: "paused", what: "waits at a gate of its system", open: "waiting" },
};

const FAILED: ReadonlySet<BuildState> = new Set(["failed", "timed_out"]);

function stateWords({ state, isRetried }: Report): Pick<Span, "tone"> & { readonly words: string } {
  const words = state.replaceAll("_", " ");
  if (isRetried) return { words: `${words}, run again`, tone: "attention" };
  if (FAILED.has(state)) return { words, tone: "failed" };
  if (state === "succeeded") return { words, tone: "good" };
  return { words, tone: isTerminal(state) ? "quiet" : "open" };
}
