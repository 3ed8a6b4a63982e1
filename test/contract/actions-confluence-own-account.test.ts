import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "../../shared/host/fault.ts";
import type { OwnAccountStore, SiteAccount } from "../../shared/store/own-accounts.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { BRIDGE_USER, ROBIN, type SandboxUser } from "../support/sandbox-confluence-users.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const HOUR_MS = 3_600_000;

describe.each(["cloud", "data-center"] as const)("the account that writes to %s", (product) => {
  let sandbox: SandboxConfluence;
  let clock: TestClock;
  let recorded: (SiteAccount & { readonly hours: number })[];
  let ownAccounts: Pick<OwnAccountStore, "record">;

  const bench = (changes?: BenchOptions) => benchFor(sandbox, product, { clock, ownAccounts, ...changes });
  const versions = () => sandbox.page(PAGE).versions.length;
  const nameOf = ({ userKey, accountId }: SandboxUser) => (product === "cloud" ? accountId : userKey);
  const ownBy = (user: SandboxUser) => ({ site: sandbox.site(product), account: nameOf(user), hours: 24 });

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
    clock = testClock();
    recorded = [];
    ownAccounts = {
      record: async (own, until) => void recorded.push({ ...own, hours: (until - clock.now()) / HOUR_MS }),
    };
  });
  afterEach(() => sandbox.close());

  test("the account is recorded before the first write reaches the site", async () => {
    let atWrite: unknown;
    sandbox.beforeNextWrite(() => {
      atWrite = [...recorded];
    });
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(atWrite).toEqual([ownBy(BRIDGE_USER)]);
    expect(versions()).toBe(2);
  });

  test("the account is looked up once an hour, however many writes there are", async () => {
    const { run } = bench();
    for (const number of [1, 2, 3]) await run(buildEntry({ number }));
    expect([versions(), recorded.length]).toEqual([4, 1]);
    clock.advance(HOUR_MS - 1);
    await run(buildEntry({ number: 4 }));
    expect(recorded.length).toBe(1);
    clock.advance(1);
    await run(buildEntry({ number: 5 }));
    expect(recorded).toEqual([ownBy(BRIDGE_USER), ownBy(BRIDGE_USER)]);
  });

  test("the account is not looked up if nothing is to be written", async () => {
    await bench().run(buildEntry());
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect([versions(), recorded.length]).toEqual([2, 1]);
  });

  test("the next process looks up the account again", async () => {
    await bench().run(buildEntry({ number: 1 }));
    await bench().run(buildEntry({ number: 2 }));
    expect(recorded).toHaveLength(2);
  });

  test("the recorded account is that of the current credential", async () => {
    const withCredential = (bearer: string) =>
      bench({ target: { credential: { bearer: "env:OWN" } }, environment: { OWN: bearer } });
    await withCredential(sandbox.credentials.bearer).run(buildEntry({ number: 1 }));
    await withCredential(sandbox.credentials.personsBearer).run(buildEntry({ number: 2 }));
    expect(recorded).toEqual([ownBy(BRIDGE_USER), ownBy(ROBIN)]);
  });

  test.each([500, 429, 408, "none"] as const)(
    "the account is looked up again in the next attempt after the response %s, and nothing is written until then",
    async (status) => {
      const { run } = bench();
      sandbox.failNext({ on: "user", status });
      await expect(run(buildEntry())).resolves.toMatchObject({
        outcome: "retry",
        summary: expect.stringMatching(
          /^page 98310: nothing was written, because the account that writes is unknown: /,
        ),
      });
      expect([versions(), recorded.length]).toEqual([1, 0]);
      clock.advance(60_000);
      await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
      expect([versions(), recorded.length]).toEqual([2, 1]);
    },
  );

  test("the outcome names the scope that the credential lacks", async () => {
    const headers = { "x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK" };
    sandbox.failNext({ on: "user", status: 401, headers });
    await expect(bench().run(buildEntry())).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringContaining("it needs read:confluence-user or read:content-details:confluence"),
    });
    expect(versions()).toBe(1);
  });

  test("nothing is written with an anonymous credential, because edits without an author cannot be recognised", async () => {
    sandbox.failNext({ on: "user", status: 200, body: '{"type":"anonymous","displayName":"Anonymous"}' });
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    expect(versions()).toBe(1);
  });

  test("nothing is written while the account cannot be recorded", async () => {
    const down = async () => {
      throw new Fault("store_unavailable", "the table did not answer", { retryable: true });
    };
    await expect(bench({ ownAccounts: { record: down } }).run(buildEntry())).resolves.toMatchObject({
      outcome: "retry",
    });
    expect(versions()).toBe(1);
  });
});
