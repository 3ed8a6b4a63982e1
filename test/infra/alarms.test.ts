import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { ALARMS } from "../../infra/cost/bill.ts";
import { backoffMs, DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { EVERYTHING, EXAMPLE, readable, type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise({ alarmTopic: TOPIC });
});

const TOPIC = "arn:aws:sns:eu-central-1:111111111111:on-call";

/** The metrics of each alarm, with the resource that each belongs to. */
const watched = (): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    [...stack.resources("AWS::CloudWatch::Alarm")].map(([name, { Properties }]) => {
      const metrics = (Properties["Metrics"] as { MetricStat?: { Metric: object } }[] | undefined) ?? [];
      const all = Properties["MetricName"]
        ? [Properties]
        : metrics.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []);
      return [name, all.map((metric) => describeMetric(metric)).sort()];
    }),
  );

function describeMetric(metric: object): string {
  const { MetricName, Dimensions } = metric as { MetricName: string; Dimensions: { Name: string; Value: unknown }[] };
  const [of] = Dimensions.filter(({ Name }) => Name !== "Stage" && Name !== "stage");
  return of === undefined ? MetricName : `${MetricName} of ${readable(of.Value)}`;
}

const alarm = (name: string, { resources } = stack) => resources("AWS::CloudWatch::Alarm").get(name)?.Properties;

