import fc from "fast-check";
import { expect, test } from "vitest";
import { epochMillis } from "../../../shared/host/clock.ts";
import {
  type CodeSince,
  commitsSince,
  MAX_PUSHES,
  NO_CODE,
  type PageSeen,
  type ReportedPush,
  withPush,
  withSeen,
} from "../../../shared/model/code-since.ts";
import { propertyCases } from "../../support/property-cases.ts";

type Report = ReportedPush | PageSeen;

const after = (code: CodeSince, report: Report): CodeSince =>
  "how" in report ? withSeen(code, report) : withPush(code, report);
const afterAll = (reports: readonly Report[]): CodeSince => reports.reduce(after, NO_CODE);
const countsOf = (code: CodeSince) => {
  const { count, isMore } = commitsSince(code);
  return { count, isMore };
};

/** The counts as the definition says: each commit at its first push, of the newest pushes that are kept. */
function expected(reports: readonly Report[]) {
  const pushes = reports.flatMap((report) => ("how" in report ? [] : [report]));
  const since = Math.max(-1, ...reports.flatMap((report) => ("how" in report ? [report.at] : [])));
  const different = new Map(pushes.map((push) => [JSON.stringify([push.at, push.project, push.commits]), push]));
  const newestFirst = [...different.values()]
    .filter(({ commits }) => commits.length > 0)
    .sort((one, other) => other.at - one.at || (textOf(one) < textOf(other) ? -1 : 1));
  const [kept, replaced] = [newestFirst.slice(0, MAX_PUSHES), newestFirst.slice(MAX_PUSHES)];
  const firstAt = new Map<string, number>();
  for (const { at, project, commits } of kept) for (const id of commits) firstAt.set(`${project} ${id}`, at);
  const missing = [...replaced, ...pushes.filter(({ isPartial }) => isPartial)];
  return {
    count: [...firstAt.values()].filter((at) => at > since).length,
    isMore: missing.some(({ at }) => at > since),
  };
}
const textOf = ({ project, commits }: ReportedPush): string => [project, ...commits].join(" ");

const at = fc.nat(40).map(epochMillis);
const push: fc.Arbitrary<ReportedPush> = fc.record({
  at,
  project: fc.constantFrom("platform/docs", "platform/api"),
  commits: fc.uniqueArray(fc.constantFrom(..."abcdefghij"), { maxLength: 4 }),
  isPartial: fc.boolean(),
  paths: fc.constant([]),
});
const seen: fc.Arbitrary<PageSeen> = fc.record({ at, how: fc.constantFrom("edited", "reviewed") });

test("the count follows from the set of reports, in whatever order and how often each one arrives", () => {
  const reports = fc.oneof(
    fc.array(fc.oneof({ weight: 4, arbitrary: push }, seen), { maxLength: 12 }),
    fc.array(fc.oneof({ weight: 30, arbitrary: push }, seen), { minLength: MAX_PUSHES, maxLength: MAX_PUSHES + 20 }),
  );
  const history = reports.chain((once) =>
    fc.record({
      once: fc.constant(once),
      again: fc.shuffledSubarray(once),
      order: fc.shuffledSubarray(once, { minLength: once.length }),
    }),
  );
  fc.assert(
    fc.property(history, ({ once, again, order }) => {
      const code = afterAll(order);
      expect(countsOf(code)).toEqual(expected(once));
      expect(afterAll([...once, ...again])).toEqual(code);
      for (const report of again) expect(after(code, report)).toBe(code);
      expect(code.pushes.length).toBeLessThanOrEqual(MAX_PUSHES);
    }),
    propertyCases("commits since an edit", { weight: 5 }),
  );
});

const pushed = (time: number, ...commits: readonly string[]): ReportedPush => ({
  at: epochMillis(time),
  project: "platform/docs",
  commits,
  isPartial: false,
  paths: [],
});
const edited = (time: number): PageSeen => ({ at: epochMillis(time), how: "edited" });
const reviewed = (time: number): PageSeen => ({ at: epochMillis(time), how: "reviewed" });

test.each<[string, readonly Report[], number]>([
  ["nobody looked at the page", [pushed(1, "a"), pushed(2, "b", "c")], 3],
  ["the page was edited between two pushes", [pushed(1, "a"), edited(2), pushed(3, "b", "c")], 2],
  ["the edit is reported after a later push", [pushed(1, "a"), pushed(3, "b", "c"), edited(2)], 2],
  ["the push is reported after a later edit", [edited(2), pushed(3, "b"), pushed(1, "a")], 1],
  ["a push is reported twice", [pushed(1, "a"), pushed(1, "a")], 1],
  ["two sources report one push, a moment apart", [pushed(1, "a"), pushed(2, "a")], 1],
  [
    "a force push brings commits back that were pushed before",
    [pushed(1, "a", "b"), pushed(2, "c"), pushed(3, "b")],
    3,
  ],
  ["a commit from before the edit is pushed again", [pushed(1, "a"), edited(2), pushed(3, "a")], 0],
  ["the page was reviewed twice", [pushed(1, "a"), reviewed(2), pushed(3, "b"), reviewed(4), pushed(5, "c")], 1],
])("the commits since a person looked are counted if %s", (_, reports, count) => {
  expect(countsOf(afterAll(reports))).toEqual({ count, isMore: false });
});
