import { describe, expect, it } from "vitest";
import { type RecordedRun, type RouteRun, withRun } from "../../../shared/store/runs.ts";

const at = (n: number): string => new Date(Date.UTC(2026, 10, 2, 9, 0, n)).toISOString();
const fired = (n: number): RecordedRun => ({ delivery: `d-${n}`, firedAt: at(n) });
const ended = (n: number, succeeded = true, environment?: string): RecordedRun => ({
  delivery: `d-${n}`,
  beganAt: at(n),
  end: { succeeded, at: at(n), ...(environment !== undefined && { environment }) },
});
const kept = (...recorded: readonly RecordedRun[]): readonly RouteRun[] =>
  recorded.reduce<readonly RouteRun[]>(withRun, []);
const ids = (runs: readonly RouteRun[]) => runs.map(({ delivery }) => delivery);

describe("the recorded runs of a route", () => {
  it("one run is kept for each delivery, newest fired first, whether its start or its end is recorded first", () => {
    const runs = kept(ended(1), fired(2), fired(1));
    expect(ids(runs)).toEqual(["d-2", "d-1"]);
    expect(runs).toEqual(kept(fired(1), ended(1), fired(2)));
  });

  it("the time of firing takes precedence over the start that a sender reported", () => {
    expect(kept(ended(5), { delivery: "d-5", firedAt: at(1) }, fired(2))).toMatchObject([
      { delivery: "d-2" },
      { delivery: "d-5", firedAt: at(1), end: { succeeded: true } },
    ]);
  });

  it("the later end of a delivery's run is kept, and known facts change nothing", () => {
    const runs = kept(fired(1), ended(1, false));
    for (const known of [fired(1), ended(1, true)]) expect(withRun(runs, known)).toBe(runs);
    const later = { delivery: "d-1", beganAt: at(1), end: { succeeded: true, at: at(9) } };
    expect(withRun(runs, later)).toMatchObject([{ delivery: "d-1", end: { succeeded: true } }]);
  });

  it("each kind of run is bounded: neither failures nor runs elsewhere drive out the runs that succeeded", () => {
    const good = [1, 2, 3].map((n) => ended(n, true, "production"));
    const others = Array.from({ length: 50 }, (_, n) => ended(n + 4, n % 2 === 0, n % 3 === 0 ? "staging" : undefined));
    const runs = kept(...good, ...others, ...Array.from({ length: 10 }, (_, n) => fired(n + 60)));
    expect(runs.length).toBeLessThanOrEqual(28);
    expect(ids(runs).slice(0, 5)).toEqual(["d-69", "d-68", "d-67", "d-66", "d-65"]);
    expect(ids(runs).slice(-3)).toEqual(["d-3", "d-2", "d-1"]);
  });

  it("the runs stay few however many environments there are", () => {
    const runs = kept(...Array.from({ length: 300 }, (_, n) => ended(n, true, `review-${n}`)));
    expect(runs).toHaveLength(100);
    expect(runs[0]?.delivery).toBe("d-299");
  });
});
