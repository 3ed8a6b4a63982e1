import { billOfAction, billOfBridge, billOfTracing, billOfUsual, type Load, standingBill } from "./bill.ts";
import type { AlarmCounts } from "./count-alarms.ts";
import { ACTION_COSTS, INPUTS } from "./inputs.ts";
import type { BodySet, RelayedMeans } from "./measure.ts";
import { dollarsOf, type Line, PRICES, type PriceName, totalOf } from "./prices.ts";
import { QUOTAS } from "./quotas.ts";

/** Measurements of both sets of bodies. */
export interface Measured {
  readonly fixtures: BodySet;
  /** The bodies that others recorded. The bill is based on them. */
  readonly recorded: BodySet;
  /** Of the template of `infra/example`. */
  readonly alarms: AlarmCounts;
}

/** The tables of `docs/cost.md` in Markdown, by the end of their blocks' names. Nothing in them depends on the machine. */
export function costTables({ fixtures, recorded, alarms }: Measured): ReadonlyMap<string, string> {
  const { relayed } = recorded;
  return new Map([
    ["totals", totals(relayed)],
    ["parts", parts(relayed)],
    ["tracing", tracing(relayed)],
    ["actions", actions()],
    ["standing", bill(["a month"], [standingBill(alarms)])],
    ["units-recorded", units(recorded)],
    ["units-fixtures", units(fixtures)],
    ["quotas", quotas(relayed)],
    ["inputs", inputs()],
    ["prices", prices()],
  ]);
}

const RATES = [1, 100, 10_000];
const loadsOf = (bodies: RelayedMeans): readonly Load[] => RATES.map((perSecond) => ({ perSecond, bodies }));
const rateName = (perSecond: number): string => `${count(perSecond)}/s`;

function totals(bodies: RelayedMeans): string {
  const rows = [
    { what: "Drawbridge behind an HTTP API", of: (load: Load) => billOfBridge(load, "http-api") },
    { what: "Drawbridge behind a function URL", of: (load: Load) => billOfBridge(load, "function-url") },
    { what: "the usual design", of: (load: Load) => billOfUsual(load, { packsAudit: false }) },
    {
      what: "the usual design, with its audit record as compressed as the bridge's",
      of: (load: Load) => billOfUsual(load, { packsAudit: true }),
    },
  ];
  const loads = loadsOf(bodies);
  return markdown(
    ["$ for a million webhooks", ...RATES.map(rateName)],
    rows.map(({ what, of }) => [what, ...loads.map((load) => money(totalOf(of(load))))]),
  );
}

function parts(bodies: RelayedMeans): string {
  const loads = loadsOf(bodies);
  return bill(
    [...RATES.map((rate) => `bridge, ${rateName(rate)}`), ...RATES.map((rate) => `usual, ${rateName(rate)}`)],
    [
      ...loads.map((load) => billOfBridge(load, "http-api")),
      ...loads.map((load) => billOfUsual(load, { packsAudit: false })),
    ],
  );
}

function tracing(bodies: RelayedMeans): string {
  return bill(RATES.map(rateName), loadsOf(bodies).map(billOfTracing));
}

function actions(): string {
  const kinds = Object.entries(ACTION_COSTS);
  return bill(
    kinds.map(([kind]) => `\`${kind}\``),
    kinds.map(([, cost]) => billOfAction(cost)),
  );
}

/** Bills side by side, part by part. */
function bill(headings: readonly string[], bills: readonly (readonly Line[])[]): string {
  const names = new Set(bills.flatMap((lines) => lines.map(({ part }) => part)));
  const rows = [...names].map((name) => [
    name,
    ...bills.map((lines) => {
      const ofPart = lines.filter(({ part }) => part === name);
      return ofPart.length === 0 ? "" : money(totalOf(ofPart));
    }),
  ]);
  return markdown(["part, $", ...headings], [...rows, ["**total**", ...bills.map((lines) => money(totalOf(lines)))]]);
}

function units({ rows }: BodySet): string {
  return markdown(
    [
      "bodies",
      "deliveries",
      "body, bytes: median",
      "item, bytes: median",
      "p95",
      "mean",
      "table, units: median",
      "p95",
      "mean",
      "table and a list page: mean",
      "of these relayed",
      "their mean",
    ],
    rows.map((row) => [
      row.group,
      count(row.deliveries),
      count(row.bodyMedian),
      count(row.itemMedian),
      count(row.itemP95),
      count(row.itemMean),
      count(row.unitsMedian),
      count(row.unitsP95),
      row.unitsMean.toFixed(2),
      row.allUnitsMean.toFixed(2),
      count(row.relayed),
      row.relayedUnitsMean.toFixed(2),
    ]),
  );
}

function quotas(bodies: RelayedMeans): string {
  const loads = loadsOf(bodies);
  return markdown(
    ["quota", "unless raised", ...RATES.map(rateName), "what to raise"],
    QUOTAS.map(({ what, limit, needed, raise }) => {
      const needs = loads.map((load) => needed(load));
      return [what, count(limit), ...needs.map((need) => (need >= limit ? `**${count(need)}**` : count(need))), raise];
    }),
  );
}

const inputs = (): string =>
  markdown(
    ["input", "value", "from"],
    Object.entries(INPUTS).map(([name, { value, unit, from }]) => [`\`${name}\``, `${value} ${unit}`, from]),
  );

function prices(): string {
  const names = Object.keys(PRICES) as PriceName[];
  return markdown(
    ["price", "$", "for", "vendor's page", "confirmed by"],
    names.map((name) => {
      const { what, dollars, per, unit, page, ...rest } = PRICES[name];
      const confirmed = "confirmedBy" in rest ? rest.confirmedBy : "**not confirmed**";
      const amount = `${per === 1 ? "" : `${count(per)} `}${unit}`;
      return [what, dollarsText(dollarsOf({ price: name, amount: per })), amount, `[page](${page})`, confirmed];
    }),
  );
}

/** A table whose columns of numbers are aligned to the right. */
function markdown(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const isOfNumbers = (at: number): boolean => rows.every((cells) => /^[\d.,*∞]*$/.test(cells[at] ?? ""));
  const rule = headings.map((_, at) => (at > 0 && isOfNumbers(at) ? "---:" : "---"));
  return [headings, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const money = (dollars: number): string => dollars.toFixed(2);
const dollarsText = (dollars: number): string => dollars.toFixed(10).replace(/\.?0+$/, "");

/** With thousands separators; with one decimal below 10, else none. */
const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
