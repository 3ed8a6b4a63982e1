import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildOrder, compareStates } from "../../../shared/model/build-order.ts";
import type { BuildPart, BuildState } from "../../../shared/model/event.ts";

const build = (state: BuildState, changes: Partial<BuildPart> = {}): BuildPart => ({
  system: "buildkite",
  id: "0190-a",
  pipeline: "docs",
  state,
  createdAt: "2026-11-02T09:00:00.000Z",
  ...changes,
});

describe("the order of builds", () => {
  const rows: readonly (readonly [string, BuildPart, BuildPart])[] = [
    ["queued before running", build("queued"), build("running")],
    ["running before any end", build("running"), build("failed", { finishedAt: "2026-11-02T09:01:00.000Z" })],
    ["waiting before any end", build("waiting"), build("cancelled")],
    [
      "an end before the later end of the same build, retried",
      build("failed", { finishedAt: "2026-11-02T09:01:00.000Z" }),
      build("succeeded", { finishedAt: "2026-11-02T09:05:00.000Z" }),
    ],
    [
      "any state of an earlier run before the first of a later one",
      build("succeeded", { finishedAt: "2026-11-02T11:00:00.000Z" }),
      build("queued", { createdAt: "2026-11-02T10:00:00.000Z" }),
    ],
    [
      "by number when created in the same instant",
      build("succeeded", { number: 99 }),
      build("queued", { number: 100 }),
    ],
  ];
  it.each(rows)("the order of builds puts %s", (_, earlier, later) => {
    expect(buildOrder(earlier) < buildOrder(later)).toBe(true);
  });

  it("a build without a start time comes before all that have one", () => {
    const { createdAt: _, ...timeless } = build("succeeded", { number: 9_000, finishedAt: "2027-01-01T00:00:00.000Z" });
    expect(buildOrder(timeless) < buildOrder(build("queued"))).toBe(true);
  });

  it("an id that counts up gives the order if a token reports no number", () => {
    const { createdAt: _, ...timeless } = build("succeeded", { id: "512" });
    expect(buildOrder(timeless) < buildOrder({ ...timeless, id: "1000", state: "queued" })).toBe(true);
  });

  it("a waiting build can go on and wait again, each state only if it is reported later", () => {
    const at = (state: BuildState, minute: number) => ({
      ...build(state),
      reportedAt: `2026-11-02T09:0${minute}:00.000Z`,
    });
    expect(compareStates(at("running", 3), at("waiting", 2))).toBeGreaterThan(0);
    expect(compareStates(at("waiting", 4), at("running", 3))).toBeGreaterThan(0);
    expect(compareStates(at("running", 1), at("waiting", 2))).toBeLessThan(0);
    expect(compareStates(at("succeeded", 1), at("waiting", 2))).toBeGreaterThan(0);
  });

  it("a later round comes after every state of an earlier one, and waiting after running in the same round", () => {
    const at = (state: BuildState, round: string, finishedAt = "2026-11-02T09:09:00.000Z") => ({
      ...build(state, { round, ...(state === "failed" && { finishedAt }) }),
      reportedAt: "2026-11-02T09:00:00.000Z",
    });
    const inOrder = [at("running", "1"), at("waiting", "1"), at("running", "2"), at("failed", "2"), at("queued", "3")];
    for (const [index, one] of inOrder.entries())
      for (const later of inOrder.slice(index + 1)) {
        expect(compareStates(later, one)).toBeGreaterThan(0);
        expect(buildOrder(later) > buildOrder(one)).toBe(true);
      }
  });

  it("every order of arrival leads to the same last state", () => {
    const life = [build("queued"), build("running"), build("succeeded", { finishedAt: "2026-11-02T09:03:00.000Z" })];
    const orders = fc.shuffledSubarray([...life, ...life], { minLength: 6 });
    fc.assert(
      fc.property(orders, (arrivals) => {
        let shown: BuildPart | undefined;
        for (const next of arrivals) if (!shown || buildOrder(shown) <= buildOrder(next)) shown = next;
        return shown?.state === "succeeded";
      }),
    );
  });
});
