import { describe, expect, it } from "vitest";
import { MissingRoutes, outcomeWithoutRoute } from "../../../shared/delivery/missing-routes.ts";
import { testClock } from "../../support/test-doubles.ts";

describe("the time since which a route is missing", () => {
  it("the time begins with the removal, and other changes do not begin it again", () => {
    const clock = testClock();
    const routes = new MissingRoutes(clock);
    expect(routes.use(["a", "b"])).toEqual([]);
    clock.advance(1_000_000);
    expect(routes.use(["b"])).toEqual(["a"]);
    clock.advance(60_000);
    expect(routes.use([])).toEqual(["b"]);
    expect([routes.missingMs("a"), routes.missingMs("b")]).toEqual([60_000, 0]);
  });

  it("a route that comes back and is removed again later has the whole time again", () => {
    const clock = testClock();
    const routes = new MissingRoutes(clock);
    routes.use(["a"]);
    routes.use([]);
    clock.advance(800_000);
    routes.use(["a"]);
    expect(routes.has("a")).toBe(false);
    clock.advance(800_000);
    expect(routes.use([])).toEqual(["a"]);
    expect(routes.missingMs("a")).toBe(0);
  });

  it("a route that the start does not find is missing since the start, and a changed clock does not matter", () => {
    const clock = testClock();
    const routes = new MissingRoutes(clock);
    routes.use(["b"]);
    clock.advance(5_000);
    clock.set(86_400_000);
    expect(routes.missingMs("a")).toBe(5_000);
  });
});

describe("the outcome of an attempt without its route", () => {
  it.each([
    [0, 5],
    [30_000, 30],
    [400_000, 60],
    [899_000, 1],
  ])("after %i ms the action waits for %i s", (missingMs, afterSeconds) => {
    expect(outcomeWithoutRoute(missingMs)).toMatchObject({ outcome: "wait", afterSeconds });
  });

  it("after 15 minutes the action is given up", () => {
    expect(outcomeWithoutRoute(900_000)).toMatchObject({ outcome: "give_up" });
  });
});
