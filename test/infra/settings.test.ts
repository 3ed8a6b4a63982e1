import { RootConstruct } from "constructs";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../infra/settings.ts";
import { readable, synthesise } from "./synthesised.ts";

const CERTIFICATE = "arn:aws:acm:eu-central-1:111111111111:certificate/00000000-0000-0000-0000-000000000000";
const DOMAIN = { domainName: "bridge.example.com", certificate: CERTIFICATE };

const only = async (context: Readonly<Record<string, unknown>>, type: string) => {
  const [[, resource] = []] = (await synthesise(context)).resources(type);
  return resource?.Properties;
};

describe("in front of receive", () => {
  it("an HTTP API passes on every request, throttled, and logs no address", async () => {
    const context = { requestsPerSecond: "50", requestBurst: "80" };
    expect(await only(context, "AWS::ApiGatewayV2::Route")).toMatchObject({ RouteKey: "$default" });
    expect(await only(context, "AWS::ApiGatewayV2::Integration")).toMatchObject({ PayloadFormatVersion: "2.0" });
    const stage = await only(context, "AWS::ApiGatewayV2::Stage");
    expect(stage?.["DefaultRouteSettings"]).toEqual({ ThrottlingRateLimit: 50, ThrottlingBurstLimit: 80 });
    expect(JSON.stringify(stage?.["AccessLogSettings"])).toContain("$context.status");
    expect(JSON.stringify(stage?.["AccessLogSettings"])).not.toMatch(/path|header|query/i);
  });

  it("a domain is the only way in, with mutual TLS if there is a trust store", async () => {
    const context = { ...DOMAIN, trustStore: "s3://trust.example/ca/clients.pem" };
    expect(await only(context, "AWS::ApiGatewayV2::Api")).toMatchObject({ DisableExecuteApiEndpoint: true });
    expect(await only(context, "AWS::ApiGatewayV2::DomainName")).toMatchObject({
      DomainName: "bridge.example.com",
      DomainNameConfigurations: [{ CertificateArn: CERTIFICATE, SecurityPolicy: "TLS_1_2" }],
      MutualTlsAuthentication: { TruststoreUri: "s3://trust.example/ca/clients.pem" },
    });
    const { template } = await synthesise(context);
    expect(template.findOutputs("Endpoint")).toMatchObject({ Endpoint: { Value: "https://bridge.example.com" } });
  });

  it("the function's own URL stands alone, and is watched by its own metrics", async () => {
    const { resources } = await synthesise({ ingress: "function-url" });
    expect(resources("AWS::ApiGatewayV2::Api").size).toBe(0);
    const [url] = resources("AWS::Lambda::Url").values();
    expect(url?.Properties).toMatchObject({ AuthType: "NONE" });
    expect(resources("AWS::CloudWatch::Alarm").get("AlarmsFailing")?.Properties).toMatchObject({
      MetricName: "Url5xxCount",
    });
  });
});

describe("a stage", () => {
  it("gives the stack its name and its tags, and no other resource a name of ours", async () => {
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
});

describe("every function", () => {
  it("runs on arm64 and the newest Node, traced, with a log of its own that ends", async () => {
    const { resources } = await synthesise({ logDays: "7" });
    const logs = new Set<string>();
    for (const { Properties } of resources("AWS::Lambda::Function").values()) {
      expect(Properties).toMatchObject({
        Architectures: ["arm64"],
        Runtime: "nodejs24.x",
        TracingConfig: { Mode: "Active" },
      });
      logs.add(readable((Properties["LoggingConfig"] as { LogGroup: unknown }).LogGroup));
    }
    expect(logs.size).toBe(5);
    for (const { Properties } of resources("AWS::Logs::LogGroup").values())
      expect(Properties["RetentionInDays"]).toBe(7);
  });

  it("shares the account's concurrency, and receive has its own if asked", async () => {
    const reserved = async (context: object) =>
      [...(await synthesise({ ...context })).resources("AWS::Lambda::Function")]
        .filter(([, { Properties }]) => "ReservedConcurrentExecutions" in Properties)
        .map(([name, { Properties }]) => [name, Properties["ReservedConcurrentExecutions"]]);
    expect(await reserved({})).toEqual([]);
    expect(await reserved({ receiveConcurrency: "20" })).toEqual([["ReceiveHandler", 20]]);
  });
});

describe("settings that do not fit", () => {
  it.each([
    ["a stage that is no name", { stage: "Prod 1" }, "stage"],
    ["a domain without a certificate", { domainName: "bridge.example.com" }, "certificate"],
    ["a trust store without a domain", { trustStore: "s3://a/b" }, "trustStore"],
    ["a domain in front of a function URL", { ...DOMAIN, ingress: "function-url" }, "ingress=http-api"],
    ["a flag that is neither true nor false", { keep: "no" }, "keep"],
    ["days that CloudWatch does not know", { logDays: "8" }, "logDays"],
    ["a copy in a region, without the stack's own", { replicaRegions: "eu-west-1" }, "need region"],
    ["a copy where the table is", { region: "eu-west-1", replicaRegions: "us-east-1,eu-west-1" }, "stack's own region"],
    ["a copy in no region", { region: "eu-west-1", replicaRegions: "frankfurt" }, "replicaRegions"],
    [
      "copies with a key that is in one region",
      { region: "eu-west-1", replicaRegions: "us-east-1", customerKey: "true" },
      "needs one in each",
    ],
    ["a signing key told twice", { signingKeys: "a,b,a" }, "each only once"],
    ["no signing key", { signingKeys: "" }, "signingKeys"],
    ["no concurrency", { receiveConcurrency: "0" }, "receiveConcurrency"],
  ])("are refused: %s", (_, context, told) => {
    const { node } = new RootConstruct();
    for (const [name, value] of Object.entries(context)) node.setContext(name, value);
    expect(() => readSettings(node)).toThrow(told);
  });
});
