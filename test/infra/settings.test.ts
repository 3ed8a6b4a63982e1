import { Match } from "aws-cdk-lib/assertions";
import { RootConstruct } from "constructs";
import { describe, expect, it } from "vitest";
import { readSettings, warningsAbout } from "../../infra/settings.ts";
import { codeIn, readText, rowsOf, sectionOf } from "../support/documents.ts";
import { readable, synthesise } from "./synthesised.ts";

const CERTIFICATE = "arn:aws:acm:eu-central-1:111111111111:certificate/00000000-0000-0000-0000-000000000000";
const DOMAIN = { domainName: "bridge.example.com", certificate: CERTIFICATE };

const only = async (context: Readonly<Record<string, unknown>>, type: string) => {
  const [[, resource] = []] = (await synthesise(context)).resources(type);
  return resource?.Properties;
};

describe("the ingress of receive", () => {
  it("an HTTP API passes on every request, throttled, and logs no address", async () => {
    const context = { requestsPerSecond: "50", requestBurst: "80" };
    expect(await only(context, "AWS::ApiGatewayV2::Route")).toMatchObject({ RouteKey: "$default" });
    expect(await only(context, "AWS::ApiGatewayV2::Integration")).toMatchObject({ PayloadFormatVersion: "2.0" });
    const stage = await only(context, "AWS::ApiGatewayV2::Stage");
    expect(stage?.["DefaultRouteSettings"]).toEqual({ ThrottlingRateLimit: 50, ThrottlingBurstLimit: 80 });
    expect(JSON.stringify(stage?.["AccessLogSettings"])).toContain("$context.status");
    expect(JSON.stringify(stage?.["AccessLogSettings"])).not.toMatch(/path|header|query/i);
  });

  it("a domain is the only ingress, with mutual TLS if there is a trust store", async () => {
    const context = { ...DOMAIN, trustStore: "s3://trust.example/ca/clients.pem", trustStoreVersion: "v-2" };
    expect(await only(context, "AWS::ApiGatewayV2::Api")).toMatchObject({ DisableExecuteApiEndpoint: true });
    expect(await only(context, "AWS::ApiGatewayV2::DomainName")).toMatchObject({
      DomainName: "bridge.example.com",
      DomainNameConfigurations: [{ CertificateArn: CERTIFICATE, SecurityPolicy: "TLS_1_2" }],
      MutualTlsAuthentication: { TruststoreUri: "s3://trust.example/ca/clients.pem", TruststoreVersion: "v-2" },
    });
    const { template } = await synthesise(context);
    expect(template.findOutputs("Endpoint")).toMatchObject({ Endpoint: { Value: "https://bridge.example.com" } });
    const outputs = Object.keys(template.findOutputs("*", { Value: { "Fn::GetAtt": Match.anyValue() } }));
    expect(outputs.filter((name) => name.includes("DomainTarget"))).toHaveLength(2);
  });

  it("a function URL needs no HTTP API, and its own metrics are monitored", async () => {
    const { resources, template } = await synthesise({ ingress: "function-url" });
    expect(resources("AWS::ApiGatewayV2::Api").size).toBe(0);
    // A function's URL ends in a slash. An endpoint does not, so that a path can follow.
    const url = { "Fn::GetAtt": [expect.stringMatching(/^ReceiveHandlerFunctionUrl/), "FunctionUrl"] };
    const host = { "Fn::Select": [2, { "Fn::Split": ["/", url] }] };
    expect(template.findOutputs("Endpoint")).toMatchObject({
      Endpoint: { Value: { "Fn::Join": ["", ["https://", host]] } },
    });
    const [own] = resources("AWS::Lambda::Url").values();
    expect(own?.Properties).toMatchObject({ AuthType: "NONE" });
    const { Metrics } = resources("AWS::CloudWatch::Alarm").get("AlarmsFailing")?.Properties ?? {};
    expect(JSON.stringify(Metrics)).toMatch(/"MetricName":"Url5xxCount".*"MetricName":"UrlRequestCount"/);
  });
});

