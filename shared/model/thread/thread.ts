import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { type BusEvent, busEventsOf } from "../bus-event.ts";
import type { RecordedDelivery } from "../recorded-delivery.ts";
import { replayWords, wordsOf } from "../state-words.ts";
import { type Reaching, timeOnPath } from "./critical-path.ts";
import { routeSpans } from "./route-spans.ts";
import { BRIEF_MS, type Span, type SpanKind, type ThreadDelivery } from "./span.ts";
import { approvalSpanId, routeSpanId } from "./step-ids.ts";
import { unitSpans } from "./unit-spans.ts";
import { clockShifts, type Unit, unitKeyOf, unitsIn } from "./units.ts";

export interface ThreadSpan extends Span {
  /** Steps above it. */
  readonly depth: number;
  /** For how long everything waited for this step itself, in milliseconds; absent if nothing did. */
  readonly onPathMs?: number;
  /** Of all steps, the one that took longest while everything waited for it. */
  readonly isLongest?: true;
  /** Nothing happened in it that a person would look for: a report that changed nothing else, or a moment's step. */
  readonly isMinor?: true;
}

export interface Thread {
  /** Each step before the steps below it, those of one step by their start. */
  readonly spans: readonly ThreadSpan[];
  readonly totals: ThreadTotals;
}

export interface ThreadTotals {
  readonly start: EpochMillis;
  /** When the last step ended; undefined while one goes on. */
  readonly end?: EpochMillis;
  readonly durationMs: number;
  /** All steps, also those that are left out. */
  readonly steps: number;
  readonly deliveries: number;
  /** Steps that are left out, because there are too many. */
  readonly omitted: number;
  /** Attempts, and how many of them failed. */
  readonly attempts: number;
  readonly failedAttempts: number;
  /** Page versions that attempts wrote. */
  readonly pageVersions: number;
  /** On what the time went while everything waited for it, in milliseconds, the longest first. */
  readonly path: readonly { readonly kind: SpanKind; readonly ms: number }[];
  /** The persons and accounts that acted in it. */
  readonly people: readonly string[];
}

/** Steps of one thread that are shown. Those on the critical path and those that failed are kept, with all above them. */
export const MAX_SPANS = 1_000;

/**
 * Everything that followed from one cause, as a tree of steps. Pure: the same facts, in any order and repeated, give the
 * same steps with the same ids. A claim that forms a circle is cut where it would close.
 */
export function threadOf(deliveries: readonly ThreadDelivery[], now: EpochMillis): Thread {
  const known = new Map(deliveries.map((one) => [one.delivery.id, one]));
  const sorted = [...known.values()].toSorted(byReceipt);
  const spans = withSafeParents(allSpans(sorted));
  const below = childrenOf(spans);
  const roots = (below.get(undefined) ?? []).map((root) => reachOf(root, below, now));
  const [start, to] = [
    Math.min(now, ...spans.map((one) => one.start)),
    Math.max(...spans.map((one) => endOf(one, now))),
  ];
  const end = roots.length === 0 ? now : to;
  const whole = { id: "", from: epochMillis(start), to: epochMillis(end), below: roots };
  const onPath = timeOnPath(whole);
  const ordered = inOrder(below);
  const longest = longestOf(ordered, onPath);
  const kinds = new Map(spans.map(({ id, kind }) => [id, kind]));
  const all = ordered.map(({ span, depth }): ThreadSpan => {
    const onPathMs = onPath.get(span.id);
    return {
      ...span,
      depth,
      ...(onPathMs !== undefined && { onPathMs }),
      ...(span.id === longest && { isLongest: true }),
      ...(isMinor(span, below, kinds) && { isMinor: true }),
    };
  });
  const kept = bounded(all);
  return { spans: kept, totals: totalsOf(all, whole, { deliveries: known.size, kept: kept.length }) };
}

const byReceipt = ({ delivery: a }: ThreadDelivery, { delivery: b }: ThreadDelivery): number =>
  a.receivedAt - b.receivedAt || (a.id < b.id ? -1 : 1);

/** The steps of all deliveries, each with the one that it is below. */
function allSpans(deliveries: readonly ThreadDelivery[]): readonly Span[] {
  const routes = deliveries.flatMap(routeSpans);
  const units = unitsIn(deliveries);
  const causes = causesOf(units, deliveries);
  const shifts = clockShifts(units, ({ key }) => causes.get(key)?.firedAt);
  const unitsWithParts = units.flatMap((unit) => {
    const shiftMs = shifts.get(unit.source) ?? 0;
    const cause = causes.get(unit.key);
    const within = unit.within !== undefined && units.some(({ key }) => key === unit.within) ? unit.within : undefined;
    const { proof, firedAt } = cause ?? {};
    return unitSpans(unit, { parent: within ?? cause?.parent, shiftMs, firedAt, proof });
  });
  const all = [...deliveries.map(deliverySpan), ...routes, ...unitsWithParts];
  const ids = new Set(all.map(({ id }) => id));
  const placed = all.map((span): Span => {
    const { parent, ...rest } = span;
    return parent === undefined || ids.has(parent) ? span : rest;
  });
  return intoParts(expectsUntilRun(placed));
}

