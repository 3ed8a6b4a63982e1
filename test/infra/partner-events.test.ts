import { beforeAll, describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { PARTNER_EVENTS } from "../../shared/providers/buildkite/partner.ts";
import { EVERYTHING, readable, type Synthesised, synthesise } from "./synthesised.ts";

const SOURCE = "aws.partner/buildkite.com/example/0a1b-2c3d-4e5f";
let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise({}, await compileConfig(EVERYTHING));
});

describe("Buildkite's partner events", () => {
  it("partner events arrive on a bus that only the partner can fill", () => {
    const buses = [...stack.resources("AWS::Events::EventBus").values()].map(({ Properties }) => Properties);
    expect(buses.filter((bus) => "EventSourceName" in bus)).toMatchObject([{ Name: SOURCE, EventSourceName: SOURCE }]);
    const policies = [...stack.resources("AWS::Events::EventBusPolicy").values()].map(({ Properties }) => Properties);
    expect(policies.map(({ EventBusName }) => readable(EventBusName))).toEqual(["Bus"]);
    expect(JSON.stringify(policies)).not.toContain("Allow");
  });

  it("only the parsed events go to the queue, with bounded retries, and undeliverable ones go to the failure queue", () => {
    const rules = [...stack.resources("AWS::Events::Rule").values()].map(({ Properties }) => Properties);
    const [rule] = rules.filter(({ EventPattern }) => JSON.stringify(EventPattern).includes(SOURCE));
    expect(rule?.["EventPattern"]).toEqual({ source: [SOURCE], "detail-type": [...PARTNER_EVENTS.keys()] });
    const [target, ...others] = { ...rule }["Targets"] as { Arn: unknown; DeadLetterConfig: { Arn: unknown } }[];
    expect(others).toEqual([]);
    expect(readable(target?.Arn)).toBe("ReceivePartnerQueue");
    expect(readable(target?.DeadLetterConfig.Arn)).toBe("FailuresQueue");
    expect(target).toMatchObject({ RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 } });
  });

  it("events go to the failure queue one by one after four hours", () => {
    const queue = { ...stack.resources("AWS::SQS::Queue").get("ReceivePartnerQueue")?.Properties };
    const given = queue["RedrivePolicy"] as { deadLetterTargetArn: unknown; maxReceiveCount: number };
    expect(readable(given.deadLetterTargetArn)).toBe("FailuresQueue");
    expect((given.maxReceiveCount * Number(queue["VisibilityTimeout"])) / 3_600).toBe(4);
    const mappings = [...stack.resources("AWS::Lambda::EventSourceMapping").values()].map(
      ({ Properties }) => Properties,
    );
    expect(mappings.find(({ FunctionName }) => readable(FunctionName) === "ReceivePartnerHandler")).toMatchObject({
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
  });

  it("an alarm starts if events cannot be recorded", () => {
    const failing = stack.resources("AWS::CloudWatch::Alarm").get("AlarmsPartnerFailing")?.Properties;
    expect(failing).toMatchObject({ MetricName: "partnerFailures", Threshold: 0, EvaluationPeriods: 3 });
    expect(failing?.["AlarmDescription"]).toMatch(/docs\/operations\/alarms\.md#alarm-partner-failing$/);
  });

  it("nothing is created if no source uses partner events", async () => {
    const { resources } = await synthesise();
    expect([...resources("AWS::Lambda::Function").keys()]).not.toContain("ReceivePartnerHandler");
    expect(resources("AWS::Events::EventBus").size).toBe(1);
  });
});
