import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, it } from "vitest";
import { startEmbeddedDynamoDb } from "../../shared/store/embedded.ts";
import { TABLE } from "../../shared/store/table.ts";
import { type Resource, synthesise } from "./synthesised.ts";

const tableOf = async (context: Readonly<Record<string, unknown>> = {}): Promise<Resource | undefined> =>
  [...(await synthesise(context)).resources("AWS::DynamoDB::Table").values()][0];

const byName = (names: readonly object[] = [], key: string): readonly object[] =>
  [...names].sort((a, b) =>
    String(Object.entries(a).find(([name]) => name === key)?.[1]).localeCompare(
      String(Object.entries(b).find(([name]) => name === key)?.[1]),
    ),
  );

describe("the table", () => {
  it("has the keys and indexes of the one that a single machine makes for itself", async () => {
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

  it("costs what it does, forgets on time, can be restored, and tells what is new", async () => {
    expect((await tableOf())?.Properties).toMatchObject({
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: TABLE.timeToLive, Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
    });
  });

  it("outlives its stack unless told otherwise", async () => {
    const kept = await tableOf();
    expect(kept?.DeletionPolicy).toBe("Retain");
    expect(kept?.Properties["DeletionProtectionEnabled"]).toBe(true);
    const thrown = await tableOf({ keep: "false" });
    expect(thrown?.DeletionPolicy).toBe("Delete");
    expect(thrown?.Properties["DeletionProtectionEnabled"]).toBe(false);
  });

  it("is encrypted with a key of the account's own if asked, which is kept as long as the table", async () => {
    const { resources } = await synthesise({ customerKey: "true" });
    const [table] = resources("AWS::DynamoDB::Table").values();
    expect(table?.Properties["SSESpecification"]).toMatchObject({ SSEEnabled: true, SSEType: "KMS" });
    const [key] = resources("AWS::KMS::Key").values();
    expect(key?.DeletionPolicy).toBe("Retain");
    expect(key?.Properties["EnableKeyRotation"]).toBe(true);
  });
});
