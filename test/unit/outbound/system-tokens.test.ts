import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { laterBy, toSeconds } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { SystemTokens, type TokenEncryption, WRITE_INTERVAL_MS } from "../../../shared/outbound/system-tokens.ts";
import type { StoredTokenStore } from "../../../shared/store/stored-tokens.ts";
import { secretsOf, silentLog, testClock } from "../../support/test-doubles.ts";

const APP = "ari:cloud:ecosystem::app/1";
const BASE = "https://api.atlassian.com/ex/confluence/5d1e";
const HOUR_MS = 3_600_000;
const KEYS = { OLD: "o".repeat(44), NEW: "n".repeat(44), SHORT: "s".repeat(31) };
const SEALING: TokenEncryption = { sealedBy: { current: "env:OLD" }, apps: [APP] };

/** One copy of the bridge over a store, with what it tells its log. */
function copyOf(kept: Map<string, string>, encryptions: Readonly<Record<string, TokenEncryption>> = { wiki: SEALING }) {
  const clock = testClock();
  const lines: LogFields[] = [];
  const writes: string[] = [];
  const ends = new Map<string, number>();
  const storedTokens: StoredTokenStore = {
    async keep(source, sealed, until) {
      writes.push(source);
      kept.set(source, sealed);
      ends.set(source, until);
    },
    find: async (source) => kept.get(source),
  };
  const tokens = new SystemTokens({
    ...{ storedTokens, clock, secrets: secretsOf(KEYS), encryptions: new Map(Object.entries(encryptions)) },
    log: { ...silentLog, warn: (fields) => void lines.push(fields) },
  });
  const come = (token: string, changes: object = {}) =>
    tokens.keep({
      source: "wiki",
      app: APP,
      base: BASE,
      token: new Secret(token),
      receivedAt: clock.now(),
      ...changes,
    });
  return { tokens, clock, lines, writes, ends, storedTokens, come };
}

const NONE = { code: "token_unavailable", retryable: true };

describe("a system token that came along", () => {
  it("is kept sealed for two hours, and opened for a call", async () => {
    const kept = new Map<string, string>();
    const { tokens, clock, ends, come } = copyOf(kept);
    await come("token-1");
    expect(kept.get("wiki")).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(kept.get("wiki")).not.toContain("token-1");
    expect(ends.get("wiki")).toBe(toSeconds(laterBy(clock.now(), 2 * HOUR_MS)));
    const opened = await tokens.tokenFor("wiki");
    expect([opened.token.reveal(), opened.base]).toEqual(["token-1", BASE]);
    clock.advance(2 * HOUR_MS - 61_000);
    expect((await tokens.tokenFor("wiki")).token.reveal()).toBe("token-1");
    clock.advance(1_000);
    await expect(tokens.tokenFor("wiki")).rejects.toMatchObject(NONE);
  });

  it("is whatever it is, letter by letter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 300 }), async (token) => {
        const { tokens, come } = copyOf(new Map());
        await come(token);
        expect((await tokens.tokenFor("wiki")).token.reveal()).toBe(token);
      }),
      { numRuns: 30 },
    );
  });

  it("is written every half hour at most by each copy, and by none for a source that keeps none", async () => {
    const { clock, writes, come } = copyOf(new Map(), { wiki: SEALING, other: SEALING });
    await Promise.all([come("a"), come("b")]);
    clock.advance(WRITE_INTERVAL_MS - 1);
    await come("c");
    await come("d", { source: "other" });
    await come("e", { source: "unknown" });
    expect(writes).toEqual(["wiki", "other"]);
    clock.advance(1);
    await come("f");
    expect(writes).toEqual(["wiki", "other", "wiki"]);
  });

  it("that cannot be kept fails nothing, is told in the log without itself, and the next one is written", async () => {
    const { storedTokens, lines, writes, tokens, come } = copyOf(new Map());
    const { keep } = storedTokens;
    storedTokens.keep = () => Promise.reject(new Fault("store_unavailable", "down", { retryable: true }));
    await come("token-1");
    expect(lines).toEqual([{ source: "wiki", error: "store_unavailable" }]);
    storedTokens.keep = keep;
    await come("token-2");
    expect(writes).toEqual(["wiki"]);
    expect((await tokens.tokenFor("wiki")).token.reveal()).toBe("token-2");
  });

  it("is not sealed by what could be guessed", async () => {
    const { lines, writes, come } = copyOf(new Map(), {
      wiki: { ...SEALING, sealedBy: { current: "env:SHORT" } },
    });
    await come("token-1");
    expect([lines, writes]).toEqual([[{ source: "wiki", error: "configuration_invalid" }], []]);
  });
});

describe("a token is not there", () => {
  it.each<[string, Readonly<Record<string, TokenEncryption>>, string]>([
    ["where none came", { other: SEALING }, "other"],
    ["where the source keeps none", { wiki: SEALING }, "unknown"],
    ["for another source, although the same key opens it", { copy: SEALING }, "copy"],
    ["for another app", { wiki: { ...SEALING, apps: ["ari:cloud:ecosystem::app/2"] } }, "wiki"],
    ["under another key", { wiki: { ...SEALING, sealedBy: { current: "env:NEW" } } }, "wiki"],
  ])("%s", async (_, encryptions, source) => {
    const kept = new Map<string, string>();
    await copyOf(kept).come("token-1");
    kept.set("copy", kept.get("wiki") ?? "");
    await expect(copyOf(kept, encryptions).tokens.tokenFor(source)).rejects.toMatchObject(NONE);
  });

  it("where a letter of what is sealed was changed", async () => {
    const kept = new Map<string, string>();
    const { tokens, come } = copyOf(kept);
    await come("token-1");
    const sealed = kept.get("wiki") ?? "";
    for (const at of [3, sealed.length - 5, Math.floor(sealed.length / 2)]) {
      kept.set("wiki", `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`);
      await expect(tokens.tokenFor("wiki")).rejects.toMatchObject(NONE);
    }
  });
});

it("a token sealed by the old key is opened while the new one seals", async () => {
  const kept = new Map<string, string>();
  await copyOf(kept).come("token-1");
  const rotated = { ...SEALING, sealedBy: { current: "env:NEW", next: "env:OLD" } };
  expect((await copyOf(kept, { wiki: rotated }).tokens.tokenFor("wiki")).token.reveal()).toBe("token-1");
});
