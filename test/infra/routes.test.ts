import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { EXAMPLE, type Resource, readable, type Synthesised, synthesise } from "./synthesised.ts";

let compiled: CompiledConfig;
let stack: Synthesised;
beforeAll(async () => {
  compiled = await compileConfig(EXAMPLE);
  stack = await synthesise({}, compiled);
});

interface Target {
  readonly Arn: unknown;
  readonly DeadLetterConfig: { readonly Arn: unknown };
  readonly RetryPolicy: unknown;
  readonly InputTransformer: {
    readonly InputPathsMap: Readonly<Record<string, string>>;
    readonly InputTemplate: string;
  };
}

const targetsOf = ({ Properties }: Resource): readonly Target[] => Properties["Targets"] as Target[];
const rulesByRoute = () =>
  new Map(
    [...stack.resources("AWS::Events::Rule").values()].map((rule) => [
      String(rule.Properties["Description"]).replace("Route ", ""),
      rule,
    ]),
  );

describe("rules", () => {
  it("every route is a rule with its pattern as written", () => {
    const rules = [...rulesByRoute()].map(([name, { Properties }]) => [name, Properties["EventPattern"]]);
    expect(Object.fromEntries(rules)).toEqual(
      Object.fromEntries(compiled.config.routes.map(({ name, when }) => [name, when])),
    );
  });

  it("every rule is on the bridge's bus and puts the event into the queue of its action", () => {
    for (const { name, action } of compiled.config.routes) {
      const rule = rulesByRoute().get(name);
      expect(readable(rule?.Properties["EventBusName"])).toBe("Bus");
      const [target, ...others] = rule === undefined ? [] : targetsOf(rule);
      expect(others).toEqual([]);
      expect(readable(target?.Arn)).toBe(`Queue${action}Queue`);
    }
  });

  it("every rule is created after the function that runs its action, which then knows the route", () => {
    for (const { name, action } of compiled.config.routes) {
      const after = [rulesByRoute().get(name)?.DependsOn ?? []].flat();
      expect(after.some((id) => id.startsWith(`Act${action}Handler`))).toBe(true);
    }
  });

  it("a rule retries for a bounded time, and undeliverable events go to the failure queue", () => {
    for (const rule of rulesByRoute().values()) {
      for (const target of targetsOf(rule)) {
        expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
        expect(readable(target.DeadLetterConfig.Arn)).toBe("FailuresQueue");
      }
    }
  });

  it("the message of a rule names the route, the delivery and the event, and says nothing else about them", () => {
    const [rule] = [...rulesByRoute().values()].flatMap(targetsOf);
    const event = {
      version: "0",
      id: "7f0c",
      source: "drawbridge.confluence",
      "detail-type": "page.updated",
      time: "2030-01-02T03:04:05Z",
      region: "eu-central-1",
      detail: { id: "d-1.2", delivery: "d-1", eventKey: "e-1", page: { id: "42" }, replay: { routes: ["docs-build"] } },
    };
    expect(transformed(event, rule)).toEqual({
      route: "docs-build",
      entry: { detail: { id: "d-1.2", delivery: "d-1" } },
    });
  });
});

/** The output of EventBridge for a template in which each variable stands alone: the JSON of what its path finds. */
function transformed(event: object, target: Target | undefined): unknown {
  const { InputPathsMap = {}, InputTemplate = "" } = target?.InputTransformer ?? {};
  const text = InputTemplate.replace(/<([A-Za-z0-9_-]+)>/g, (_, name: string) =>
    JSON.stringify(foundAt(event, InputPathsMap[name] ?? "")),
  );
  return JSON.parse(text);
}

/** The value at a path such as `$.detail.id`. */
const foundAt = (event: object, path: string): unknown =>
  path
    .split(".")
    .slice(1)
    .reduce<unknown>((value, name) => Object.entries(value ?? {}).find(([one]) => one === name)?.[1], event);

describe("the policy of the bus", () => {
  it("only the relay and the sweep may put events on the bus, whatever another role is allowed", () => {
    const policies = [...stack.resources("AWS::Events::EventBusPolicy").values()];
    expect(policies.map(({ Properties }) => readable(Properties["EventBusName"]))).toEqual(["Bus"]);
    const [statement] = policies.map(({ Properties }) => Properties["Statement"] as Statement);
    expect(statement).toMatchObject({
      Effect: "Deny",
      Principal: "*",
      Action: "events:PutEvents",
      Condition: { Bool: { "aws:PrincipalIsAWSService": "false" } },
    });
    expect(readable(statement?.Resource)).toBe("Bus");
    const publishers = statement?.Condition.ArnNotEquals["aws:PrincipalArn"];
    expect(publishers?.map(readable)).toEqual(["RelayRole", "SweepRole"]);
  });
});

interface Statement {
  readonly Resource: unknown;
  readonly Condition: { readonly ArnNotEquals: { readonly "aws:PrincipalArn": readonly unknown[] } };
}

describe("many routes", () => {
  it("sixty routes need one statement in a queue's policy, which allows twenty", async () => {
    const many = await synthesise({}, withRoutes(60));
    expect(many.resources("AWS::Events::Rule").size).toBe(60);
    for (const { Properties } of many.resources("AWS::SQS::QueuePolicy").values()) {
      const { Statement } = Properties["PolicyDocument"] as { Statement: { Principal: { Service?: string } }[] };
      expect(
        Statement.filter(({ Principal }) => Principal.Service === "events.amazonaws.com").length,
      ).toBeLessThanOrEqual(1);
    }
  });
});

describe("a kind of action without a target", () => {
  it("a kind of action without a target has no queue and no function", async () => {
    const { resources } = await synthesise({}, withRoutes(1));
    expect([...resources("AWS::Lambda::Function").keys()].sort()).toEqual([
      "ActtektonHandler",
      "ReceiveHandler",
      "RelayHandler",
      "SweepHandler",
    ]);
  });
});

function withRoutes(count: number): CompiledConfig {
  const names = Array.from({ length: count }, (_, at) => `route-${at}`);
  const value = {
    sources: { cluster: { provider: "tekton", basic: { username: "t", password: { current: "ssm:/cluster" } } } },
    targets: { listener: { kind: "tekton", url: "https://el.example.com", runsReportedBy: "cluster" } },
    routes: Object.fromEntries(
      names.map((name) => [
        name,
        { when: { "detail-type": ["build.failed"] }, do: { tekton: { target: "listener" } } },
      ]),
    ),
  };
  const loaded = parseConfig(stringify(value), "many.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return { config: loaded.config, value, warnings: [] };
}
