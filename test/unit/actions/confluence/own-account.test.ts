import { describe, expect, it } from "vitest";
import { OwnAccount } from "../../../../shared/actions/confluence/own-account.ts";
import { testClock } from "../../../support/test-doubles.ts";

function accountOfSite() {
  const recorded: string[] = [];
  const ownAccounts = { record: async ({ account }: { readonly account: string }) => void recorded.push(account) };
  const clock = testClock();
  const own = new OwnAccount("https://wiki.example.test", { ownAccounts, clock });
  const write = (credential: string) =>
    own.recordBeforeWrite(credential, async () => ({ ok: true, value: `owner of ${credential}` }));
  return { clock, recorded, write };
}

describe("the account of a target", () => {
  it("the account is recorded once for many writes with one credential", async () => {
    const { recorded, write } = accountOfSite();
    for (let writes = 0; writes < 3; writes++) expect(await write("one")).toBeUndefined();
    expect(recorded).toEqual(["owner of one"]);
  });

  it("the account is recorded again after an hour on either clock", async () => {
    const { clock, recorded, write } = accountOfSite();
    await write("one");
    clock.set(-3_600_000);
    clock.advance(3_599_000);
    await write("one");
    expect(recorded).toHaveLength(1);
    clock.advance(1_000);
    await write("one");
    expect(recorded).toHaveLength(2);
    clock.set(86_400_000);
    await write("one");
    expect(recorded).toHaveLength(3);
  });

  it("the account is recorded again before the first write with a credential that replaced another", async () => {
    const { recorded, write } = accountOfSite();
    for (const credential of ["one", "two", "two", "one"]) await write(credential);
    expect(recorded).toEqual(["owner of one", "owner of two", "owner of one"]);
  });
});
