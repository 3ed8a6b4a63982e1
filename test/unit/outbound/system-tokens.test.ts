import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { laterBy, toSeconds } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { SystemTokens, type TokenEncryption, WRITE_INTERVAL_MS } from "../../../shared/outbound/system-tokens.ts";
import type { StoredTokenStore } from "../../../shared/store/stored-tokens.ts";
import { storeWith } from "../../support/memory-stores.ts";
import { secretsOf, silentLog, testClock } from "../../support/test-doubles.ts";

const APP = "ari:cloud:ecosystem::app/1";
const BASE = "https://api.atlassian.com/ex/confluence/5d1e";
const HOUR_MS = 3_600_000;
const KEYS = { OLD: "o".repeat(44), NEW: "n".repeat(44), SHORT: "s".repeat(31) };
const SEALING: TokenEncryption = { sealedBy: { current: "env:OLD" }, apps: [APP] };

/** One copy of the bridge over a store, with its log lines. */
function copyOf(
  stored: Map<string, string>,
  encryptions: Readonly<Record<string, TokenEncryption>> = { wiki: SEALING },
) {
  const clock = testClock();
  const lines: LogFields[] = [];
  const writes: string[] = [];
  const ends = new Map<string, number>();
  const storedTokens = storeWith<StoredTokenStore>({
    async keep(source, sealed, until) {
      writes.push(source);
      stored.set(source, sealed);
      ends.set(source, until);
    },
    find: async (source) => stored.get(source),
  });
  const tokens = new SystemTokens({
    storedTokens,
    clock,
    secrets: secretsOf(KEYS),
    encryptions: new Map(Object.entries(encryptions)),
    log: { ...silentLog, warn: (fields) => void lines.push(fields) },
  });
  const arrive = (token: string, changes: object = {}) =>
    tokens.keep({
      source: "wiki",
      app: APP,
      base: BASE,
      token: new Secret(token),
      receivedAt: clock.now(),
      ...changes,
    });
  return { tokens, clock, lines, writes, ends, storedTokens, arrive };
}

const NONE = { code: "token_unavailable", retryable: true };

describe("a system token that arrives with a delivery", () => {
  it("a system token is stored encrypted for two hours, and decrypted for a call", async () => {
    const stored = new Map<string, string>();
    const { tokens, clock, ends, arrive } = copyOf(stored);
    await arrive("token-1");
    expect(stored.get("wiki")).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(stored.get("wiki")).not.toContain("token-1");
    expect(ends.get("wiki")).toBe(toSeconds(laterBy(clock.now(), 2 * HOUR_MS)));
    const opened = await tokens.tokenFor("wiki");
    expect([opened.token.reveal(), opened.base]).toEqual(["token-1", BASE]);
    clock.advance(2 * HOUR_MS - 61_000);
    expect((await tokens.tokenFor("wiki")).token.reveal()).toBe("token-1");
    clock.advance(1_000);
    await expect(tokens.tokenFor("wiki")).rejects.toMatchObject(NONE);
  });

  it("any system token is returned letter by letter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 300 }), async (token) => {
        const { tokens, arrive } = copyOf(new Map());
        await arrive(token);
        expect((await tokens.tokenFor("wiki")).token.reveal()).toBe(token);
      }),
      { numRuns: 30 },
    );
  });

  it("a system token is written at most every half hour by each copy, and never for a source that stores none", async () => {
    const { clock, writes, arrive } = copyOf(new Map(), { wiki: SEALING, other: SEALING });
    await Promise.all([arrive("a"), arrive("b")]);
    clock.advance(WRITE_INTERVAL_MS - 1);
    await arrive("c");
    await arrive("d", { source: "other" });
    await arrive("e", { source: "unknown" });
    expect(writes).toEqual(["wiki", "other"]);
    clock.advance(1);
    await arrive("f");
    expect(writes).toEqual(["wiki", "other", "wiki"]);
  });

  it("a system token that cannot be stored fails nothing, is logged without its text, and the next one is written", async () => {
    const { storedTokens, lines, writes, tokens, arrive } = copyOf(new Map());
    const { keep } = storedTokens;
    storedTokens.keep = () => Promise.reject(new Fault("store_unavailable", "down", { retryable: true }));
    await arrive("token-1");
    expect(lines).toEqual([{ source: "wiki", error: "store_unavailable" }]);
    storedTokens.keep = keep;
    await arrive("token-2");
    expect(writes).toEqual(["wiki"]);
    expect((await tokens.tokenFor("wiki")).token.reveal()).toBe("token-2");
  });

  it("a system token is not encrypted with a key that could be guessed", async () => {
    const { lines, writes, arrive } = copyOf(new Map(), {
      wiki: { ...SEALING, sealedBy: { current: "env:SHORT" } },
    });
    await arrive("token-1");
    expect([lines, writes]).toEqual([[{ source: "wiki", error: "configuration_invalid" }], []]);
  });
});

describe("a missing system token", () => {
  it.each<[string, Readonly<Record<string, TokenEncryption>>, string]>([
    ["if none arrived", { other: SEALING }, "other"],
    ["if the source stores none", { wiki: SEALING }, "unknown"],
    ["for another source, although the same key decrypts it", { copy: SEALING }, "copy"],
    ["for another app", { wiki: { ...SEALING, apps: ["ari:cloud:ecosystem::app/2"] } }, "wiki"],
    ["under another key", { wiki: { ...SEALING, sealedBy: { current: "env:NEW" } } }, "wiki"],
  ])("no token is returned %s", async (_, encryptions, source) => {
    const stored = new Map<string, string>();
    await copyOf(stored).arrive("token-1");
    stored.set("copy", stored.get("wiki") ?? "");
    await expect(copyOf(stored, encryptions).tokens.tokenFor(source)).rejects.toMatchObject(NONE);
  });

  it("no token is returned if a character of the encrypted text was changed", async () => {
    const stored = new Map<string, string>();
    const { tokens, arrive } = copyOf(stored);
    await arrive("token-1");
    const sealed = stored.get("wiki") ?? "";
    for (const at of [3, sealed.length - 5, Math.floor(sealed.length / 2)]) {
      stored.set("wiki", `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`);
      await expect(tokens.tokenFor("wiki")).rejects.toMatchObject(NONE);
    }
  });
});

it("a token encrypted with the old key is decrypted while the new key encrypts", async () => {
  const stored = new Map<string, string>();
  await copyOf(stored).arrive("token-1");
  const rotated = { ...SEALING, sealedBy: { current: "env:NEW", next: "env:OLD" } };
  expect((await copyOf(stored, { wiki: rotated }).tokens.tokenFor("wiki")).token.reveal()).toBe("token-1");
});