describe("the alarms", () => {
  it("every place where something can be stuck, given up or rejected has an alarm", () => {
    const functions = ["Receive", "Relay", "Sweep", "Acttekton", "Actconfluence"].map((name) => `${name}Handler`);
    expect(watched()).toEqual({
      AlarmsFailing: ["5xx of Api"],
      AlarmsRefusing: ["4xx of Api", "Count of Api"],
      AlarmsThrottled: functions.map((name) => `Throttles of ${name}`).sort(),
      AlarmsCrashing: functions.map((name) => `Errors of ${name}`).sort(),
      AlarmsLoopStopped: functions.map((name) => `RecursiveInvocationsDropped of ${name}`).sort(),
      AlarmsRelayLate: ["IteratorAge of RelayHandler"],
      AlarmsFailureQueue: ["ApproximateNumberOfMessagesVisible of FailuresQueue.QueueName"],
      AlarmsStreamDeadLetters: ["NotVisible", "Visible"].map(
        (state) => `ApproximateNumberOfMessages${state} of UnrelayedQueue.QueueName`,
      ),
      AlarmsUnreadable: ["unreadable"],
      AlarmsAcceptedWithoutRun: ["acceptedWithoutRun"],
      AlarmsBrokendocslistener: ["failedInARow of docs-listener"],
      AlarmsBrokenpages: ["failedInARow of pages"],
      ...Object.fromEntries(
        ["tekton", "confluence"].flatMap((kind) => [
          [`AlarmsGivenUp${kind}`, [`ApproximateNumberOfMessagesVisible of Queue${kind}DeadLetters.QueueName`]],
          [`AlarmsLate${kind}`, [`ApproximateAgeOfOldestMessage of Queue${kind}Queue.QueueName`]],
        ]),
      ),
    });
  });

  it("the bill has as many of them, and of their metrics, as the template", () => {
    const all = Object.values(watched());
    expect({ alarms: all.length, metrics: all.flat().length }).toEqual(ALARMS);
  });

  it("every dead-letter and failure queue has an alarm", () => {
    const ends = [...stack.resources("AWS::SQS::Queue").keys()].filter((name) =>
      /DeadLetters|Failures|Unrelayed/.test(name),
    );
    const seen = Object.values(watched()).flat();
    for (const name of ends) expect(seen).toContain(`ApproximateNumberOfMessagesVisible of ${name}.QueueName`);
  });

  it("an alarm about a target starts when one action has failed too often for a brief outage, and lasts until one succeeds", () => {
    const { EvaluationPeriods, Period, Statistic, Threshold, TreatMissingData } = alarm("AlarmsBrokenpages") ?? {};
    expect({ EvaluationPeriods, Period, Statistic }).toEqual({
      EvaluationPeriods: 1,
      Period: 300,
      Statistic: "Maximum",
    });
    expect(TreatMissingData).toBe("ignore");
    const waits = Array.from({ length: Number(Threshold) }, (_, at) => backoffMs(at + 1, {}, DEFAULT_RETRY, 1));
    const minutes = waits.reduce((sum, wait) => sum + wait) / 60_000;
    expect(minutes).toBeLessThan(5);
    expect(Number(Threshold)).toBeLessThan(DEFAULT_RETRY.maxAttempts);
    // An action whose run's start is not known yet uses attempts to wait for it.
    expect(Number(Threshold)).toBeGreaterThan(3);
  });

  it("the log lines in which a function reports a failure are counted", async () => {
    const all = await synthesise({}, await compileConfig(EVERYTHING));
    const filters = [...all.resources("AWS::Logs::MetricFilter").values()].map(({ Properties }) => [
      readable(Properties["LogGroupName"]),
      Properties["FilterPattern"],
      Properties["MetricTransformations"],
    ]);
    const of = (MetricName: string) => [
      { MetricName, MetricNamespace: "Drawbridge", MetricValue: "1", Dimensions: [{ Key: "stage", Value: "$.stage" }] },
    ];
    expect(filters.sort().reverse()).toEqual([
      ["SweepLog", '{ $.error = "record_unreadable" }', of("unreadable")],
      ["ReceivePartnerLog", '{ ($.level = "warn") || ($.level = "error") }', of("partnerFailures")],
    ]);
    expect(alarm("AlarmsPartnerFailing", all)?.["Dimensions"]).toEqual([{ Name: "stage", Value: "dev" }]);
  });

  it("the use of an emergency role has an alarm, if a route names one", async () => {
    const compiled = await compileConfig(EXAMPLE);
    const approval = {
      expiresMinutes: 60,
      approvers: 1,
      fromRoles: [],
      grantedBy: [],
      reason: "optional",
      windows: [],
      outsideWindows: "wait",
      emergency: ["on-call"],
    } as const;
    const routes = compiled.config.routes.map((route) => ({ ...route, approval }));
    const used = await synthesise({}, { ...compiled, config: { ...compiled.config, routes } });
    expect(alarm("AlarmsEmergencyGrant", used)).toMatchObject({
      MetricName: "emergencyGrants",
      Namespace: "Drawbridge",
      Dimensions: [{ Name: "stage", Value: "dev" }],
      Statistic: "Sum",
      Threshold: 0,
      EvaluationPeriods: 1,
    });
    expect(alarm("AlarmsEmergencyGrant")).toBeUndefined();
  });

  it("each alarm links an existing section of docs/operations/alarms.md", async () => {
    const runbook = await readFile("docs/operations/alarms.md", "utf8");
    const chapters = [...runbook.matchAll(/^#+ Alarm: (.+)$/gm)].map(
      ([, title = ""]) => `alarm-${title.replaceAll(" ", "-")}`,
    );
    const all = await synthesise({}, await compileConfig(EVERYTHING));
    expect(chapters).toContain("alarm-emergency-grant");
    for (const { Properties } of all.resources("AWS::CloudWatch::Alarm").values()) {
      const [, chapter] =
        /Runbook: docs\/operations\/alarms\.md#([a-z-]+)$/.exec(String(Properties["AlarmDescription"])) ?? [];
      expect(chapters).toContain(chapter);
    }
  });

  it("each section of docs/operations/alarms.md belongs to an alarm, and says what to look at", async () => {
    const runbook = await readFile("docs/operations/alarms.md", "utf8");
    const source = await readFile("infra/alarms.ts", "utf8");
    const linked = Array.from(source.matchAll(/runbook: "([a-z-]+)"/g), ([, name = ""]) => name);
    const sections = runbook.split(/^### Alarm: /m).slice(1);
    expect(sections.map((section) => section.split("\n")[0]?.replaceAll(" ", "-")).sort()).toEqual(linked.sort());
    // A command, a log line, a metric or another page.
    for (const section of sections) expect(section).toMatch(/`[^`]+`|\]\(/);
  });

  it("the start and the end of each alarm go to the topic", () => {
    for (const { Properties } of stack.resources("AWS::CloudWatch::Alarm").values())
      expect(Properties).toMatchObject({ AlarmActions: [TOPIC], OKActions: [TOPIC] });
  });
});
