import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import type { Identity } from "../approval.ts";
import { busEventsOf } from "../bus-event.ts";
import type { RouteOutcome } from "../delivery-state.ts";
import { APPROVAL_WORDS, ATTEMPT_WORDS, wordsOf } from "../state-words.ts";
import type { TimelineEvent } from "../timeline.ts";
import type { AcceptedRun, Span, ThreadDelivery } from "./span.ts";
import { approvalSpanId, attemptSpanId, routeSpanId } from "./step-ids.ts";
import { unitKeyOf } from "./units.ts";

type RouteLine = Extract<TimelineEvent, { readonly route: string }>;
type Line<Kind extends RouteLine["kind"]> = Extract<RouteLine, { readonly kind: Kind }>;

/** The steps of each route on which a delivery acted: approval, waits, attempts, and the run that was asked for. */
export function routeSpans({ delivery, timeline, outcome, runs }: ThreadDelivery): readonly Span[] {
  const routes = new Map<string, RouteLine[]>();
  for (const line of timeline.toSorted((one, other) => one.at - other.at)) {
    if (!("route" in line)) continue;
    const id = routeSpanId(delivery.id, line);
    routes.set(id, [...(routes.get(id) ?? []), line]);
  }
  return [...routes].flatMap(([id, lines]) => {
    const [first] = lines;
    if (first === undefined) return [];
    const isSame = (one: { readonly route: string; readonly event?: string }): boolean =>
      one.route === first.route && one.event === first.event;
    const published = busEventsOf(delivery).find(({ detail }) => detail.id === (first.event ?? delivery.id));
    const on = published && unitKeyOf(published) !== undefined ? published["detail-type"] : undefined;
    const facts = { id, delivery: delivery.id, route: first.route, lines, on };
    return stepsOf({ ...facts, outcome: outcome?.routes.find(isSame), run: runs.find(isSame) });
  });
}

interface RouteFacts {
  readonly id: string;
  readonly delivery: string;
  readonly route: string;
  /** In order of time. */
  readonly lines: readonly RouteLine[];
  /** The type of the event, if that is a report of a run: many reports have the same routes. */
  readonly on: string | undefined;
  readonly outcome: RouteOutcome | undefined;
  readonly run: AcceptedRun | undefined;
}

function stepsOf(facts: RouteFacts): readonly Span[] {
  const approvals = approvalSpans(facts);
  const waits = waitSpans(facts, approvals);
  const below = [...approvals, ...waits, ...attemptSpans(facts), ...expectSpans(facts)];
  return [routeSpan(facts), ...below];
}

/** A state that more may follow without anybody's doing. */
const OPEN: ReadonlySet<string> = new Set(["retrying", "waiting", "pending", "expecting_run"]);

function routeSpan({ id, delivery, route, lines, on, outcome }: RouteFacts): Span {
  const [first] = lines;
  const last = lines.at(-1);
  const start = first?.at ?? epochMillis(0);
  const state = outcome?.state ?? "pending";
  const { words, tone } = wordsOf(state);
  const place = outcome?.target === undefined ? "" : ` → ${outcome.target}`;
  const denied = lines.find((line) => line.kind === "denied");
  const done = lines.findLast((line) => line.kind === "attempt");
  const why = outcome?.why ?? (done && attemptSummary(done));
  const summary = outcome?.of === undefined ? why : `of ${outcome.of}`;
  return {
    id,
    parent: delivery,
    kind: "route",
    what: `${route}${place}${on === undefined ? "" : ` on ${on}`}`,
    state: words,
    tone,
    start,
    ...(!OPEN.has(state) && { end: last?.at ?? start }),
    delivery,
    route,
    ...(summary !== undefined && { summary }),
    ...(denied !== undefined && { proof: `refused by role: ${denied.refusal.reason}` }),
  };
}

const below = ({ id, delivery, route }: RouteFacts) => ({ parent: id, delivery, route });

/** One for each approval: from the question to the decision, or to its end without one. */
function approvalSpans(facts: RouteFacts): readonly Span[] {
  const lines = facts.lines.filter((line) => line.kind === "approval");
  const ids = [...new Set(lines.map(({ approval }) => approval))];
  return ids.flatMap((approval) => {
    const steps = lines.filter((line) => line.approval === approval);
    const [first] = steps;
    if (first === undefined) return [];
    const ended = steps.findLast(
      ({ state }) => !["requested", "partly_granted", "would_grant", "fired"].includes(state),
    );
    const fired = steps.find(({ state }) => state === "fired");
    const last = ended ?? steps.at(-1) ?? first;
    const end = ended ?? fired;
    const people = steps.flatMap(({ state, by }) => (by && GRANTS.has(state) ? [personOf(by)] : []));
    const decider = last === first ? undefined : last.by;
    if (people.length === 0 && decider !== undefined) people.push(personOf(decider));
    const { words, tone } = APPROVAL_WORDS[end?.state ?? last.state];
    const proof = decider && proofOf(decider);
    return [
      {
        ...below(facts),
        id: approvalSpanId(approval),
        kind: "approval",
        what: "approval",
        state: `${words}${last.emergency ? " in an emergency" : ""}`,
        tone,
        start: first.at,
        ...(end !== undefined && { end: end.at }),
        ...(people.length > 0 && { by: people.join(", ") }),
        ...(proof !== undefined && { proof }),
        ...(last.comment !== undefined && { summary: last.comment }),
      } satisfies Span,
    ];
  });
}