describe("a stage", () => {
  it("a stage gives the stack its name and its tags, and no other resource a fixed name", async () => {
    const { template, resources } = await synthesise({ stage: "prod" });
    const Tags = [
      { Key: "application", Value: "drawbridge" },
      { Key: "stage", Value: "prod" },
    ];
    expect(resources("AWS::DynamoDB::GlobalTable").get("DeliveriesTable")?.Properties["Replicas"]).toMatchObject([
      { Tags },
    ]);
    const named = JSON.stringify(template.toJSON()).match(
      /"(TableName|QueueName|FunctionName|RoleName|LogGroupName|AlarmName|DashboardName)":"/g,
    );
    expect(named).toBeNull();
  });

  it("a stage gives its HTTP API the stack's name, so that the AWS console distinguishes installations", async () => {
    expect(await only({ stage: "prod" }, "AWS::ApiGatewayV2::Api")).toMatchObject({ Name: "drawbridge-prod" });
  });
});

describe("every function", () => {
  it("every function runs on arm64 and the newest Node, with its own log that expires", async () => {
    const { resources } = await synthesise({ logDays: "7" });
    const logs = new Set<string>();
    for (const { Properties } of resources("AWS::Lambda::Function").values()) {
      expect(Properties).toMatchObject({
        Architectures: ["arm64"],
        Runtime: "nodejs24.x",
      });
      logs.add(readable((Properties["LoggingConfig"] as { LogGroup: unknown }).LogGroup));
    }
    expect(logs.size).toBe(5);
    for (const { Properties } of resources("AWS::Logs::LogGroup").values())
      expect(Properties["RetentionInDays"]).toBe(7);
  });

  it("X-Ray traces a function only if configured", async () => {
    const traced = async (context: object) => {
      const { resources, permissions } = await synthesise({ ...context });
      const modes = [...resources("AWS::Lambda::Function").values()].map(
        ({ Properties }) => Properties["TracingConfig"],
      );
      return { modes: new Set(modes.map((mode) => JSON.stringify(mode))), everywhere: permissions("RelayRole")["*"] };
    };
    expect(await traced({})).toEqual({ modes: new Set([undefined]), everywhere: undefined });
    expect(await traced({ tracing: "true" })).toEqual({
      modes: new Set(['{"Mode":"Active"}']),
      everywhere: ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    });
  });

  it("functions share the account's concurrency, and receive has its own if configured", async () => {
    const reserved = async (context: object) =>
      [...(await synthesise({ ...context })).resources("AWS::Lambda::Function")]
        .filter(([, { Properties }]) => "ReservedConcurrentExecutions" in Properties)
        .map(([name, { Properties }]) => [name, Properties["ReservedConcurrentExecutions"]]);
    expect(await reserved({})).toEqual([]);
    expect(await reserved({ receiveConcurrency: "20" })).toEqual([["ReceiveHandler", 20]]);
  });
});

describe("settings that are allowed and seldom meant", () => {
  const about = (context: object) => {
    const { node } = new RootConstruct();
    for (const [name, value] of Object.entries(context)) node.setContext(name, value);
    return warningsAbout(readSettings(node));
  };
  const alarmTopic = "arn:aws:sns:eu-central-1:111111111111:on-call";

  it.each([
    ["no topic for alarms", {}, ["alarmTopic"]],
    ["a function URL without a limit", { alarmTopic, ingress: "function-url" }, ["receiveConcurrency"]],
    ["a function URL with a limit", { alarmTopic, ingress: "function-url", receiveConcurrency: 10 }, []],
    ["everything set", { alarmTopic }, []],
  ])("%s: a warning names the setting", (_, context, names) => {
    expect(about(context).map((warning) => warning.split(" ")[0])).toEqual(names);
  });
});

