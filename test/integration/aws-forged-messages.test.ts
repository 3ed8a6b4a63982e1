import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AwsAccount, startAwsAccount } from "../support/aws-account.ts";
import { afterForgeries } from "../support/forged-messages.ts";
import { propertyCases } from "../support/property-cases.ts";

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
  for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
});
afterEach(async () => {
  await account.stop();
});

describe("messages that somebody else put on the bus or into the queue", () => {
  it("no forged message changes a run, an approval or an action, or writes an item", async () => {
    const { before, after } = await afterForgeries(account, propertyCases("forged messages"));
    expect(before.runs).toHaveLength(8);
    expect(after).toEqual(before);
  }, 300_000);
});
