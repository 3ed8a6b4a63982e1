import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AwsSecrets } from "../../shared/aws/aws-secrets.ts";
import { laterBy, systemClock } from "../../shared/host/clock.ts";
import { readBoth } from "../../shared/host/secrets.ts";
import { type AwsAccount, startAwsAccount } from "../support/aws-account.ts";
import { until } from "../support/until.ts";

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
  for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
  account.answers.set("secretsmanager.GetSecretValue", ({ SecretId = "" }) => {
    const SecretString = STORED[SecretId];
    return SecretString === undefined ? { error: "ResourceNotFoundException" } : { SecretString };
  });
  account.answers.set("AmazonSSM.GetParameters", ({ Names = [] }) => ({
    Parameters: Names.flatMap((Name) => (PARAMETERS.has(Name) ? [{ Name, Value: PARAMETERS.get(Name) }] : [])),
    InvalidParameters: Names.filter((name) => !PARAMETERS.has(name)),
  }));
});
afterEach(async () => {
  vi.useRealTimers();
  await account.stop();
});

const STORED: Record<string, string> = {
  "drawbridge/wiki": JSON.stringify({
    current: "of-today",
    next: "of-tomorrow",
    port: 8,
    empty: "",
    constructor: "of-a-name",
  }),
  "drawbridge/plain": "canary-{-that-is-no-json",
  "drawbridge/list": '["canary"]',
  "drawbridge/file": "of-a-file\n",
  "drawbridge/windows-file": "of-a-file\r\n",
  "drawbridge/lines": "of-a-file\n\n",
};

const PARAMETERS = new Map([["/drawbridge/listener", "of-the-listener"]]);

const log = { info: () => undefined, warn: vi.fn(), error: () => undefined };
/** Without jitter: a value is fresh for exactly five minutes, and a failed read is repeated after 15 seconds. */
const secrets = ({ random = 0, ...environment }: { random?: number; PARAMETERS?: string } = {}) =>
  new AwsSecrets({ TOKEN: "of-the-environment", ...environment }, { clock: systemClock, random: () => random, log });

