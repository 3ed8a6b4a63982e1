import { beforeAll, describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { EVERYTHING, readable, type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise({}, await compileConfig(EVERYTHING));
});

/** The paths of an HTTP API, each with the function it leads to. */
const routesOf = ({ resources }: Synthesised) =>
  [...resources("AWS::ApiGatewayV2::Route").values()].map(({ Properties }) => {
    const integration = readable(Properties["Target"]).split("/").at(-1) ?? "";
    const uri = resources("AWS::ApiGatewayV2::Integration").get(integration)?.Properties["IntegrationUri"];
    return [Properties["RouteKey"], readable(uri)];
  });

describe("the console in AWS", () => {
  it("the console is a function behind the same address, and all other requests go to receive", () => {
    expect(Object.fromEntries(routesOf(stack))).toEqual({
      $default: "ReceiveHandler",
      "ANY /console": "ConsoleHandler",
      "ANY /console/{proxy+}": "ConsoleHandler",
    });
  });

  it("the console may use the table as the interface does and read its own secrets, and nothing else", () => {
    const secret = (name: string) =>
      `arn:aws-Partition:secretsmanager:aws-Region:aws-AccountId:secret:drawbridge/${name}-??????`;
    const { ConsoleLog: _, ...may } = stack.permissions("ConsoleRole");
    expect(may).toEqual({
      DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      "DeliveriesTable/index/by-state": ["dynamodb:Query"],
      "DeliveriesTable/index/due": ["dynamodb:Query"],
      [secret("console")]: ["secretsmanager:GetSecretValue"],
      [secret("console-seal")]: ["secretsmanager:GetSecretValue"],
    });
  });

  it("no other function may read the console's secrets", () => {
    for (const role of stack.resources("AWS::IAM::Role").keys()) {
      if (role === "ConsoleRole") continue;
      expect(Object.keys(stack.permissions(role)).join(), role).not.toContain("drawbridge/console");
    }
  });

  it("the console has its own address, which is an output of the stack, if there is no HTTP API", async () => {
    const { resources, template } = await synthesise({ ingress: "function-url" }, await compileConfig(EVERYTHING));
    const urls = [...resources("AWS::Lambda::Url").values()].map(({ Properties }) =>
      readable(Properties["TargetFunctionArn"]),
    );
    expect(urls.sort()).toEqual(["ConsoleHandler", "ReceiveHandler"]);
    expect(readable(template.findOutputs("ConsoleAddress")["ConsoleAddress"]?.["Value"])).toContain(
      "ConsoleHandlerFunctionUrl",
    );
  });

  it("there is no console if none is configured", async () => {
    const { resources, template } = await synthesise();
    expect([...resources("AWS::Lambda::Function").keys()]).not.toContain("ConsoleHandler");
    expect(template.findOutputs("ConsoleAddress")).toEqual({});
    expect(routesOf(await synthesise())).toEqual([["$default", "ReceiveHandler"]]);
  });
});
