import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { confluenceSettings } from "../../../../shared/providers/confluence/settings.ts";

const accepts = (account: string): boolean =>
  v.is(confluenceSettings, {
    site: "https://wiki.example.com",
    hubSignature: { current: "env:WIKI" },
    ownAccounts: [account],
  });

describe("an account whose edits are ignored", () => {
  it.each([
    ["a user key", "8a7f808a8f0d1c6e018f0d1f5c2a0001"],
    ["an account id", "712020:0f6b9c3e-52d7-4c8e-9a41-3d6f0e8b7a10"],
    ["an account id of an older account", "557058:7c1d2e3f-8a9b-4c0d-b1e2-f3a4b5c6d7e8"],
    ["an account id without a colon", "5b10a2844c20165700ede21g"],
  ])("an ignored account can be %s", (_, account) => {
    expect(accepts(account)).toBe(true);
  });

  it.each([
    ["a user's name", "drawbridge"],
    ["a long user's name", "drawbridge-status-writer"],
    ["a user's name of 24 letters", "drawbridgestatuswriteraa"],
    ["an e-mail address", "drawbridge@example.com"],
    ["a user key that was cut", "ff8080815f2c"],
    ["a user key in upper case, which no event has", "8A7F808A8F0D1C6E018F0D1F5C2A0001"],
    ["a user key with a space", "8a7f808a8f0d1c6e018f0d1f5c2a0001 "],
    ["an empty text", ""],
  ])("an ignored account cannot be %s", (_, account) => {
    expect(accepts(account)).toBe(false);
  });
});