/** A job is below the part of its run in which it began. */
function intoParts(spans: readonly Span[]): readonly Span[] {
  const parts = new Map<string | undefined, Span[]>();
  for (const span of spans)
    if (span.kind === "running") parts.set(span.parent, [...(parts.get(span.parent) ?? []), span]);
  return spans.map((span): Span => {
    if (span.kind !== "job") return span;
    const part = parts
      .get(span.parent)
      ?.findLast(({ start, end }) => start <= span.start && (end === undefined || span.start <= end));
    return part === undefined ? span : { ...span, parent: part.id };
  });
}

/** A report may take a while to arrive; the wait for a run ends when the run began. */
function expectsUntilRun(spans: readonly Span[]): readonly Span[] {
  const began = new Map<string | undefined, EpochMillis>();
  for (const { kind, parent, start } of spans)
    if (kind === "run" || kind === "job") began.set(parent, epochMillis(Math.min(start, began.get(parent) ?? start)));
  return spans.map((span): Span => {
    const run = span.kind === "expect" ? began.get(span.parent) : undefined;
    if (run === undefined) return span;
    const isBefore = span.end === undefined || run < span.end;
    return {
      ...span,
      state: "reported",
      tone: "good",
      ...(isBefore && { end: epochMillis(Math.max(span.start, run)) }),
    };
  });
}

/** A delivery, from its receipt until it was relayed. In AWS nothing records when that was. */
function deliverySpan({ delivery, outcome, cause }: ThreadDelivery): Span {
  const { id, receivedAt, relayedAt, what, subject, source, replay, unrelayed, principal } = delivery;
  const [first] = busEventsOf(delivery);
  const state = outcome?.state ?? delivery.outcome;
  const { words, tone } = wordsOf(state);
  const by = personIn(first);
  const promotedTo = replay?.promotion?.from === undefined ? undefined : replay.promotion.to;
  const replayed = replay === undefined ? "" : `, ${replayWords({ ...replay, promotedTo })}`;
  const url = first && placeOf(first);
  const parent = parentOf(delivery, first, cause);
  return {
    id,
    ...(parent !== undefined && { parent }),
    kind: "delivery",
    what: `${first === undefined ? `${what} ${subject ?? ""}`.trim() : titleOf(first)}${replayed}`,
    state: words,
    tone,
    start: receivedAt,
    ...(!unrelayed && { end: epochMillis(Math.max(receivedAt, relayedAt ?? receivedAt)) }),
    delivery: id,
    ...(by !== undefined && { by }),
    proof: proofOf(delivery, cause, principal.subject === source ? undefined : principal.subject),
    ...(url !== undefined && { url }),
  };
}

/** The type of an event, and the name of what it is about. A report is below its run, which has the name. */
function titleOf(first: BusEvent): string {
  const { detail } = first;
  if (unitKeyOf(first) !== undefined) return `${detail.type} reported`;
  if ("page" in detail) {
    const { title = detail.subject, version } = detail.page;
    return `${detail.type} ${title}${version === undefined ? "" : `, version ${version}`}`;
  }
  if ("code" in detail) return `${detail.type} ${detail.code.project} ${detail.code.name}`;
  if ("change" in detail) return `${detail.type} ${detail.change.title ?? detail.subject}`;
  return `${detail.type} ${detail.subject}`;
}

/** What it repeats, the unit that it reports, the approval that it is about, or the delivery that caused it. */
function parentOf(
  { replay, repeats }: RecordedDelivery,
  first: BusEvent | undefined,
  cause: ThreadDelivery["cause"],
): string | undefined {
  if (replay !== undefined) return replay.of;
  if (repeats !== undefined) return repeats;
  const unit = first && unitKeyOf(first);
  if (unit !== undefined) return unit;
  if (first !== undefined && "approval" in first.detail && first.detail.approval.gate !== undefined)
    return approvalSpanId(first.detail.approval.build);
  return cause?.delivery;
}

function personIn(first: BusEvent | undefined): string | undefined {
  const actor = first && "actor" in first.detail ? first.detail.actor : undefined;
  return actor?.name ?? actor?.username ?? actor?.id;
}

