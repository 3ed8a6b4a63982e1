import { beforeAll, describe, expect, it } from "vitest";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { actions } from "../../shared/actions/registry.ts";
import { leaseMs } from "../../shared/delivery/act.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { EXAMPLE, type Resource, readable, type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise({}, await withEveryAction());
});

/** The example, with a target added for each kind that it lacks. */
async function withEveryAction(): Promise<CompiledConfig> {
  const { config, ...compiled } = await compileConfig(EXAMPLE);
  const missing = actions.filter(({ name }) => !config.targets.some(({ kind }) => kind === name));
  const targets = missing.map(({ name }) => ({ name, kind: name, settings: {} }));
  return { ...compiled, config: { ...config, targets: [...config.targets, ...targets] } };
}

const properties = (type: string, name: string): Resource["Properties"] => {
  const found = stack.resources(type).get(name);
  if (found === undefined) throw new Error(`there is no ${name} of type ${type}`);
  return found.Properties;
};
const mappingOf = (name: string): Resource["Properties"] => {
  const found = [...stack.resources("AWS::Lambda::EventSourceMapping").values()].find(
    ({ Properties }) => readable(Properties["FunctionName"]) === name,
  );
  if (found === undefined) throw new Error(`nothing feeds ${name}`);
  return found.Properties;
};

describe("the relay's stream", () => {
  it("only new records of deliveries reach the relay", () => {
    const { FilterCriteria } = mappingOf("RelayHandler") as { FilterCriteria: { Filters: { Pattern: string }[] } };
    expect(FilterCriteria.Filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown)).toEqual([
      { eventName: ["INSERT"], dynamodb: { NewImage: { sk: { S: ["head"] }, outcome: { S: [{ exists: true }] } } } },
    ]);
  });

  it("failed batches are retried for half a day, in halves, and the rest goes to the sweep", () => {
    expect(mappingOf("RelayHandler")).toMatchObject({
      StartingPosition: "TRIM_HORIZON",
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: 43_200,
      // Without it, Lambda counts nothing for the alarms about the stream.
      MetricsConfig: { Metrics: ["EventCount"] },
    });
    expect(JSON.stringify(mappingOf("RelayHandler")["DestinationConfig"])).toContain("UnrelayedQueue");
    const { Environment } = properties("AWS::Lambda::Function", "SweepHandler") as {
      Environment: { Variables: Record<string, unknown> };
    };
    expect(readable(Environment.Variables["QUEUE_URL"])).toBe("UnrelayedQueue");
  });

  it("the visibility timeout of the sweep's queue is longer than a sweep runs", () => {
    const visibility = Number(properties("AWS::SQS::Queue", "UnrelayedQueue")["VisibilityTimeout"]);
    expect(visibility).toBeGreaterThan(Number(properties("AWS::Lambda::Function", "SweepHandler")["Timeout"]));
  });
});

describe.each(actions)("the queue of $name actions", ({ name, maxAttemptMs }) => {
  it("the visibility timeout and the function's timeout are long enough for the longest attempt", () => {
    const { Timeout } = properties("AWS::Lambda::Function", `Act${name}Handler`);
    expect(Timeout).toBe(leaseMs([{ maxAttemptMs }]) / 1_000);
    expect(properties("AWS::SQS::Queue", `Queue${name}Queue`)["VisibilityTimeout"]).toBe(6 * Number(Timeout));
  });

  it("a message goes to the queue's own dead-letter queue only after the function would have given it up", () => {
    const { RedrivePolicy } = properties("AWS::SQS::Queue", `Queue${name}Queue`) as {
      RedrivePolicy: { deadLetterTargetArn: unknown; maxReceiveCount: number };
    };
    expect(readable(RedrivePolicy.deadLetterTargetArn)).toBe(`Queue${name}DeadLetters`);
    expect(RedrivePolicy.maxReceiveCount).toBeGreaterThan(DEFAULT_RETRY.maxAttempts);
  });

  it("each call has one message, and no more calls run at once than configured", () => {
    const mapping = mappingOf(`Act${name}Handler`);
    expect(readable(mapping["EventSourceArn"])).toBe(`Queue${name}Queue`);
    expect(mapping).toMatchObject({ BatchSize: 1, FunctionResponseTypes: ["ReportBatchItemFailures"] });
    expect(mapping["ScalingConfig"]).toEqual({ MaximumConcurrency: 10 });
  });

  it("the function has the addresses of both queues", () => {
    const { Environment } = properties("AWS::Lambda::Function", `Act${name}Handler`) as {
      Environment: { Variables: Record<string, unknown> };
    };
    expect(
      Object.fromEntries(Object.entries(Environment.Variables).map(([key, value]) => [key, readable(value)])),
    ).toMatchObject({
      TABLE_NAME: "DeliveriesTable",
      QUEUE_URL: `Queue${name}Queue`,
      DEAD_LETTER_QUEUE_URL: `Queue${name}DeadLetters`,
    });
  });
});

describe("every queue", () => {
  it("every queue is encrypted and rejects plain HTTP", () => {
    const guarded = [...stack.resources("AWS::SQS::QueuePolicy").values()]
      .filter(({ Properties }) => JSON.stringify(Properties).includes('"aws:SecureTransport":"false"'))
      .flatMap(({ Properties }) => (Properties["Queues"] as unknown[]).map(readable));
    for (const [name, { Properties }] of stack.resources("AWS::SQS::Queue")) {
      expect(Properties["SqsManagedSseEnabled"]).toBe(true);
      expect(guarded).toContain(name);
    }
  });

  it("every queue keeps a message for the longest time that SQS allows", () => {
    const queues = [...stack.resources("AWS::SQS::Queue")];
    expect(queues.length).toBeGreaterThan(4);
    for (const [name, { Properties }] of queues)
      expect([name, Properties["MessageRetentionPeriod"]]).toEqual([name, 1_209_600]);
  });

  it("messages of an earlier release may have gone round for days, and are acted on", () => {
    const functions = [...stack.resources("AWS::Lambda::Function")];
    const allowed = functions.filter(([, { Properties }]) => Properties["RecursiveLoop"] === "Allow");
    expect(allowed.map(([name]) => name).sort()).toEqual(actions.map(({ name }) => `Act${name}Handler`).sort());
    const others = functions.filter((one) => !allowed.includes(one));
    expect(others.map(([, { Properties }]) => Properties["RecursiveLoop"])).toEqual(others.map(() => "Terminate"));
  });
});

describe("the sweep", () => {
  it("the sweep runs every minute, and a run that fails to start goes to the failure queue", () => {
    const schedule = properties("AWS::Scheduler::Schedule", "SweepEveryMinute");
    expect(schedule["ScheduleExpression"]).toBe("rate(1 minute)");
    expect(schedule["Target"]).toMatchObject({
      RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1 },
    });
    expect(JSON.stringify(schedule["Target"])).toContain("FailuresQueue");
    const [invoke] = stack.resources("AWS::Lambda::EventInvokeConfig").values();
    expect(invoke?.Properties).toMatchObject({ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1 });
    expect(JSON.stringify(invoke?.Properties["DestinationConfig"])).toContain("FailuresQueue");
  });
});
