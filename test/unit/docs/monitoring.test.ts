import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { LOG_METRICS } from "../../../shared/host/metrics.ts";
import { metricsOnly } from "../../../shared/http/metrics.ts";
import { openMetricsName } from "../../../shared/http/open-metrics.ts";
import { readText, rowsOf, sectionOf } from "../../support/documents.ts";
import { httpBridge } from "../../support/http-bridge.ts";
import { parseOpenMetrics } from "../../support/open-metrics.ts";

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const PAGE = readText("docs/operations/metrics.md");
const { groups }: { groups: readonly { rules: readonly Alert[] }[] } = parse(readText("deploy/grafana/alerts.yaml"));
const ALERTS = groups.flatMap(({ rules }) => rules);
const DASHBOARD: {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
} = JSON.parse(readText("deploy/grafana/dashboard.json"));

/** The name of each series with the labels that it may have. */
async function seriesOfTheCode(): Promise<ReadonlyMap<string, readonly string[] | undefined>> {
  const bridge = await httpBridge({ calls: { targets: { get: never, list: async () => [], save: never } } });
  const scraped = await metricsOnly(bridge.app).fetch(new Request("http://127.0.0.1/metrics"), {});
  const families = parseOpenMetrics(await scraped.text());
  await bridge.close();
  const suffixes: Readonly<Record<string, string>> = { counter: "_total", info: "_info" };
  return new Map(
    families.map(({ name, type, samples: [first] }) => [
      `${name}${suffixes[type] ?? ""}`,
      first === undefined ? undefined : Object.keys(first.labels),
    ]),
  );
}
const never = () => Promise.reject(new Error("not asked for"));

const namesIn = (expr: string): readonly string[] => Array.from(expr.matchAll(/drawbridge_\w+/g), ([name]) => name);

describe("the alerts and the dashboard", () => {
  it("name only metrics that the bridge has, and all metrics of log lines are documented under both names", async () => {
    const series = await seriesOfTheCode();
    const exprs = [...ALERTS, ...DASHBOARD.panels.flatMap(({ targets }) => targets)].map(({ expr }) => expr);
    const named = exprs.flatMap(namesIn);
    expect(named.length).toBeGreaterThan(25);
    const familyOf = (name: string) => name.replace(/_(bucket|count|sum)$/, "");
    expect(named.filter((name) => !series.has(name) && !series.has(familyOf(name)))).toEqual([]);
    const documented = rowsOf(sectionOf(PAGE, "The metrics"));
    expect(documented.map(([name = ""]) => name.replaceAll("`", "")).sort()).toEqual([...series.keys()].sort());
    for (const [name, { type, labels }] of Object.entries(LOG_METRICS)) {
      const row = documented.find(([, inCloudWatch]) => inCloudWatch === `\`${name}\``);
      expect(row?.[0]).toBe(`\`${openMetricsName(name)}${type === "counter" ? "_total" : ""}\``);
      expect(row?.[2]).toBe(labels.map((label) => `\`${label}\``).join(", "));
    }
  });

  it("each alert leads to its own section of the page, which has one for each alert and no other", () => {
    const sections = Array.from(PAGE.matchAll(/^### Alert: (\w+)$/gm), ([, name = ""]) => name);
    expect(sections.sort()).toEqual(ALERTS.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of ALERTS) {
      expect(annotations.runbook).toBe(`docs/operations/metrics.md#alert-${alert.toLowerCase()}`);
      expect(annotations.summary).not.toBe("");
    }
  });

  it("the panels have ids of their own, and each a title and a query", () => {
    expect(new Set(DASHBOARD.panels.map(({ id }) => id)).size).toBe(DASHBOARD.panels.length);
    expect(DASHBOARD.panels.filter(({ title, targets }) => title === "" || targets.length === 0)).toEqual([]);
  });
});