function proofOf(
  { principal, refusal }: RecordedDelivery,
  cause: ThreadDelivery["cause"],
  as: string | undefined,
): string {
  const entry = principal.trustEntry === undefined ? "" : ` of ${principal.trustEntry}`;
  const proved = `proved by ${principal.method}${as === undefined ? "" : ` as ${as}`}${entry}`;
  const sender = refusal === undefined ? proved : "not proved: let in by shadow mode";
  return cause === undefined || cause.proof === "proved" ? sender : `${sender}; its cause is ${CLAIMS[cause.proof]}`;
}

const CLAIMS = { claimed: "claimed only", unprovable: "as it claims" } as const;

/** The address of the thing in its own system. */
function placeOf({ detail }: BusEvent): string | undefined {
  for (const part of Object.values(detail) as readonly unknown[])
    if (typeof part === "object" && part !== null && "url" in part && typeof part.url === "string") return part.url;
  return undefined;
}

interface UnitCause {
  readonly parent: string;
  readonly firedAt: EpochMillis | undefined;
  readonly proof: string | undefined;
}

/** The route that fired each unit, as far as it is known. */
function causesOf(units: readonly Unit[], deliveries: readonly ThreadDelivery[]): ReadonlyMap<string, UnitCause> {
  const known = new Map(deliveries.map((one) => [one.delivery.id, one]));
  const found = new Map<string, UnitCause>();
  for (const unit of units) {
    for (const { delivery } of unit.reports) {
      const report = known.get(delivery);
      const origin = report?.cause && known.get(report.cause.delivery);
      if (report?.cause === undefined || origin === undefined) continue;
      const fired = firingAttempt(unit, report, origin);
      const { proof } = report.cause;
      found.set(unit.key, {
        parent: fired === undefined ? origin.delivery.id : routeSpanId(origin.delivery.id, fired),
        firedAt: fired && epochMillis(fired.at - fired.durationMs),
        proof: proof === "proved" ? "its run proved its cause" : `its cause is ${CLAIMS[proof]}`,
      });
      break;
    }
  }
  return found;
}

/**
 * The first attempt that may have fired a run: of the route that the run is named after or proved, of the route whose run
 * the report was taken for, else of the only route that fired anything.
 */
function firingAttempt({ subject }: Unit, report: ThreadDelivery, { timeline, runs }: ThreadDelivery) {
  const attempts = timeline
    .filter((line) => line.kind === "attempt")
    .filter(({ outcome }) => outcome === "accepted" || outcome === "done")
    .toSorted((one, other) => one.at - other.at);
  const [event] = busEventsOf(report.delivery);
  const claim = event && "origin" in event.detail ? event.detail.origin : undefined;
  const accepted = attempts.filter(({ outcome }) => outcome === "accepted");
  const candidates = accepted.length > 0 ? accepted : attempts;
  const routes = new Set(candidates.map(({ route, event: id }) => `${route} ${id}`));
  const named = `/${subject.replace(/-e-[a-z2-7]{26}$/, "")}`;
  return (
    (named.length <= subject.length ? candidates.find(({ route }) => named.endsWith(`/${route}`)) : undefined) ??
    candidates.find(({ route }) => route === claim?.proved?.route) ??
    candidates.find(({ route }) => runs.some((run) => run.route === route && run.reportedBy === report.delivery.id)) ??
    (routes.size === 1 ? candidates[0] : undefined)
  );
}

/** Removes each parent that would close a circle, and of spans with one id all but the first. */
function withSafeParents(spans: readonly Span[]): readonly Span[] {
  const safe = new Map<string, Span>();
  for (const span of spans) if (!safe.has(span.id)) safe.set(span.id, span);
  for (const span of safe.values()) {
    const seen = new Set([span.id]);
    for (let at = span; at.parent !== undefined; ) {
      const above = safe.get(at.parent);
      if (above === undefined || seen.has(above.id)) {
        const { parent: _, ...root } = at;
        safe.set(at.id, root);
        break;
      }
      seen.add(above.id);
      at = above;
    }
  }
  return [...safe.values()];
}

type Below = ReadonlyMap<string | undefined, readonly Span[]>;

function childrenOf(spans: readonly Span[]): Below {
  const below = new Map<string | undefined, Span[]>();
  for (const span of spans) {
    const siblings = below.get(span.parent);
    if (siblings === undefined) below.set(span.parent, [span]);
    else siblings.push(span);
  }
  for (const siblings of below.values())
    siblings.sort((one, other) => one.start - other.start || Number(one.id > other.id) - Number(one.id < other.id));
  return below;
}

/** A step that goes on reaches until now. */
const endOf = ({ start, end }: Span, now: EpochMillis): number => end ?? Math.max(now, start);

/**
 * A route that something newer superseded, such as the write of a page that was deferred, is not on any path: nothing waited
 * for it.
 */
