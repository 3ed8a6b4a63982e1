import { isDeepStrictEqual } from "node:util";
import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { DescribeEventBusCommand, ListRulesCommand, ListTargetsByRuleCommand } from "@aws-sdk/client-eventbridge";
import { GetQueueAttributesCommand, type QueueAttributeName } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import type { Account } from "./account.ts";
import { referencesIn } from "./adapt.ts";
import type { Resource } from "./assembly.ts";
import type { Deployed } from "./deploy.ts";

/** The parts of the template that the emulator cannot show. */
export const NOT_SHOWN =
  "time to live and recovery of the table, architecture of the functions: moto's CloudFormation sets none";

type Properties = Resource["Properties"];

/**
 * Compares the table with its keys, indexes and stream. Returns the names of both. Throws if it differs from the template.
 */
export async function readTable(account: Account, stack: Deployed): Promise<{ name: string; streamArn: string }> {
  const [[id = "", properties = {}] = []] = resourcesOf(stack, "AWS::DynamoDB::Table");
  const name = physicalId(stack, id);
  const { Table = {} } = await account.dynamoDb.send(new DescribeTableCommand({ TableName: name }));
  const { GlobalSecondaryIndexes = [], LatestStreamArn = "" } = Table;
  same(`${id} is`, {
    made: {
      AttributeDefinitions: Table.AttributeDefinitions,
      BillingMode: Table.BillingModeSummary?.BillingMode,
      DeletionProtectionEnabled: Table.DeletionProtectionEnabled,
      GlobalSecondaryIndexes: GlobalSecondaryIndexes.map((one) =>
        picked(one, ["IndexName", "KeySchema", "Projection"]),
      ),
      KeySchema: Table.KeySchema,
      StreamSpecification: { StreamViewType: Table.StreamSpecification?.StreamViewType },
    },
    expected: picked(properties, [
      "AttributeDefinitions",
      "BillingMode",
      "DeletionProtectionEnabled",
      "GlobalSecondaryIndexes",
      "KeySchema",
      "StreamSpecification",
    ]),
  });
  return { name, streamArn: LatestStreamArn };
}

/** Compares the bus. Returns its name. */
export async function readBus({ events }: Account, stack: Deployed): Promise<string> {
  const [[id = "", { Name } = {}] = []] = resourcesOf(stack, "AWS::Events::EventBus");
  const { Name: made = "" } = await events.send(new DescribeEventBusCommand({ Name: String(Name) }));
  same(`${id} is`, { made, expected: Name });
  return made;
}

/** Compares every rule of the bus, with its pattern, its queue and its transformer. Returns their number. */
export async function readRules({ events }: Account, stack: Deployed, bus: string): Promise<number> {
  const resources = resourcesOf(stack, "AWS::Events::Rule");
  for (const [id, { EventPattern, Targets }] of resources) {
    const name = physicalId(stack, id);
    const { Rules = [] } = await events.send(new ListRulesCommand({ EventBusName: bus, NamePrefix: name }));
    same(`${id}, pattern,`, {
      made: Rules.map((rule) => JSON.parse(rule.EventPattern ?? "")),
      expected: [EventPattern],
    });
    const made = await events.send(new ListTargetsByRuleCommand({ EventBusName: bus, Rule: name }));
    const members = ["InputTransformer", "RetryPolicy"] as const;
    same(`${id}, transformer,`, {
      made: made.Targets?.map((target) => picked(target, members)),
      expected: v.parse(v.array(v.record(v.string(), v.unknown())), Targets).map((target) => picked(target, members)),
    });
    const queue = physicalId(stack, referencesIn(Targets)[0] ?? "");
    same(`${id}, queue,`, {
      made: made.Targets?.map(({ Arn = "" }) => lastPart(Arn, ":")),
      expected: [lastPart(queue, "/")],
    });
  }
  return resources.length;
}

const QUEUE_ATTRIBUTES = ["MessageRetentionPeriod", "SqsManagedSseEnabled", "VisibilityTimeout"] as const;

