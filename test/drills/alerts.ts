import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { parse } from "yaml";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { parseOpenMetrics } from "../support/open-metrics.ts";

const rulesFile = v.object({
  groups: v.array(
    v.object({
      rules: v.array(
        v.object({
          alert: v.string(),
          expr: v.string(),
          for: v.optional(v.string(), "0m"),
          labels: v.object({ severity: v.string() }),
        }),
      ),
    }),
  ),
});
export type AlertRule = v.InferOutput<typeof rulesFile>["groups"][number]["rules"][number];

/** The rules of `deploy/grafana/alerts.yaml`. */
export function alertRules(): readonly AlertRule[] {
  const text = readFileSync(join(PROJECT_ROOT, "deploy/grafana/alerts.yaml"), "utf8");
  return v.parse(rulesFile, parse(text)).groups.flatMap(({ rules }) => rules);
}

/** One scrape of `/metrics`: the value of each series by its text, such as `drawbridge_ready{check="store"}`. */
export type Scrape = ReadonlyMap<string, Series>;
interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A scrape that got no answer: Prometheus then sets `up` to 0. */
export const NO_ANSWER: Scrape = new Map([["up", { name: "up", labels: { job: "drawbridge" }, value: 0 }]]);

export function scrapeOf(text: string): Scrape {
  const samples = parseOpenMetrics(text).flatMap((family) => family.samples);
  const up = { name: "up", labels: { job: "drawbridge" }, value: 1 };
  return new Map([up, ...samples].map((one) => [`${one.name}${JSON.stringify(one.labels)}`, one]));
}

const OPERAND =
  /^(?<sum>sum\()?(?:min by \(\w+\) \()?(?<increase>increase\()?(?<name>\w+)(?:\{(?<label>\w+)="(?<value>\w+)"\})?(?:\[\d+m\])?(?<isNew> unless \w+ offset \d+m)?\)* (?<operator>==|>) (?<limit>\d+)$/;

interface Scrapes {
  readonly before: Scrape;
  readonly after: Scrape;
}

/**
 * Whether the expression of a rule holds, judged on two scrapes as if they were its window apart. It reads only the forms
 * that `alerts.yaml` has, and throws at any other. `for` is not waited for. As in Prometheus, a counter that was not there
 * before has no increase.
 */
export const holds = (expr: string, scrapes: Scrapes): boolean =>
  expr.split(" or ").some((term) => {
    const [left = "", right] = term.split(" and on (target) ");
    const found = seriesIn(left, scrapes);
    if (right === undefined) return found.length > 0;
    const also = new Set(seriesIn(right, scrapes).map(({ labels }) => labels["target"]));
    return found.some(({ labels }) => also.has(labels["target"]));
  });

function seriesIn(operand: string, { before, after }: Scrapes): readonly Series[] {
  const { sum, increase, name, label, value, isNew, operator, limit } = OPERAND.exec(operand)?.groups ?? {};
  if (name === undefined) throw new Error(`this form of an expression is not known: ${operand}`);
  const found = [...after].flatMap(([key, one]) => {
    if (one.name !== name || (label !== undefined && one.labels[label] !== value)) return [];
    const was = before.get(key);
    if (isNew !== undefined && was !== undefined) return [];
    return [{ ...one, value: increase === undefined ? one.value : one.value - (was?.value ?? one.value) }];
  });
  const total = { name, labels: {}, value: found.reduce((all, one) => all + one.value, 0) };
  const summed = found.length === 0 ? [] : [total];
  const judged = sum === undefined ? found : summed;
  return judged.filter((one) => (operator === ">" ? one.value > Number(limit) : one.value === Number(limit)));
}
