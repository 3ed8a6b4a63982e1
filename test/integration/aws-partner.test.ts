import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openAllStores } from "../support/all-stores.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { queueMessage } from "../support/aws-queue.ts";

const EVENT_SOURCE = "aws.partner/buildkite.com/harbour-works/0a1b-2c3d";
const CONFIG = {
  sources: {
    builds: { provider: "buildkite", roles: ["ci"], partnerEvents: EVENT_SOURCE },
    others: { provider: "buildkite", token: { current: "ssm:/others" } },
  },
};

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
});
afterEach(() => account.stop());

const load = () =>
  loadFunction(account, CONFIG, async () => (await import("../../functions/receive-partner.ts")).handler);

/** An event in the form in which a rule without a transformer passes it on. */
const eventOf = (id: string, changes: object = {}) =>
  JSON.stringify({
    version: "0",
    id,
    "detail-type": "Build Finished",
    source: EVENT_SOURCE,
    account: "111111111111",
    time: "2026-11-02T08:57:46Z",
    region: "eu-central-1",
    resources: [],
    detail: {
      version: 1,
      build: {
        uuid: "b-1",
        number: 7,
        state: "passed",
        commit: "c4a1e7d",
        branch: "main",
        started_at: "2026-11-02 08:53:06 UTC",
        finished_at: "2026-11-02 08:57:45 UTC",
      },
      pipeline: { slug: "docs-site" },
      organization: { slug: "harbour-works" },
    },
    ...changes,
  });

const lines = () => account.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
const calls = () => account.calls.map(({ target }) => target.split(".")[1]);

describe("the function that takes partner events", () => {
  it("an event is recorded as a delivery of its source, proved by AWS, with one write", async () => {
    const handler = await load();
    expect(await handler({ Records: [queueMessage("m-1", eventOf("e-1"))] })).toEqual({ batchItemFailures: [] });
    expect(calls()).toEqual(["PutItem"]);
    const [line] = lines();
    expect(line).toMatchObject({
      message: "delivery",
      source: "builds",
      status: "accepted",
      service: "receive-partner",
    });
    const options = { retentionDays: 1, markUnrelayed: false, singleProcess: false, clock };
    const { deliveries } = openAllStores(new DynamoDbTable(account.client, account.environment.TABLE_NAME), options);
    expect(await deliveries.get(String(line?.["delivery"]))).toMatchObject({
      outcome: "event",
      what: "build.succeeded",
      principal: { issuer: "aws:events", subject: EVENT_SOURCE, method: "eventbridge-partner", roles: ["ci"] },
    });
  });

  it("the same event is recorded once, however often EventBridge and the queue deliver it", async () => {
    const handler = await load();
    for (const message of ["m-1", "m-2"]) await handler({ Records: [queueMessage(message, eventOf("e-1"))] });
    expect(lines().map(({ status }) => status)).toEqual(["accepted", "duplicate"]);
    expect(new Set(lines().map(({ delivery }) => delivery)).size).toBe(1);
  });

  it.each([
    ["of a partner that no source is configured for", eventOf("e-2", { source: "aws.partner/buildkite.com/else/1" })],
    ["that is not an event", "hello"],
  ])("a message %s stays in the queue, and the others of its batch are recorded", async (_, body) => {
    const handler = await load();
    const Records = [queueMessage("m-1", body), queueMessage("m-2", eventOf("e-3"))];
    expect(await handler({ Records })).toEqual({ batchItemFailures: [{ itemIdentifier: "m-1" }] });
    expect(calls()).toEqual(["PutItem"]);
    expect(
      lines()
        .map(({ message }) => message)
        .sort(),
    ).toEqual(["delivery", "refused"]);
  });

  it("an event that cannot be recorded stays in the queue, to be delivered again", async () => {
    const handler = await load();
    const { TABLE_NAME } = account.environment;
    const { DeleteTableCommand } = await import("@aws-sdk/client-dynamodb");
    await account.client.send(new DeleteTableCommand({ TableName: TABLE_NAME }));
    expect(await handler({ Records: [queueMessage("m-1", eventOf("e-1"))] })).toEqual({
      batchItemFailures: [{ itemIdentifier: "m-1" }],
    });
    expect(lines()).toMatchObject([{ level: "error", message: "failed", source: "builds" }]);
  });
});