/** Compares every queue, with its dead-letter queue. Returns their number. */
export async function readQueues(account: Account, stack: Deployed): Promise<number> {
  const resources = resourcesOf(stack, "AWS::SQS::Queue");
  for (const [id, properties] of resources) {
    const AttributeNames: QueueAttributeName[] = [...QUEUE_ATTRIBUTES, "RedrivePolicy"];
    const QueueUrl = account.queueAt(physicalId(stack, id));
    const { Attributes = {} } = await account.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
    const set = QUEUE_ATTRIBUTES.filter((name) => name in properties);
    same(`${id} is`, {
      made: set.map((name) => Attributes[name]),
      expected: set.map((name) => String(properties[name])),
    });
    const [deadLetters] = referencesIn(properties["RedrivePolicy"]);
    if (deadLetters === undefined) continue;
    const { deadLetterTargetArn, maxReceiveCount } = v.parse(redrive, JSON.parse(Attributes["RedrivePolicy"] ?? "{}"));
    const limit = v.parse(v.object({ maxReceiveCount: v.number() }), properties["RedrivePolicy"]).maxReceiveCount;
    same(`${id}, dead letters,`, {
      made: [lastPart(deadLetterTargetArn, ":"), Number(maxReceiveCount)],
      expected: [lastPart(physicalId(stack, deadLetters), "/"), limit],
    });
  }
  return resources.length;
}

const redrive = v.object({ deadLetterTargetArn: v.string(), maxReceiveCount: v.union([v.number(), v.string()]) });

/** A function in the account. */
export interface DeployedFunction {
  /** The start of its logical id: `Receive`, `Act-tekton` without its dash. */
  readonly name: string;
  readonly logicalId: string;
  /** With the names that CloudFormation resolved. */
  readonly environment: Readonly<Record<string, string>>;
  /** Key of its package. */
  readonly packageKey: string;
}

/** Compares every function, with the digest of its package. */
export async function readFunctions(account: Account, stack: Deployed): Promise<readonly DeployedFunction[]> {
  const functions: DeployedFunction[] = [];
  for (const [logicalId, properties] of resourcesOf(stack, "AWS::Lambda::Function")) {
    const path = `/2015-03-31/functions/${physicalId(stack, logicalId)}/configuration`;
    const made = v.parse(configuration, JSON.parse(await account.rest("lambda", "GET", path)));
    const { Code, ...template } = v.parse(functionProperties, properties);
    const members = ["Handler", "MemorySize", "Runtime", "Timeout"] as const;
    same(`${logicalId} is`, { made: picked(made, members), expected: picked(template, members) });
    same(`${logicalId}, package,`, { made: made.CodeSha256, expected: stack.packages.get(Code.S3Key) });
    const names = Object.keys(template.Environment.Variables);
    same(`${logicalId}, environment,`, { made: Object.keys(made.Environment.Variables), expected: names });
    const name = logicalId.replace(/Handler[0-9A-F]{8}$/, "");
    functions.push({ name, logicalId, environment: made.Environment.Variables, packageKey: Code.S3Key });
  }
  return functions;
}

const shape = { Handler: v.string(), MemorySize: v.number(), Runtime: v.string(), Timeout: v.number() };
const configuration = v.object({
  ...shape,
  CodeSha256: v.string(),
  Environment: v.object({ Variables: v.record(v.string(), v.string()) }),
});
const functionProperties = v.object({
  ...shape,
  Code: v.object({ S3Key: v.string() }),
  Environment: v.object({ Variables: v.record(v.string(), v.unknown()) }),
});

/** Resources of a type, by logical id. */
export const resourcesOf = (
  { template }: Pick<Deployed, "template">,
  type: string,
): readonly (readonly [string, Properties])[] =>
  Object.entries(template.Resources).flatMap(([id, one]) => (one.Type === type ? [[id, one.Properties] as const] : []));

/** The physical id of a logical id. Throws if there is none. */
export function physicalId({ physicalIds }: Deployed, logicalId: string): string {
  const found = physicalIds.get(logicalId);
  if (found) return found;
  throw new Error(`the stack was created without ${logicalId || "a resource that is needed"}`);
}

function same(what: string, { made, expected }: { readonly made: unknown; readonly expected: unknown }): void {
  // As JSON, because the clients add undefined members.
  const [a, b] = [made, expected].map((value) => JSON.parse(JSON.stringify(value ?? null)) as unknown);
  if (isDeepStrictEqual(a, b)) return;
  throw new Error(`${what} not as the template says: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`);
}

const picked = (value: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));

const lastPart = (text: string, separator: string): string => text.slice(text.lastIndexOf(separator) + 1);
