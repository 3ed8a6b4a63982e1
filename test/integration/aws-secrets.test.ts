import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AwsSecrets } from "../../shared/aws/aws-secrets.ts";
import { readBoth } from "../../shared/host/secrets.ts";
import { type AwsAccount, startAwsAccount } from "../support/aws-account.ts";

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
  for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
  account.answers.set("secretsmanager.GetSecretValue", ({ SecretId = "" }) => {
    const SecretString = STORED[SecretId];
    return SecretString === undefined ? { error: "ResourceNotFoundException" } : { SecretString };
  });
  account.answers.set("AmazonSSM.GetParameter", ({ Name }) =>
    Name === "/drawbridge/listener" ? { Parameter: { Value: "of-the-listener" } } : { error: "ParameterNotFound" },
  );
});
afterEach(async () => {
  vi.useRealTimers();
  await account.stop();
});

const STORED: Record<string, string> = {
  "drawbridge/wiki": JSON.stringify({ current: "of-today", next: "of-tomorrow", port: 8, empty: "" }),
  "drawbridge/plain": "canary-{-that-is-no-json",
  "drawbridge/list": '["canary"]',
  "drawbridge/file": "of-a-file\n",
  "drawbridge/windows-file": "of-a-file\r\n",
  "drawbridge/lines": "of-a-file\n\n",
};

const secrets = () => new AwsSecrets({ TOKEN: "of-the-environment" });

describe("a secret in AWS", () => {
  it.each([
    ["a member of a secret", "secretsmanager:drawbridge/wiki#next", "of-tomorrow"],
    ["a whole secret", "secretsmanager:drawbridge/plain", "canary-{-that-is-no-json"],
    ["a parameter", "ssm:/drawbridge/listener", "of-the-listener"],
    ["a variable of the environment", "env:TOKEN", "of-the-environment"],
    ["a file that was uploaded, without its last line break", "secretsmanager:drawbridge/file", "of-a-file"],
    ["such a file of Windows", "secretsmanager:drawbridge/windows-file", "of-a-file"],
    [
      "a text with an empty line at its end, without one of the breaks",
      "secretsmanager:drawbridge/lines",
      "of-a-file\n",
    ],
  ])("is %s", async (_, ref, value) => {
    expect((await secrets().read(ref)).reveal()).toBe(value);
  });

  it.each([
    ["of no name", "secretsmanager:drawbridge/nothing"],
    ["of no member", "secretsmanager:drawbridge/wiki#nothing"],
    ["of a member that every object has", "secretsmanager:drawbridge/wiki#toString"],
    ["of a member that is no text", "secretsmanager:drawbridge/wiki#port"],
    ["that is empty", "secretsmanager:drawbridge/wiki#empty"],
    ["of a member, where there is no object", "secretsmanager:drawbridge/plain#current"],
    ["of a member, where there is a list", "secretsmanager:drawbridge/list#current"],
    ["of no parameter", "ssm:/drawbridge/nothing"],
    ["of no variable", "env:NOTHING"],
    ["in a file", "file:/etc/passwd"],
    ["of no kind", "literal"],
  ])("%s is unavailable, and nothing of it is told", async (_, ref) => {
    const fault = await secrets()
      .read(ref)
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "secret_unavailable", retryable: true });
    expect(String(fault)).not.toContain("canary");
  });

  it("may have no second value yet, and has it when somebody adds its member", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const pair = { current: "secretsmanager:drawbridge/pair#current", next: "secretsmanager:drawbridge/pair#next" };
    const reading = secrets();
    const read = async () => (await readBoth(reading, pair)).map(({ label, secret }) => [label, secret.reveal()]);
    STORED["drawbridge/pair"] = '{"current":"one"}';
    expect(await read()).toEqual([["current", "one"]]);
    STORED["drawbridge/pair"] = '{"current":"one","next":"two"}';
    vi.advanceTimersByTime(300_001);
    expect(await read()).toEqual([
      ["current", "one"],
      ["next", "two"],
    ]);
  });

  it.each([
    ["a member that is no text", "secretsmanager:drawbridge/wiki#port"],
    ["an empty member", "secretsmanager:drawbridge/wiki#empty"],
    ["a member of what is no object", "secretsmanager:drawbridge/plain#next"],
    ["a member of a list", "secretsmanager:drawbridge/list#next"],
    ["a secret that is not there", "secretsmanager:drawbridge/nothing#next"],
    ["a parameter that is not there", "ssm:/drawbridge/nothing"],
    ["a variable that is not set", "env:NOTHING"],
  ])("has no second value that is %s", async (_, next) => {
    const pair = { current: "secretsmanager:drawbridge/wiki#current", next };
    await expect(readBoth(secrets(), pair)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("has to have its first value", async () => {
    const pair = { current: "secretsmanager:drawbridge/wiki#nothing" };
    await expect(readBoth(secrets(), pair)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("is asked for once in five minutes, and then found changed", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const reading = secrets();
    const read = async () => (await reading.read("secretsmanager:drawbridge/rotating#current")).reveal();
    STORED["drawbridge/rotating"] = '{"current":"old"}';
    expect([await read(), await read()]).toEqual(["old", "old"]);
    STORED["drawbridge/rotating"] = '{"current":"new"}';
    vi.advanceTimersByTime(299_000);
    expect(await read()).toBe("old");
    expect(account.calls).toHaveLength(1);
    vi.advanceTimersByTime(2_000);
    expect(await read()).toBe("new");
    expect(account.calls).toHaveLength(2);
  });

  it("is found after it was missing", async () => {
    const reading = secrets();
    await expect(reading.read("secretsmanager:drawbridge/late")).rejects.toThrow();
    STORED["drawbridge/late"] = "here";
    expect((await reading.read("secretsmanager:drawbridge/late")).reveal()).toBe("here");
  });

  it("is not asked for before it is read", () => {
    secrets();
    expect(account.calls).toEqual([]);
  });
});
