import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import measured from "../../infra/cost/measured.json" with { type: "json" };
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
  const of = (Dimensions ?? [])
    .filter(({ Name }) => Name !== "Stage" && Name !== "stage")
    .map(({ Name, Value }) => {
      if (Name === "EventSourceMappingUUID") return "Stream";
      // The name of a rule is a part of its ARN.
      return Name === "RuleName" ? /BusRoute\w+(?=[0-9A-F]{8})/.exec(JSON.stringify(Value))?.[0] : readable(Value);
    });
  return of.length === 0 ? MetricName : `${MetricName} of ${of.join(", ")}`;
}

const alarm = (name: string, { resources } = stack) => resources("AWS::CloudWatch::Alarm").get(name)?.Properties;

describe("the alarms", () => {
  it("every place where something can be stuck, given up or rejected has an alarm", () => {
    const functions = ["Receive", "Relay", "Sweep", "Acttekton", "Actconfluence"].map((name) => `${name}Handler`);
    const throttles = ["ReadThrottleEvents", "WriteThrottleEvents"];
    const messagesOf = (queue: string) =>
      ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"].map(
        (metric) => `${metric} of ${queue}`,
      );
    expect(watched()).toEqual({
      AlarmsFailing: ["5xx of Api", "Count of Api"],
      ...Object.fromEntries(
        ["builds", "platform-gitlab", "prod-cluster", "status", "wiki"].map((source) => [
          `AlarmsRefusing${source.replace("-", "")}`,
          ["accepted", "duplicate", "ignored", "refused", "unusable"].map(
            (outcome) => `requests of ${outcome}, ${source}`,
          ),
        ]),
      ),
      AlarmsThrottled: functions.map((name) => `Throttles of ${name}`).sort(),
      AlarmsCrashing: functions.map((name) => `Errors of ${name}`).sort(),
      AlarmsLoopStopped: functions.map((name) => `RecursiveInvocationsDropped of ${name}`).sort(),
      AlarmsRelayLate: ["IteratorAge of RelayHandler"],
      AlarmsRelaySilent: ["FilteredOutEventCount of Stream", "PolledEventCount of Stream", "accepted"],
      AlarmsStreamDropped: ["DroppedEventCount of Stream"],
      AlarmsNotRelayed: ["unrelayedMs"],
      AlarmsUnsent: ["unsent"],
      AlarmsBusDown: ["busDown"],
      AlarmsPutEventsFailing: ["PutEventsApproximateThrottledCount", "PutEventsFailedEntriesCount"],
      AlarmsRulesLosing1: ["docsbuild", "docsstatus", "pushbuild"].map(
        (route) => `InvocationsFailedToBeSentToDlq of Bus, BusRoute${route}`,
      ),
      AlarmsTableThrottled: throttles.flatMap((name) =>
        ["", "by-state, ", "due, "].map((index) => `${name} of ${index}DeliveriesTable`),
      ),
      AlarmsSweepSilent: ["Invocations of SweepHandler"],
      AlarmsDeadLettersLost: [
        "AsyncEventsDropped of SweepHandler",
        "DestinationDeliveryFailures of RelayHandler",
        "DestinationDeliveryFailures of SweepHandler",
      ],
      AlarmsFailureQueue: messagesOf("FailuresQueue.QueueName"),
      AlarmsSpilled: messagesOf("SpillQueue.QueueName"),
      AlarmsStreamDeadLetters: ["NotVisible", "Visible"].map(
        (state) => `ApproximateNumberOfMessages${state} of UnrelayedQueue.QueueName`,
      ),
      AlarmsUnreadable: ["unreadable"],
      AlarmsAcceptedWithoutRun: ["acceptedWithoutRun"],
      AlarmsBrokendocslistener: ["failedInARow of docs-listener"],
      AlarmsBrokenpages: ["failedInARow of pages"],
      ...Object.fromEntries(
        ["tekton", "confluence"].flatMap((kind) => [
          [`AlarmsGivenUp${kind}`, messagesOf(`Queue${kind}DeadLetters.QueueName`)],
          [`AlarmsLate${kind}`, [`ApproximateAgeOfOldestMessage of Queue${kind}Queue.QueueName`]],
        ]),
      ),
    });
  });

  it("the bill has as many of them, and of their metrics, as the template", () => {
    const all = Object.values(watched());
    expect({ alarms: all.length, metrics: all.flat().length }).toEqual(measured.alarms);
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
    const [long] = of("unrelayedMs");
    expect(filters.sort().reverse()).toEqual([
      [
        "SweepLog",
        `{ ($.message = "a waiting action's message is not sent") || ($.message = "waiting actions cannot be read") }`,
        of("unsent"),
      ],
      ["SweepLog", '{ $.unrelayedMs = "*" }', [{ ...long, MetricValue: "$.unrelayedMs" }]],
      ["SweepLog", '{ $.error = "record_unreadable" }', of("unreadable")],
      ["RelayLog", '{ $.error = "bus_unavailable" }', of("busDown")],
      ["ReceivePartnerLog", '{ ($.level = "warn") || ($.level = "error") }', of("partnerFailures")],
      ["ReceiveLog", '{ $.status = "accepted" }', of("accepted")],
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

  const PAGES = ["alarms", "alarms-of-aws"];
  const runbook = async (page: string) => readFile(`docs/operations/${page}.md`, "utf8");
  const sectionsOf = (page: string) => page.split(/^### Alarm: /m).slice(1);
  const nameOf = (section: string) => `${section.split("\n")[0]?.toLowerCase().replaceAll(" ", "-")}`;

  it("each alarm links an existing section of the documentation", async () => {
    const pages = await Promise.all(PAGES.map(runbook));
    const links = PAGES.flatMap((page, at) =>
      sectionsOf(pages[at] ?? "").map((section) => `${page}.md#alarm-${nameOf(section)}`),
    );
    const all = await synthesise({}, await compileConfig(EVERYTHING));
    expect(links).toContain("alarms.md#alarm-emergency-grant");
    for (const { Properties } of all.resources("AWS::CloudWatch::Alarm").values()) {
      const [, link] =
        /Runbook: docs\/operations\/([a-z-]+\.md#[a-z-]+)$/.exec(String(Properties["AlarmDescription"])) ?? [];
      expect(links).toContain(link);
    }
  });

  it("each section about an alarm belongs to an alarm, and says what to look at", async () => {
    const source = await readFile("infra/alarms.ts", "utf8");
    const linked = Array.from(source.matchAll(/runbook: "([a-z-]+)"/g), ([, name = ""]) => name);
    const sections = (await Promise.all(PAGES.map(runbook))).flatMap(sectionsOf);
    expect(sections.map(nameOf).sort()).toEqual(linked.sort());
    // A command, a log line, a metric or another page.
    for (const section of sections) expect(section).toMatch(/`[^`]+`|\]\(/);
  });

  it("the start and the end of each alarm go to the topic", () => {
    for (const { Properties } of stack.resources("AWS::CloudWatch::Alarm").values())
      expect(Properties).toMatchObject({ AlarmActions: [TOPIC], OKActions: [TOPIC] });
  });
});
