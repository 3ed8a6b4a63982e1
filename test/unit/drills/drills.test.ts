import { describe, expect, it } from "vitest";
import { alertRules, holds, NO_ANSWER, scrapeOf } from "../../drills/alerts.ts";
import { type Drill, runDrill } from "../../drills/drill.ts";
import type { DrillSite } from "../../drills/drill-site.ts";
import { DRILLS } from "../../drills/drills.ts";
import { reportOf } from "../../drills/report.ts";
import { codeIn, readText, rowsOf } from "../../support/documents.ts";

const RULES = alertRules();
/** Something that no alert reads. */
const ANY = "# TYPE drawbridge_any gauge\ndrawbridge_any 1";

/** A scrape with these counters and gauges. */
const scrape = (...samples: readonly (readonly [series: string, value: number])[]) => {
  const families = samples.map(([series, value]) => {
    const name = series.replace(/\{.*/, "");
    const isCounter = name.endsWith("_total");
    const family = isCounter ? name.slice(0, -"_total".length) : name;
    const lines = [`# TYPE ${family} ${isCounter ? "counter" : "gauge"}`, `# HELP ${family} x`, `${series} ${value}`];
    return lines.join("\n");
  });
  return scrapeOf(`${[ANY, ...families, "# EOF"].join("\n")}\n`);
};
const firing = (before: ReturnType<typeof scrape>, after: ReturnType<typeof scrape>) =>
  RULES.filter(({ expr }) => holds(expr, { before, after })).map(({ alert }) => alert);

describe("the alerts of two scrapes", () => {
  const paused = 'drawbridge_target_state{target="ci",state="paused"}';
  const failing = 'drawbridge_target_state{target="ci",state="failing"}';
  const oldest = 'drawbridge_target_oldest_action_seconds{target="ci"}';
  const givenUp = 'drawbridge_attempts_total{route="docs",outcome="give_up"}';
  const failed = 'drawbridge_requests_total{source="wiki",outcome="failed",reason="store_unavailable"}';

  it.each([
    ["DrawbridgeTargetFailing", scrape([failing, 0]), scrape([failing, 1])],
    ["DrawbridgeTargetPaused", scrape([paused, 0]), scrape([paused, 1])],
    ["DrawbridgeGivenUp", scrape([givenUp, 0]), scrape([givenUp, 1])],
    ["DrawbridgeFailing", scrape([failed, 3]), scrape([failed, 8])],
    ["DrawbridgeFailing", scrape(), scrape([failed, 5])],
    ["DrawbridgeActionsLate", scrape(), scrape([oldest, 901], [paused, 0])],
    ["DrawbridgeDown", scrape(), NO_ANSWER],
  ])("%s holds", (alert, before, after) => {
    expect(firing(before, after)).toEqual([alert]);
  });

  it.each([
    ["a counter that was not there before has no increase", scrape(), scrape([givenUp, 1])],
    ["four failed requests are not five", scrape([failed, 3]), scrape([failed, 7])],
    ["an action of a target that is paused may be late", scrape(), scrape([oldest, 901], [paused, 2])],
    ["a counter that stands still", scrape([givenUp, 4]), scrape([givenUp, 4])],
  ])("%s", (_, before, after) => {
    expect(firing(before, after)).toEqual([]);
  });

  it("another form of an expression is not guessed at", () => {
    expect(() => holds("rate(x[5m]) > 1", { before: scrape(), after: scrape() })).toThrow("is not known");
  });
});

describe("a drill", () => {
  /** A site that shows what it is given, and starts no run. */
  const site = (page: string, after: ReturnType<typeof scrape>) => {
    const scrapes = [scrape(), after];
    const shown: Partial<DrillSite> = {
      console: async () => "wiki is refused",
      page: () => page,
      scrape: async () => scrapes.shift() ?? after,
    };
    return Object.assign(shown, { listener: { runs: new Map() } }) as unknown as DrillSite;
  };
  const drill: Drill = {
    name: "A forged webhook",
    broken: "Somebody signs with another secret.",
    run: async () => ({ status: 401, text: "The sender could not be authenticated" }),
    expected: {
      status: 401,
      answer: "could not be authenticated",
      console: { path: "/console", words: "refused" },
      alerts: ["DrawbridgeSourceRefused"],
      runs: 0,
    },
  };
  const refused = scrape(['drawbridge_source_state{source="wiki",state="refused"}', 1]);
  const failedSides = async (changes: Partial<Drill>, after = refused) =>
    (await runDrill({ ...drill, ...changes }, { site: site("the page", after), rules: RULES }))
      .filter(({ wanted }) => wanted !== undefined)
      .map(({ side }) => side);

  it("passes if each side shows what it should", async () => {
    expect(await failedSides({})).toEqual([]);
  });

  it.each([
    ["caller", { run: async () => ({ status: 202, text: "could not be authenticated" }) }],
    ["caller", { run: async () => ({ status: 401, text: "no" }) }],
    ["console", { expected: { ...drill.expected, console: { path: "/console", words: "well" } } }],
    ["alerts", { expected: { ...drill.expected, alerts: [] } }],
    ["page", { expected: { ...drill.expected, page: "PASSED" } }],
    ["runs", { expected: { ...drill.expected, runs: 1 } }],
    ["recovery", { repair: () => Promise.reject(new Error("still down")) }],
  ] as const)("fails at the side %s if it shows something else", async (side, changes) => {
    expect(await failedSides(changes)).toEqual([side]);
  });

  it("fails at the alerts if none holds", async () => {
    expect(await failedSides({}, scrape())).toEqual(["alerts"]);
  });

  it("fails, and is in the report as failed, if nothing can be sent at all", async () => {
    const run = () => Promise.reject(new Error("no | connection"));
    const findings = await runDrill({ ...drill, run }, { site: site("the page", refused), rules: RULES });
    expect(findings[0]).toEqual({ side: "caller", saw: "no | connection", wanted: "no error" });
    const report = reportOf([{ drill, findings }], new Date("2026-11-02T09:00:00Z"));
    expect(report).toContain("2026-11-02T09:00 UTC: 0 of 1 passed");
    const [row = []] = rowsOf(report);
    expect([row[0], row[2], row.at(-1)]).toEqual([
      "A forged webhook",
      "✕ no &#124; connection; wanted: no error",
      "✕ failed",
    ]);
  });
});

describe("docs/operations/failure-drills.md", () => {
  it("has a row for each drill, with what is broken, the status that the caller gets, and the alerts", () => {
    const rows = rowsOf(readText("docs/operations/failure-drills.md"));
    expect(rows.map(([name, broken, caller, alerts = ""]) => [name, broken, caller, codeIn(alerts)])).toEqual(
      DRILLS.map(({ name, broken, expected: { status, alerts } }) => [name, broken, String(status), alerts]),
    );
  });
});
