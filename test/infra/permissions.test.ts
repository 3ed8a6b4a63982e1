import { beforeAll, describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { EVERYTHING, EXAMPLE, readable, type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise();
});

const OWN = (name: string) => ({
  [`${name}Log`]: ["logs:CreateLogStream", "logs:PutLogEvents"],
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
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    "DeliveriesTable/index/by-state": ["dynamodb:Query"],
    "DeliveriesTable/index/due": ["dynamodb:Query"],
    [secret("wiki")]: ["secretsmanager:GetSecretValue"],
    [secret("gitlab")]: ["secretsmanager:GetSecretValue"],
    [parameter("buildkite")]: ["ssm:GetParameters"],
    [parameter("origin")]: ["ssm:GetParameters"],
    SpillQueue: ["sqs:SendMessage"],
  },
  Relay: {
    ...OWN("Relay"),
    "DeliveriesTable.StreamArn": [
      "dynamodb:DescribeStream",
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
      "dynamodb:ListStreams",
    ],
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    Bus: ["events:PutEvents"],
    UnrelayedQueue: SEND,
  },
  Sweep: {
    ...OWN("Sweep"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"],
    "DeliveriesTable/index/due": ["dynamodb:Query"],
    Bus: ["events:PutEvents"],
    FailuresQueue: SEND,
    UnrelayedQueue: ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"],
    SpillQueue: ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
    QueuetektonQueue: ["sqs:SendMessage"],
    QueueconfluenceQueue: ["sqs:SendMessage"],
  },
  Acttekton: {
    ...OWN("Acttekton"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    QueuetektonQueue: CONSUME,
    QueuetektonDeadLetters: ["sqs:SendMessage"],
    [parameter("listener")]: ["ssm:GetParameters"],
    [parameter("origin")]: ["ssm:GetParameters"],
  },
  Actconfluence: {
    ...OWN("Actconfluence"),
    DeliveriesTable: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    QueueconfluenceQueue: CONSUME,
    QueueconfluenceDeadLetters: ["sqs:SendMessage"],
    [secret("pages")]: ["secretsmanager:GetSecretValue"],
  },
};

describe("the permissions of a function", () => {
  it.each(Object.entries(MAY))("%s has exactly its listed permissions", (name, may) => {
    expect(stack.permissions(`${name}Role`)).toEqual(may);
  });

  it.each([
    ["limit their runs", { flow: { key: "$.detail.page.id", running: 1 } }],
    ["have environments", { environments: ["staging", "production"] }],
  ])("the relay may wake only the kinds of actions whose routes %s", async (_, changes) => {
    const compiled = await compileConfig(EXAMPLE);
    const routes = compiled.config.routes.map((route) =>
      route.action === "tekton" ? { ...route, ...changes } : { ...route, environments: undefined },
    );
    const limited = await synthesise({}, { ...compiled, config: { ...compiled.config, routes } });
    const woken = { QueuetektonQueue: ["sqs:SendMessage"] };
    expect(limited.permissions("RelayRole")).toEqual({ ...MAY.Relay, ...woken });
    expect(limited.permissions("ReceiveRole")).toEqual(MAY.Receive);
  });

  it("each function has its own role, and only the functions and the schedule have roles", () => {
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

  it("the schedule of this account alone may call the sweep, and leave a message if it cannot", () => {
    expect(stack.resources("AWS::IAM::Role").get("SweepCaller")?.Properties["AssumeRolePolicyDocument"]).toMatchObject({
      Statement: [{ Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } } }],
    });
    expect(stack.permissions("SweepCaller")).toEqual({
      SweepHandler: ["lambda:InvokeFunction"],
      FailuresQueue: ["sqs:SendMessage"],
    });
  });
});

/** The conditions of each statement about an action, without repeats. */
function conditionsOn(action: string, { resources }: Synthesised): readonly unknown[] {
  const found = [...resources("AWS::IAM::Policy").values()].flatMap(({ Properties }) =>
    (Properties["PolicyDocument"] as { Statement: { Action: unknown; Condition?: unknown }[] }).Statement.filter(
      ({ Action }) => [Action].flat().includes(action),
    ).map(({ Condition }) => JSON.stringify(Condition)),
  );
  return [...new Set(found)].map((condition) => JSON.parse(condition));
}

const via = (...services: readonly string[]) => ({
  StringEquals: {
    "kms:ViaService": services.map((service) => ({
      "Fn::Join": ["", [`${service}.eu-central-1.`, { Ref: "AWS::URLSuffix" }]],
    })),
  },
});

describe("keys of the account's own", () => {
  it("a function may use the secrets' key only if it reads a secret", async () => {
    const secretsKey = "arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000";
    const { permissions } = await synthesise({ secretsKey });
    const users = Object.keys(MAY).filter((name) => permissions(`${name}Role`)[secretsKey] !== undefined);
    expect(users).toEqual(["Receive", "Acttekton", "Actconfluence"]);
    expect(permissions("ReceiveRole")[secretsKey]).toEqual(["kms:Decrypt"]);
    expect(conditionsOn("kms:Decrypt", await synthesise({ secretsKey, region: "eu-central-1" }))).toEqual([
      via("secretsmanager", "ssm"),
    ]);
  });

  it("every function may use the table's key", async () => {
    const { permissions, resources } = await synthesise({ customerKey: "true", region: "eu-central-1" });
    const [key = ""] = resources("AWS::KMS::Key").keys();
    for (const name of Object.keys(MAY)) expect(permissions(`${name}Role`)[key]).toContain("kms:Decrypt");
    const own = await synthesise({ customerKey: "true", region: "eu-central-1" });
    expect(conditionsOn("kms:GenerateDataKey", own)).toEqual([via("dynamodb")]);
  });
});

describe("an installation with every kind of source, action and identity", () => {
  let full: Synthesised;
  beforeAll(async () => {
    full = await synthesise({}, await compileConfig(EVERYTHING));
  });

  it("receive publishes the signing key and cannot sign", () => {
    expect(full.permissions("ReceiveRole")["SigningKeysa"]).toEqual(["kms:GetPublicKey"]);
  });

  it("an action signs if one of its targets gets a token of the bridge's own, and no other function signs", () => {
    const users = [...full.resources("AWS::IAM::Role").keys()].filter((role) =>
      Object.values(full.permissions(role)).flat().includes("kms:Sign"),
    );
    expect(users).toEqual(["ActtektonRole"]);
    expect(full.permissions("ActtektonRole")["SigningKeysa"]).toEqual(["kms:GetPublicKey", "kms:Sign"]);
  });

  it("each function gets the ids of the keys that it may use", () => {
    const keyIds = [...full.resources("AWS::Lambda::Function")].flatMap(([name, { Properties }]) => {
      const { Variables } = Properties["Environment"] as { Variables: Record<string, unknown> };
      return "SIGNING_KEY_IDS" in Variables ? [[name, readable(Variables["SIGNING_KEY_IDS"])]] : [];
    });
    expect(Object.fromEntries(keyIds)).toEqual({ ReceiveHandler: "SigningKeysa", ActtektonHandler: "SigningKeysa" });
  });

  it("AWS issues tokens to an action's role for its targets and for no other audience", () => {
    const users = [...full.resources("AWS::IAM::Role").keys()].filter((role) =>
      Object.values(full.permissions(role)).flat().includes("sts:GetWebIdentityToken"),
    );
    expect(users).toEqual(["ActtektonRole"]);
    expect(conditionsOn("sts:GetWebIdentityToken", full)).toEqual([
      {
        "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": ["https://el-cloud.example.com"] },
        // Without this a token without any audience would be allowed too.
        Null: { "sts:IdentityTokenAudience": "false" },
      },
    ]);
  });

  it("the function for partner events may record, and nothing else", () => {
    expect(full.permissions("ReceivePartnerRole")).toEqual({
      ...OWN("ReceivePartner"),
      DeliveriesTable: ["dynamodb:PutItem"],
      ReceivePartnerQueue: CONSUME,
    });
  });
});