describe("settings that do not fit", () => {
  it.each([
    ["a stage that is not a name", { stage: "Prod 1" }, "stage"],
    [
      "the example in a stage of others",
      { stage: "prod", config: "infra/example/drawbridge.yaml" },
      "for stage dev only",
    ],
    [
      "the example in a stage of others, by another path",
      { stage: "prod", config: "./infra/../infra/example/drawbridge.yaml" },
      "for stage dev only",
    ],
    ["a domain without a certificate", { domainName: "bridge.example.com" }, "certificate"],
    ["a trust store without a domain", { trustStore: "s3://a/b" }, "trustStore"],
    ["a version without a trust store", { ...DOMAIN, trustStoreVersion: "v-2" }, "needs trustStore"],
    ["a mistyped name", { stge: "prod" }, "stge: unknown setting; known are stage, config,"],
    ["a name beside another mistake", { Stage: "prod", keep: "no" }, "Stage: unknown setting"],
    ["a domain in front of a function URL", { ...DOMAIN, ingress: "function-url" }, "ingress=http-api"],
    ["a flag that is neither true nor false", { keep: "no" }, "keep"],
    ["days that CloudWatch does not know", { logDays: "8" }, "logDays"],
    ["a copy in a region, without the stack's own region", { replicaRegions: "eu-west-1" }, "need region"],
    [
      "a copy in the table's own region",
      { region: "eu-west-1", replicaRegions: "us-east-1,eu-west-1" },
      "stack's own region",
    ],
    ["a copy in an unknown region", { region: "eu-west-1", replicaRegions: "frankfurt" }, "replicaRegions"],
    [
      "copies with a key that is in one region",
      { region: "eu-west-1", replicaRegions: "us-east-1", customerKey: "true" },
      "needs one in each",
    ],
    ["a signing key named twice", { signingKeys: "a,b,a" }, "each only once"],
    ["an empty list of signing keys", { signingKeys: "" }, "signingKeys"],
    ["a concurrency of zero", { receiveConcurrency: "0" }, "receiveConcurrency"],
  ])("%s is rejected", (_, context, message) => {
    const { node } = new RootConstruct();
    for (const [name, value] of Object.entries(context)) node.setContext(name, value);
    expect(() => readSettings(node)).toThrow(message);
  });

  it.each(["@aws-cdk/core:enablePartitionLiterals", "aws:cdk:bundling-stacks", "acknowledged-issue-numbers"])(
    "a context value of CDK itself is accepted: %s",
    (name) => {
      const { node } = new RootConstruct();
      node.setContext(name, true);
      expect(readSettings(node).stage).toBe("dev");
    },
  );
});

describe("the settings in docs/deploy-reference.md", () => {
  const rows = rowsOf(sectionOf(readText("docs/deploy-reference.md"), "Settings"));

  it("the documented settings are exactly the stack's", () => {
    const { node } = new RootConstruct();
    node.setContext("stge", "prod");
    const [, names = ""] = catchMessage(() => readSettings(node)).match(/known are (.+)$/) ?? [];
    expect(names).not.toBe("");
    const documented = rows.flatMap(([name = ""]) => codeIn(name));
    expect([...documented].sort()).toEqual(names.split(", ").sort());
  });

  it("the documented defaults are the stack's", () => {
    const defaults: Readonly<Record<string, unknown>> = readSettings(new RootConstruct().node);
    for (const [names = "", value = ""] of rows) {
      const expected = codeIn(names).map((name) => defaults[name]);
      const isSet = expected.some((one) => one !== undefined && String(one) !== "");
      const text = expected
        .map((one) => (typeof one === "number" ? one.toLocaleString("en-US") : String(one)))
        .join(", ");
      if (isSet) expect(value.replaceAll("`", ""), names).toBe(text);
      else expect(value, names).toMatch(/^(none|the newest|that of the (account|credentials))$/);
    }
  });
});

function catchMessage(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return String(error);
  }
  return "";
}