const GRANTS: ReadonlySet<string> = new Set(["granted", "partly_granted"]);

/** A person by name; else the subject of the token. */
const personOf = ({ actor, subject, claims = {} }: Identity): string =>
  actor ?? claims["name"] ?? claims["email"] ?? claims["preferred_username"] ?? subject;

const proofOf = ({ method, trustEntry, issuer, actor }: Identity): string =>
  `${actor === undefined ? "" : "named by the sender, which is "}proved by ${method}${trustEntry === undefined ? "" : ` of ${trustEntry ?? issuer}`}`;

/**
 * A wait that is no approval: for a window, a held target, an earlier action. Its line has no end, so the next attempt or
 * step ends it. The line of an approval's wait says the same as the approval.
 */
function waitSpans(facts: RouteFacts, approvals: readonly Span[]): readonly Span[] {
  const { lines, outcome } = facts;
  return lines.flatMap((line, at) => {
    if (line.kind !== "waiting") return [];
    if (approvals.some(({ start, end }) => start <= line.at && (end === undefined || line.at <= end))) return [];
    const next = lines.slice(at + 1).find(({ kind }) => kind !== "waiting" && kind !== "scheduled");
    const end = next && startOf(next);
    const isOpen = end === undefined && outcome !== undefined && OPEN.has(outcome.state);
    const what = line.waitsFor === undefined ? "wait" : `wait for ${line.waitsFor}`;
    return [
      {
        ...below(facts),
        id: `${facts.id} wait`,
        kind: "wait",
        what,
        state: isOpen ? "waiting" : "waited",
        tone: isOpen ? "attention" : "quiet",
        start: line.at,
        ...(!isOpen && { end: epochMillis(Math.max(line.at, end ?? line.at)) }),
        summary: line.summary,
      } satisfies Span,
    ];
  });
}

/** An attempt is recorded when it ends. */
const startOf = (line: RouteLine): EpochMillis =>
  epochMillis(line.kind === "attempt" ? line.at - Math.max(0, line.durationMs) : line.at);

/** Attempts by number, whatever the times say, and the time from each that failed to the next one. */
function attemptSpans(facts: RouteFacts): readonly Span[] {
  const lines = facts.lines.filter((line) => line.kind === "attempt").toSorted((a, b) => a.attempt - b.attempt);
  return lines.flatMap((line, at) => {
    const span = attemptSpan(line, facts);
    const next = lines[at + 1];
    const isLast = next === undefined;
    if (line.outcome !== "retry" || (isLast && !OPEN.has(facts.outcome?.state ?? ""))) return [span];
    const backoff: Span = {
      ...below(facts),
      id: `${facts.id} backoff ${line.attempt}`,
      kind: "backoff",
      what: "before the next attempt",
      state: isLast ? "waiting" : "waited",
      tone: isLast ? "attention" : "quiet",
      start: line.at,
      ...(next !== undefined && { end: epochMillis(Math.max(line.at, startOf(next))) }),
    };
    return [span, backoff];
  });
}

function attemptSpan(line: Line<"attempt">, facts: RouteFacts): Span {
  const { words } = ATTEMPT_WORDS[line.outcome];
  return {
    ...below(facts),
    id: attemptSpanId(facts.id, line.attempt),
    kind: "attempt",
    what: line.endedAs === undefined ? `${line.action}, attempt ${line.attempt}` : line.action,
    state: line.endedAs === undefined ? words : line.endedAs.replaceAll("_", " "),
    tone: line.endedAs === undefined ? ATTEMPT_TONES[line.outcome] : "quiet",
    start: startOf(line),
    end: line.at,
    summary: attemptSummary(line),
  };
}

function attemptSummary({ summary, facts = {}, unknownOutcome }: Line<"attempt">): string {
  const known = Object.entries(facts).map(([name, fact]) => `${name} ${fact}`);
  return [summary, ...known, ...(unknownOutcome ? ["what the target did is unknown"] : [])].join(", ");
}

/** An accepted request is over: what is still open is the run, which has a bar of its own. */
const ATTEMPT_TONES = {
  done: "good",
  accepted: "good",
  retry: "attention",
  give_up: "failed",
} as const satisfies Record<Line<"attempt">["outcome"], Span["tone"]>;

/** From the accepted request to the first report of its run. */
function expectSpans(facts: RouteFacts): readonly Span[] {
  const { run, lines, outcome } = facts;
  const missing = lines.findLast((line) => line.kind === "run" && line.state !== "reported");
  if (run === undefined) return [];
  const isMissing = run.reportedAt === undefined && missing !== undefined;
  const end = run.reportedAt ?? missing?.at;
  const isOpen = end === undefined && outcome?.state === "expecting_run";
  const ended = isMissing ? NO_RUN : RUN_REPORTED;
  return [
    {
      ...below(facts),
      id: `${facts.id} expect`,
      kind: "expect",
      what: "until the run is reported",
      ...(isOpen ? RUN_EXPECTED : ended),
      start: run.acceptedAt,
      ...(!isOpen && { end: epochMillis(Math.max(run.acceptedAt, end ?? run.acceptedAt)) }),
      ...(isMissing && "summary" in missing && { summary: missing.summary }),
    },
  ];
}

const NO_RUN = { state: "no run reported", tone: "failed" } as const;
const RUN_EXPECTED = { state: "run expected", tone: "open" } as const;
const RUN_REPORTED = { state: "reported", tone: "good" } as const;
