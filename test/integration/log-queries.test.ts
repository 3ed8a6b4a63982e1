import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { reportEmergency } from "../../shared/approvals/report-emergency.ts";
import { awsLog } from "../../shared/aws/aws-log.ts";
import { systemClock } from "../../shared/host/clock.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { blocksOf, codeIn, readText, rowsOf, sectionOf } from "../support/documents.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { until } from "../support/until.ts";

const QUESTIONS = sectionOf(readText("docs/operations/queries.md"), "Questions to the log");
const METRICS = sectionOf(readText("docs/operations/log.md"), "Metrics");

/**
 * The lines of the log after one edit was processed, one was rejected, and a queue message was refused, and that of an
 * emergency grant.
 */
let lines: readonly Readonly<Record<string, unknown>>[];
let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeAll(async () => {
  bridge = await awsBridge();
  expect((await bridge.edit()).status).toBe(202);
  expect((await bridge.edit({}, "sha256=00")).status).toBe(401);
  bridge.putMessage("tekton", "{}");
  await until("the page to show PASSED", pageAfterTurn(bridge), (body) => body.includes("PASSED"));
  const log = awsLog("relay", { STAGE: "stage" }, systemClock);
  await reportEmergency(emergencyGrant(), { log });
  lines = bridge.account.lines.map((line) => JSON.parse(line));
});
afterAll(() => bridge.stop());

function emergencyGrant(): BusEvent {
  const gate = {
    delivery: "d-1",
    state: "granted",
    approvers: ["lead"],
    requestedAt: "2026-11-02T09:00:00.000Z",
    until: "2026-11-03T09:00:00.000Z",
    by: "kim",
    emergency: true,
  } as const;
  const busEvent = busEventOf({
    ...sampleDelivery(),
    source: "approvals",
    provider: "approvals",
    what: "approval.granted",
    events: [
      {
        type: "approval.granted",
        keyParts: ["p-1"],
        time: "2026-11-02T09:05:00.000Z",
        subject: "deploy of 98310",
        approval: { system: "drawbridge", build: "p-1", pipeline: "deploy", gate },
      },
    ],
  });
  if (busEvent === undefined) throw new Error("it is an event");
  return busEvent;
}

/** The words of a query that name a member of a line: no texts, numbers, functions, aliases or keywords. */
function fieldsIn(query: string, language: ReadonlySet<string>): readonly string[] {
  const bare = query
    .replace(/"[^"]*"/g, "")
    .replace(/\[\d+[smhd]\]|\b\d[\w.]*/g, "")
    .replace(/@\w+/g, "");
  const named = new Set(Array.from(bare.matchAll(/\bas (\w+)/g), ([, name = ""]) => name));
  const words = Array.from(bare.matchAll(/\b([A-Za-z_]\w*)\b(?!\s*\()/g), ([, word = ""]) => word);
  return words.filter((word) => !language.has(word) && !named.has(word));
}

const INSIGHTS = new Set(["fields", "filter", "stats", "sort", "by", "as", "and", "asc", "desc"]);
/** `job` is a label that the log collector sets. */
const LOGQL = new Set(["sum", "by", "json", "unwrap", "job"]);

const isWritten = (field: string): boolean => lines.some((line) => field in line);

describe("docs/operations/queries.md", () => {
  it("each question is written in both languages", () => {
    expect(blocksOf(QUESTIONS, "insights").length).toBeGreaterThan(5);
    expect(blocksOf(QUESTIONS, "logql")).toHaveLength(blocksOf(QUESTIONS, "insights").length);
  });

  it.each([
    ...blocksOf(QUESTIONS, "insights").map((query) => [query, INSIGHTS] as const),
    ...blocksOf(QUESTIONS, "logql").map((query) => [query, LOGQL] as const),
  ])("the query reads fields that exist in the log: %s", (query, language) => {
    const fields = fieldsIn(query, language);
    expect(fields.length).toBeGreaterThan(0);
    expect(fields.filter((field) => !isWritten(field))).toEqual([]);
  });

  it("the queried messages exist in the log", () => {
    const asked = new Set(Array.from(QUESTIONS.matchAll(/message ?= ?"(\w+)"/g), ([, message]) => message));
    expect([...asked].filter((message) => !lines.some((line) => line["message"] === message))).toEqual([]);
  });

  it("the Loki pipeline reads fields and a time format that exist in the log", () => {
    const [block = ""] = blocksOf(QUESTIONS, "yaml");
    const [json, timestamp, ...rest] = parse(block).pipeline_stages;
    const { expressions } = json.json;
    for (const [name, member] of Object.entries(expressions)) {
      expect([name, isWritten(String(member))]).toEqual([member, true]);
    }
    const extracted = Object.keys(expressions);
    const used = rest.flatMap((stage: Record<string, object>) => Object.values(stage).flatMap(Object.values));
    expect(extracted).toEqual(expect.arrayContaining([timestamp.timestamp.source, ...used]));
    expect(timestamp.timestamp.format).toBe("RFC3339Nano");
    for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

describe("docs/operations/log.md", () => {
  it("every metric is documented with its dimensions", () => {
    const directives = lines.flatMap((line) => (line["_aws"] as Metrics | undefined)?.CloudWatchMetrics ?? []);
    const written = directives.flatMap(({ Namespace, Metrics, Dimensions }) => {
      expect(codeIn(METRICS)).toContain(Namespace);
      return Dimensions.map((set) => [Metrics.map(({ Name }) => Name).join(), ...set].join(" "));
    });
    const documented = rowsOf(METRICS).map(([name = "", , dimensions = ""]) =>
      [...codeIn(name), ...codeIn(dimensions)].join(" "),
    );
    expect([...documented].sort()).toEqual([...new Set(written)].sort());
  });
});

interface Metrics {
  readonly CloudWatchMetrics: readonly {
    readonly Namespace: string;
    readonly Dimensions: readonly (readonly string[])[];
    readonly Metrics: readonly { readonly Name: string }[];
  }[];
}