describe("a secret in AWS", () => {
  it.each([
    ["a member of a secret", "secretsmanager:drawbridge/wiki#next", "of-tomorrow"],
    ["a member with the name of what every object inherits", "secretsmanager:drawbridge/wiki#constructor", "of-a-name"],
    ["a whole secret", "secretsmanager:drawbridge/plain", "canary-{-that-is-no-json"],
    ["a parameter", "ssm:/drawbridge/listener", "of-the-listener"],
    ["a variable of the environment", "env:TOKEN", "of-the-environment"],
    ["a file that was uploaded, without its last line break", "secretsmanager:drawbridge/file", "of-a-file"],
    ["an uploaded file with Windows line breaks", "secretsmanager:drawbridge/windows-file", "of-a-file"],
    [
      "a text with an empty line at its end, without its last line break",
      "secretsmanager:drawbridge/lines",
      "of-a-file\n",
    ],
  ])("the value is read from %s", async (_, ref, value) => {
    expect((await secrets().read(ref)).reveal()).toBe(value);
  });

  it.each([
    ["of an unknown name", "secretsmanager:drawbridge/nothing"],
    ["of an unknown member", "secretsmanager:drawbridge/wiki#nothing"],
    ["of a member that every object inherits", "secretsmanager:drawbridge/wiki#toString"],
    ["of a member that is not text", "secretsmanager:drawbridge/wiki#port"],
    ["that is empty", "secretsmanager:drawbridge/wiki#empty"],
    ["of a member of a text", "secretsmanager:drawbridge/plain#current"],
    ["of a member of a list", "secretsmanager:drawbridge/list#current"],
    ["of an unknown parameter", "ssm:/drawbridge/nothing"],
    ["of an unset variable", "env:NOTHING"],
    ["in a file", "file:/etc/passwd"],
    ["of an unknown kind", "literal"],
  ])("a secret %s is unavailable, and the fault contains no part of a value", async (_, ref) => {
    const fault = await secrets()
      .read(ref)
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "secret_unavailable", retryable: true });
    expect(String(fault)).not.toContain("canary");
  });

  it("a next value may be absent, and is found once its member is added", async () => {
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
    ["a member that is not text", "secretsmanager:drawbridge/wiki#port"],
    ["an empty member", "secretsmanager:drawbridge/wiki#empty"],
    ["a member of a text", "secretsmanager:drawbridge/plain#next"],
    ["a member of a list", "secretsmanager:drawbridge/list#next"],
    ["a missing secret", "secretsmanager:drawbridge/nothing#next"],
    ["a missing parameter", "ssm:/drawbridge/nothing"],
    ["a variable that is not set", "env:NOTHING"],
  ])("a next value that is %s is a fault", async (_, next) => {
    const pair = { current: "secretsmanager:drawbridge/wiki#current", next };
    await expect(readBoth(secrets(), pair)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("an absent current value is a fault", async () => {
    const pair = { current: "secretsmanager:drawbridge/wiki#nothing" };
    await expect(readBoth(secrets(), pair)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("a clock that is set back keeps no value for longer", async () => {
    let [now, monotonic] = [systemClock.now(), 0];
    const clock = { now: () => now, monotonic: () => monotonic };
    const reading = new AwsSecrets({}, { clock, random: () => 0, log });
    const read = async () => (await reading.read("secretsmanager:drawbridge/rotating#current")).reveal();
    STORED["drawbridge/rotating"] = '{"current":"old"}';
    expect(await read()).toBe("old");
    STORED["drawbridge/rotating"] = '{"current":"new"}';
    now = laterBy(now, -86_400_000);
    monotonic += 299_000;
    expect(await read()).toBe("old");
    monotonic += 2_000;
    expect(await read()).toBe("new");
  });

  it("a secret is fetched once in five minutes, and a change is found after that", async () => {
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

  it("a secret that was missing is found once it exists", async () => {
    const reading = secrets();
    await expect(reading.read("secretsmanager:drawbridge/late")).rejects.toThrow();
    STORED["drawbridge/late"] = "here";
    expect((await reading.read("secretsmanager:drawbridge/late")).reveal()).toBe("here");
  });

  it("a secret is not fetched before it is read", () => {
    secrets();
    expect(account.calls).toEqual([]);
  });

  describe("while its service cannot answer", () => {
    const REF = "secretsmanager:drawbridge/rotating#current";
    const store = (value: string) => {
      STORED["drawbridge/rotating"] = JSON.stringify({ current: value });
    };
    const answer = (error?: string) =>
      account.answers.set("secretsmanager.GetSecretValue", ({ SecretId = "" }) =>
        error === undefined ? { SecretString: STORED[SecretId] } : { error },
      );
    const calls = () => account.calls.length;
    /** A request does not wait for all tries of the SDK. */
    const failed = (times: number) => until("a failed read", () => log.warn.mock.calls.length === times);
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date"] });
      log.warn.mockClear();
      store("good");
    });

    it.each(["ThrottlingException", "InternalServiceError"])(
      "the last value is used for an hour after %s, with a pause between tries, and then none",
      async (error) => {
        const reading = secrets();
        const read = async () => (await reading.read(REF)).reveal();
        await read();
        answer(error);
        vi.advanceTimersByTime(300_001);
        expect(await read()).toBe("good");
        await failed(1);
        expect(log.warn).toHaveBeenCalledWith({ error }, expect.any(String));
        const tried = calls();
        expect(await read()).toBe("good");
        expect(calls()).toBe(tried);
        vi.advanceTimersByTime(3_298_000);
        expect(await read()).toBe("good");
        await failed(2);
        expect(calls()).toBeGreaterThan(tried);
        vi.advanceTimersByTime(2_000);
        await expect(read()).rejects.toMatchObject({ code: "secret_unavailable" });
        answer();
        expect(await read()).toBe("good");
      },
    );

    it("a change is found with the first try that succeeds", async () => {
      const reading = secrets();
      const read = async () => (await reading.read(REF)).reveal();
      await read();
      answer("ThrottlingException");
      vi.advanceTimersByTime(300_001);
      await read();
      await failed(1);
      store("new");
      answer();
      expect(await read()).toBe("good");
      vi.advanceTimersByTime(15_000);
      expect(await read()).toBe("new");
    });

    it.each(["ResourceNotFoundException", "AccessDeniedException"])("%s holds at once", async (error) => {
      const reading = secrets();
      await reading.read(REF);
      answer(error);
      vi.advanceTimersByTime(300_001);
      await expect(reading.read(REF)).rejects.toMatchObject({ code: "secret_unavailable" });
    });

    it("a secret that was never read is unavailable", async () => {
      answer("ThrottlingException");
      await expect(secrets().read(REF)).rejects.toMatchObject({ code: "secret_unavailable" });
    });
  });

  it("concurrent reads share one call, at first and at the end of five minutes", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const reading = secrets();
    const readAll = () =>
      Promise.all(Array.from({ length: 20 }, () => reading.read("secretsmanager:drawbridge/plain")));
    await readAll();
    expect(account.calls).toHaveLength(1);
    vi.advanceTimersByTime(300_001);
    await readAll();
    expect(account.calls).toHaveLength(2);
  });

  it("a value is read again in the background before it is five minutes old", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const reading = secrets({ random: 0.5 });
    const read = async () => (await reading.read("secretsmanager:drawbridge/early")).reveal();
    STORED["drawbridge/early"] = "old";
    await read();
    STORED["drawbridge/early"] = "new";
    vi.advanceTimersByTime(269_000);
    expect(await read()).toBe("old");
    expect(account.calls).toHaveLength(1);
    vi.advanceTimersByTime(1_001);
    expect(await read()).toBe("old");
    await until("the new value", async () => (await read()) === "new");
    expect(account.calls).toHaveLength(2);
  });

  it("the first parameter brings all of the function, ten in a call", async () => {
    const names = Array.from({ length: 23 }, (_, at) => `/drawbridge/p${at}`);
    for (const name of names) PARAMETERS.set(name, `of ${name}`);
    const reading = secrets({ PARAMETERS: [...names, "/drawbridge/not-yet"].join() });
    for (const name of names.toReversed()) expect((await reading.read(`ssm:${name}`)).reveal()).toBe(`of ${name}`);
    expect(account.calls.map(({ input: { Names } }) => Names?.length)).toEqual([10, 10, 4]);
    await expect(reading.read("ssm:/drawbridge/not-yet")).rejects.toMatchObject({ code: "secret_unavailable" });
    PARAMETERS.set("/drawbridge/not-yet", "here");
    expect((await reading.read("ssm:/drawbridge/not-yet")).reveal()).toBe("here");
  });
});
