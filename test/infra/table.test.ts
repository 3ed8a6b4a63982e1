import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, it } from "vitest";
import { TABLE } from "../../shared/store/key-schema.ts";
import { startEmbeddedDynamoDb } from "../support/embedded-dynamodb.ts";
import { type Resource, readable, synthesise } from "./synthesised.ts";

const tableOf = async (context: Readonly<Record<string, unknown>> = {}): Promise<Resource | undefined> =>
  [...(await synthesise(context)).resources("AWS::DynamoDB::GlobalTable").values()][0];

const byName = (names: readonly object[] = [], key: string): readonly object[] =>
  [...names].sort((a, b) =>
    String(Object.entries(a).find(([name]) => name === key)?.[1]).localeCompare(
      String(Object.entries(b).find(([name]) => name === key)?.[1]),
    ),
  );

describe("the table", () => {
  it("the table has the keys and indexes of the table that a single machine creates", async () => {
    const { client, stop } = await startEmbeddedDynamoDb({ table: "drawbridge" });
    const { Table: local } = await client.send(new DescribeTableCommand({ TableName: "drawbridge" }));
    await stop();
    const inAws = (await tableOf())?.Properties;
    expect(inAws?.["KeySchema"]).toEqual(local?.KeySchema);
    expect(byName(inAws?.["AttributeDefinitions"] as object[], "AttributeName")).toEqual(
      byName(local?.AttributeDefinitions, "AttributeName"),
    );
    const indexes = local?.GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }) => ({
      IndexName,
      KeySchema,
      Projection,
    }));
    expect(byName(inAws?.["GlobalSecondaryIndexes"] as object[], "IndexName")).toEqual(byName(indexes, "IndexName"));
  });

  it("the table is billed by use, expires items, can be restored, and streams its changes", async () => {
    const table = await tableOf();
    expect(table?.Properties).toMatchObject({
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: TABLE.timeToLive, Enabled: true },
      StreamSpecification: { StreamViewType: "NEW_AND_OLD_IMAGES" },
    });
    expect(copiesOf(table)).toMatchObject([{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }]);
  });

  it("the table is retained when the stack is deleted, unless configured otherwise", async () => {
    const kept = await tableOf();
    expect(kept?.DeletionPolicy).toBe("Retain");
    expect(copiesOf(kept)).toMatchObject([{ DeletionProtectionEnabled: true }]);
    const thrown = await tableOf({ keep: "false" });
    expect(thrown?.DeletionPolicy).toBe("Delete");
    expect(copiesOf(thrown)).toMatchObject([{ DeletionProtectionEnabled: false }]);
  });

  it("each of the two deployments of an update changes one index", async () => {
    const indexesOf = async (context: Record<string, string>): Promise<readonly string[]> => {
      const indexes = (await tableOf(context))?.Properties["GlobalSecondaryIndexes"];
      return (indexes as readonly { readonly IndexName: string }[]).map(({ IndexName }) => IndexName).sort();
    };
    expect(await indexesOf({ keepDayIndex: "true" })).toEqual(["by-day", "by-state", "due"]);
    expect(await indexesOf({})).toEqual(["by-state", "due"]);
  });

  it("the table is encrypted with a key of the account's own if configured, which is retained with it", async () => {
    const { resources } = await synthesise({ customerKey: "true", region: "eu-central-1" });
    const [table] = resources("AWS::DynamoDB::GlobalTable").values();
    const [[name, key] = []] = resources("AWS::KMS::Key");
    expect(table?.Properties["SSESpecification"]).toMatchObject({ SSEEnabled: true, SSEType: "KMS" });
    const [{ SSESpecification }] = copiesOf(table) as [{ SSESpecification: { KMSMasterKeyId: unknown } }];
    expect(readable(SSESpecification.KMSMasterKeyId)).toBe(name);
    expect(key?.DeletionPolicy).toBe("Retain");
    expect(key?.Properties["EnableKeyRotation"]).toBe(true);
  });

  it("the table has equally protected copies in other regions if configured, which the stack neither reads nor writes", async () => {
    const { resources, template } = await synthesise({ region: "eu-central-1", replicaRegions: "eu-west-1,us-east-1" });
    const [table] = resources("AWS::DynamoDB::GlobalTable").values();
    const copies = copiesOf(table) as readonly { Region: string }[];
    expect(copies.map(({ Region }) => Region).sort()).toEqual(["eu-central-1", "eu-west-1", "us-east-1"]);
    for (const copy of copies) {
      expect(copy).toMatchObject({
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    }
    const { Resources } = template.toJSON() as { Resources: Record<string, Resource> };
    const others = Object.values(Resources).filter(({ Type }) => Type !== "AWS::DynamoDB::GlobalTable");
    expect(JSON.stringify(others)).not.toMatch(/eu-west-1|us-east-1/);
  });
});

const copiesOf = (table: Resource | undefined): unknown => table?.Properties["Replicas"];
