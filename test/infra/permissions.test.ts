import { beforeAll, describe, expect, it } from "vitest";
import { type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise();
});

const OWN = (name: string) => ({
  [`${name}Log`]: ["logs:CreateLogStream", "logs:PutLogEvents"],
  // X-Ray's write actions take no resource.
  "*": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
});
const CONSUME = [
  "sqs:ChangeMessageVisibility",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:GetQueueUrl",
  "sqs:ReceiveMessage",
];
const SEND = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"];
const secret = (name: string) =>
  `arn:aws-Partition:secretsmanager:aws-Region:aws-AccountId:secret:drawbridge/${name}-??????`;
const parameter = (name: string) => `arn:aws-Partition:ssm:aws-Region:aws-AccountId:parameter/drawbridge/${name}`;

const MAY = {
  Receive: {
    ...OWN("Receive"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
    "DeliveriesTable/index/by-day": ["dynamodb:Query"],
    [secret("wiki")]: ["secretsmanager:GetSecretValue"],
    [secret("gitlab")]: ["secretsmanager:GetSecretValue"],
    [parameter("buildkite")]: ["ssm:GetParameter"],
  },
  Relay: {
    ...OWN("Relay"),
    // ListStreams takes no resource either.
    "*": ["dynamodb:ListStreams", ...OWN("Relay")["*"]],
    "DeliveriesTable.StreamArn": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
    DeliveriesTable: ["dynamodb:UpdateItem"],
    Bus: ["events:PutEvents"],
    FailuresQueue: SEND,
  },
  Sweep: {
    ...OWN("Sweep"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    "DeliveriesTable/index/due": ["dynamodb:Query"],
    Bus: ["events:PutEvents"],
    FailuresQueue: SEND,
  },
  Acttekton: {
    ...OWN("Acttekton"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    QueuetektonQueue: CONSUME,
    QueuetektonDeadLetters: ["sqs:SendMessage"],
    [parameter("listener")]: ["ssm:GetParameter"],
  },
  Actconfluence: {
    ...OWN("Actconfluence"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    QueueconfluenceQueue: CONSUME,
    QueueconfluenceDeadLetters: ["sqs:SendMessage"],
    [secret("pages")]: ["secretsmanager:GetSecretValue"],
  },
};

describe("what a function may do", () => {
  it.each(Object.entries(MAY))("%s may do exactly this", (name, may) => {
    expect(stack.permissions(`${name}Role`)).toEqual(may);
  });

  it("each function has a role of its own, and no role is for anyone but the functions and the schedule", () => {
    const roles = [...stack.resources("AWS::Lambda::Function").values()].map(({ Properties }) =>
      JSON.stringify(Properties["Role"]),
    );
    expect(new Set(roles).size).toBe(Object.keys(MAY).length);
    expect([...stack.resources("AWS::IAM::Role").keys()].sort()).toEqual(
      [...Object.keys(MAY).map((name) => `${name}Role`), "SweepCaller"].sort(),
    );
  });

  it("no role has a managed policy", () => {
    for (const { Properties } of stack.resources("AWS::IAM::Role").values())
      expect(Properties).not.toHaveProperty("ManagedPolicyArns");
  });

  it("the schedule may call the sweep, and leave a message when it cannot", () => {
    expect(stack.permissions("SweepCaller")).toEqual({
      SweepHandler: ["lambda:InvokeFunction"],
      FailuresQueue: ["sqs:SendMessage"],
    });
  });
});

describe("keys of the account's own", () => {
  it("a function may use the secrets' key only if it reads a secret", async () => {
    const secretsKey = "arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000";
    const { permissions } = await synthesise({ secretsKey });
    const users = Object.keys(MAY).filter((name) => permissions(`${name}Role`)[secretsKey] !== undefined);
    expect(users).toEqual(["Receive", "Acttekton", "Actconfluence"]);
    expect(permissions("ReceiveRole")[secretsKey]).toEqual(["kms:Decrypt"]);
  });

  it("every function may use the table's key", async () => {
    const { permissions, resources } = await synthesise({ customerKey: "true" });
    const [key = ""] = resources("AWS::KMS::Key").keys();
    for (const name of Object.keys(MAY)) expect(permissions(`${name}Role`)[key]).toContain("kms:Decrypt");
  });
});