function reachOf(span: Span, below: Below, now: EpochMillis): Reaching {
  const children = (below.get(span.id) ?? []).filter((child) => !isSuperseded(child, below));
  const reaching = children.map((child) => reachOf(child, below, now));
  const end = endOf(span, now);
  return {
    id: span.id,
    from: epochMillis(Math.min(span.start, ...reaching.map(({ from }) => from))),
    to: epochMillis(Math.max(end, ...reaching.map(({ to }) => to))),
    below: reaching,
  };
}

/** An approval that was superseded was waited for. */
const isSuperseded = (span: Span, below: Below): boolean => {
  const steps = span.kind === "route" ? (below.get(span.id) ?? []) : [];
  const isEnded = steps.some(({ kind, state }) => kind === "attempt" && state === "superseded");
  return isEnded && !steps.some(({ kind }) => kind === "approval");
};

interface Placed {
  readonly span: Span;
  readonly depth: number;
}

function inOrder(below: Below): readonly Placed[] {
  const ordered: Placed[] = [];
  const open: Placed[] = (below.get(undefined) ?? []).toReversed().map((span) => ({ span, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    ordered.push(next);
    for (const span of (below.get(next.span.id) ?? []).toReversed()) open.push({ span, depth: next.depth + 1 });
  }
  return ordered;
}

function longestOf(spans: readonly Placed[], onPath: ReadonlyMap<string, number>): string | undefined {
  let longest: string | undefined;
  for (const { span } of spans)
    if ((onPath.get(span.id) ?? 0) > (longest === undefined ? 0 : (onPath.get(longest) ?? 0))) longest = span.id;
  return longest;
}

const durationOf = ({ start, end }: Span): number => (end === undefined ? Number.POSITIVE_INFINITY : end - start);

/**
 * A report of a run, whose routes name it; a delivery on which no route acted, the only attempt of a route, and a moment's
 * wait.
 */
function isMinor(span: Span, below: Below, kinds: ReadonlyMap<string, SpanKind>): boolean {
  if (span.tone === "failed" || span.tone === "attention" || durationOf(span) >= BRIEF_MS) return false;
  switch (span.kind) {
    case "delivery": {
      const above = span.parent === undefined ? undefined : kinds.get(span.parent);
      const isReport = above === "run" || above === "job" || above === "deployment";
      return isReport || (above !== undefined && !below.has(span.id));
    }
    case "attempt":
      // The line of its route says the same.
      return below.get(span.parent)?.length === 1;
    case "wait":
    case "backoff":
    case "expect":
      return true;
    default:
      return false;
  }
}

/** Keeps at most {@link MAX_SPANS}, in their order. */
function bounded(spans: readonly ThreadSpan[]): readonly ThreadSpan[] {
  if (spans.length <= MAX_SPANS) return spans;
  const parents = new Map(spans.map(({ id, parent }) => [id, parent]));
  const kept = new Set<string>();
  const isWorthMore = ({ onPathMs = 0, tone }: ThreadSpan): number => (tone === "failed" ? 2 : Number(onPathMs > 0));
  const ranked = spans.toSorted((one, other) => isWorthMore(other) - isWorthMore(one) || one.depth - other.depth);
  for (const { id } of ranked) {
    const added: string[] = [];
    for (let at: string | undefined = id; at !== undefined && !kept.has(at); at = parents.get(at)) added.push(at);
    if (kept.size + added.length <= MAX_SPANS) for (const one of added) kept.add(one);
  }
  return spans.filter(({ id }) => kept.has(id));
}

function totalsOf(
  spans: readonly ThreadSpan[],
  { from, to }: Reaching,
  { deliveries, kept }: { readonly deliveries: number; readonly kept: number },
): ThreadTotals {
  const attempts = spans.filter(({ kind }) => kind === "attempt");
  const isOpen = spans.some(({ end }) => end === undefined);
  const path = new Map<SpanKind, number>();
  for (const { kind, onPathMs } of spans) if (onPathMs !== undefined) path.set(kind, (path.get(kind) ?? 0) + onPathMs);
  return {
    start: from,
    ...(!isOpen && { end: to }),
    durationMs: to - from,
    steps: spans.length,
    deliveries,
    omitted: spans.length - kept,
    attempts: attempts.length,
    failedAttempts: attempts.filter(({ tone }) => tone === "attention" || tone === "failed").length,
    pageVersions: attempts.filter(({ summary = "" }) => /\bpage \S+ version \d+/.test(summary)).length,
    path: [...path].map(([kind, ms]) => ({ kind, ms })).toSorted((one, other) => other.ms - one.ms),
    people: [...new Set(spans.flatMap(({ by }) => by ?? []))],
  };
}
