import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowOf as reportedRowOf } from "../../../shared/actions/confluence/board-row.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { BoardRow } from "../../../shared/model/board.ts";
import { type BoardRun, type ReportedBuild, rowOf, withBuild } from "../../../shared/model/board-runs.ts";
import { busEventsOf } from "../../../shared/model/bus-event.ts";
import { readEvent } from "../../../shared/providers/buildkite/parse.ts";
import { pipeline } from "../../../shared/providers/gitlab/parse-run.ts";
import type { Reader } from "../../../shared/providers/payload.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { sampleDelivery } from "../../support/samples.ts";
import {
  buildkiteLife,
  gitlabLife,
  type JobKind,
  type Life,
  type OwnPage,
  type Report,
} from "../../support/sender-lives.ts";

/**
 * The rows that the page action stores for one delivery. `n` distinguishes the deliveries of one report. `acted`: the
 * keys of the events that the action has run for.
 */
function rowsOf(
  read: Reader,
  { kind, body, at }: Report,
  n: number,
  acted = new Set<string>(),
): readonly ReportedBuild[] {
  const reading = read(kind, body, epochMillis(at));
  if (reading.outcome !== "event") throw new Error(`${kind}: ${reading.outcome}`);
  const delivery = { ...sampleDelivery(), id: `d-${n}`, source: "ci", provider: "ci", events: reading.events };
  const events = busEventsOf(delivery).filter(({ detail: { eventKey } }) => !acted.has(eventKey));
  for (const { detail } of events) acted.add(detail.eventKey);
  return events.flatMap((busEvent) => reportedRowOf({ busEvent, origin: busEvent, originProof: "proved" }) ?? []);
}

const rowAfter = (reported: readonly ReportedBuild[]): BoardRow | undefined =>
  rowOf("docs", reported.reduce<readonly BoardRun[]>(withBuild, []));

/** The newest run, and the last result before it if it has none itself. */
function pageOf(lives: readonly Life[]): OwnPage | undefined {
  const newest = lives.at(-1)?.ownPage;
  if (newest === undefined || isResult(newest.state)) return newest;
  const ends = lives.map(({ ownPage: { state, lastEnd } }) => (isResult(state) ? state : lastEnd));
  return { state: newest.state, lastEnd: ends.findLast((end) => end !== undefined) };
}

const isResult = (state: string): boolean => !["queued", "running", "waiting", "skipped"].includes(state);

const steps = fc.array(fc.nat(11), { maxLength: 8 });
const SENDERS: readonly (readonly [string, Reader, fc.Arbitrary<readonly Life[]>])[] = [
  [
    "GitLab",
    pipeline,
    fc
      .array(
        fc.tuple(
          fc.array(fc.constantFrom<JobKind>("automatic", "manual", "limited"), { minLength: 1, maxLength: 3 }),
          steps,
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((runs) => runs.map(([kinds, taken], run) => gitlabLife(run + 1, kinds, taken))),
  ],
  [
    "Buildkite",
    readEvent,
    fc
      .tuple(fc.boolean(), fc.array(steps, { minLength: 1, maxLength: 3 }))
      .map(([keepsEnd, runs]) => runs.map((taken, run) => buildkiteLife(run + 1, keepsEnd, taken))),
  ],
];

/** Reports in some order of arrival, some of them several times. */
const arrivalsOf = (lives: readonly Life[]): fc.Arbitrary<readonly Report[]> => {
  const reports = lives.flatMap((life) => life.reports);
  const repeats = fc.array(fc.nat(reports.length - 1), { maxLength: 4 });
  return repeats.chain((again) => shuffled([...reports, ...again.flatMap((at) => reports[at] ?? [])]));
};
const shuffled = <T>(all: readonly T[]) => fc.shuffledSubarray([...all], { minLength: all.length });

describe.each(SENDERS)("the rounds of several runs of %s", (name, read, lives) => {
  it("a row shows what the sender's own page shows, in whatever order and however often the reports arrive", () => {
    const cases = lives.chain((all) => fc.tuple(fc.constant(all), arrivalsOf(all)));
    fc.assert(
      fc.property(cases, ([all, arrivals]) => {
        // The time of receipt is that of the arrival, in this order.
        const acted = new Set<string>();
        const received = arrivals.flatMap((report, n) =>
          rowsOf(read, { ...report, at: Date.UTC(2026, 10, 3) + n }, n, acted),
        );
        const row = rowAfter(received);
        expect({ state: row?.build.state, lastEnd: row?.ended?.state }).toEqual(pageOf(all));
      }),
      propertyCases(`rounds of ${name}`),
    );
  }, 300_000);

  it("the same deliveries lead to the same row in whatever order they are handled", () => {
    const cases = lives.chain((all) => {
      const deliveries = all.flatMap((life) => life.reports).flatMap((report, n) => rowsOf(read, report, n));
      const twins = all.flatMap((life) => life.reports).flatMap((report, n) => rowsOf(read, report, n + 1_000));
      return fc.tuple(shuffled([...deliveries, ...twins]), shuffled([...deliveries, ...twins]));
    });
    fc.assert(
      fc.property(cases, ([one, other]) => {
        expect(rowAfter(one)).toEqual(rowAfter(other));
      }),
      propertyCases(`orders of ${name}`),
    );
  }, 300_000);
});
