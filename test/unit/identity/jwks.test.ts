import { describe, expect, it } from "vitest";
import { Fault } from "../../../shared/host/fault.ts";
import { Jwks } from "../../../shared/identity/jwks.ts";
import type { PublicKeySet } from "../../../shared/identity/public-key-set.ts";
import { type TestClock, testClock } from "../../support/test-doubles.ts";
import { keySetOf, type SigningKey, signingKey } from "./tokens.ts";

const MINUTE = 60_000;
const first = signingKey("first");
const second = signingKey("second");
const header = (kid: string) => ({ alg: "ES256", kid });

/** An issuer that publishes `keys`, or fails while there are none; counts how often it is asked. */
function issuer(keys?: readonly SigningKey[]) {
  const state = { keys, asked: 0, clock: testClock() };
  const load = async (): Promise<PublicKeySet> => {
    state.asked += 1;
    if (!state.keys) throw new Fault("target_unreachable", "issuer.example.test: no connection", { retryable: true });
    return keySetOf(...state.keys);
  };
  return Object.assign(state, { set: new Jwks("ci", load, state.clock) });
}

interface PromiseWithResolve {
  readonly resolve: (keys: PublicKeySet) => void;
}

/** Resolves once all work that waits for no input or output is done. */
const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Asks `times` times with pauses, and returns how often the issuer was asked meanwhile. */
async function askedDuring(of: { asked: number; clock: TestClock; set: Jwks }, times: number, pauseMs: number) {
  const before = of.asked;
  for (let time = 0; time < times; time++) {
    await of.set.find(header("missing")).catch(() => undefined);
    of.clock.advance(pauseMs);
  }
  return of.asked - before;
}

describe("Jwks", () => {
  it("Jwks is failing after a load that failed, until one succeeds, or nobody has needed the keys for ten minutes", async () => {
    const one = issuer();
    expect(one.set.isFailing).toBe(false);
    await expect(one.set.find(header("first"))).rejects.toThrow("cannot be loaded");
    expect(one.set.isFailing).toBe(true);
    one.clock.advance(10 * MINUTE);
    expect(one.set.isFailing).toBe(false);
    await expect(one.set.find(header("first"))).rejects.toThrow("cannot be loaded");
    one.clock.advance(MINUTE);
    expect(one.set.isFailing).toBe(true);
    one.keys = [first];
    await one.set.find(header("first"));
    expect(one.set.isFailing).toBe(false);
  });

  it("Jwks fetches once for many tokens at once, and not again while the keys are fresh", async () => {
    const one = issuer([first, second]);
    await Promise.all(Array.from({ length: 20 }, () => one.set.find(header("first"))));
    one.clock.advance(9 * MINUTE);
    await one.set.find(header("second"));
    expect(one.asked).toBe(1);
  });

  it("Jwks serves the cached keys while it loads newer ones in the background, however long that takes", async () => {
    const clock = testClock();
    const asked: PromiseWithResolve[] = [];
    const load = () => new Promise<PublicKeySet>((resolve) => asked.push({ resolve }));
    const set = new Jwks("ci", load, clock);
    const found = set.find(header("first"));
    asked[0]?.resolve(keySetOf(first));
    await found;
    clock.advance(10 * MINUTE);
    for (let time = 0; time < 3; time++) await set.find(header("first"));
    expect(asked).toHaveLength(2);
    asked[1]?.resolve(keySetOf(second));
    await settled();
    await expect(set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
    expect(asked).toHaveLength(2);
  });

  it("Jwks waits for new keys if the cached ones are over an hour old", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = [second];
    one.clock.advance(60 * MINUTE);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });

  it("Jwks rejects a removed key after an hour, even if the clock was set back by an hour meanwhile", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = undefined;
    one.clock.set(-60 * MINUTE);
    one.clock.advance(59 * MINUTE);
    await one.set.find(header("first"));
    one.clock.advance(MINUTE);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "keys_unavailable" });
  });

  it("Jwks loads the keys again if the clock was set forward by an hour", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = [second];
    one.clock.set(60 * MINUTE);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });

  it("Jwks pauses no longer after a failure if the clock is set back by an hour", async () => {
    const one = issuer();
    await one.set.find(header("first")).catch(() => undefined);
    one.keys = [first];
    one.clock.set(-60 * MINUTE);
    one.clock.advance(5_000);
    await one.set.find(header("first"));
    expect(one.asked).toBe(2);
  });

  it("Jwks finds a new key after a rotation, and rejects the removed one once the set is old", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = [second];
    one.clock.advance(30_000);
    await one.set.find(header("second"));
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
    expect(one.asked).toBe(2);
  });

  it("Jwks fetches at most once in 30 seconds for unknown keys", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    expect(await askedDuring(one, 1000, 60)).toBe(1);
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => one.set.find(header(`made-up-${n}`)).catch(() => undefined)),
    );
    expect(one.asked).toBe(3);
  });

  it("Jwks pauses 5, 10, 20, 40, then 60 seconds after failures", async () => {
    const one = issuer();
    const askedAt: number[] = [];
    for (let second = 0; second < 260; second++) {
      if ((await askedDuring(one, 1, 1000)) > 0) askedAt.push(second);
    }
    expect(askedAt).toEqual([0, 5, 15, 35, 75, 135, 195, 255]);
  });

  it("Jwks reports how long to wait while an issuer fails", async () => {
    const one = issuer();
    await one.set.find(header("first")).catch(() => undefined);
    one.clock.advance(1_500);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({
      code: "keys_unavailable",
      retryable: true,
      retryAfterSeconds: 4,
    });
  });

  it("Jwks serves good keys for an hour while the issuer fails, and no longer", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = undefined;
    one.clock.advance(59 * MINUTE);
    await one.set.find(header("first"));
    one.clock.advance(MINUTE);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "keys_unavailable" });
  });

  it("Jwks reports a fault for an unknown key while the issuer fails", async () => {
    const one = issuer([first]);
    await one.set.find(header("first"));
    one.keys = undefined;
    one.clock.advance(MINUTE);
    await expect(one.set.find(header("second"))).rejects.toMatchObject({ code: "keys_unavailable" });
  });

  it("Jwks recovers with the first good response, and starts its pauses over", async () => {
    const one = issuer();
    await askedDuring(one, 3, 20_000);
    one.keys = [first];
    one.clock.advance(MINUTE);
    await one.set.find(header("first"));
    one.keys = undefined;
    one.clock.advance(61 * MINUTE);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ retryAfterSeconds: 5 });
  });

  it("Jwks returns a cached key only for its exact key id and algorithm, and drops it with its set", async () => {
    const one = issuer([first, second]);
    const found = await one.set.find(header("first"));
    expect(await one.set.find(header("first"))).toBe(found);
    expect(await one.set.find(header("second"))).not.toBe(found);
    await expect(one.set.find({ alg: "ES256" })).rejects.toMatchObject({ code: "ERR_JWKS_MULTIPLE_MATCHING_KEYS" });
    await expect(one.set.find({ alg: "ES384", kid: "first" })).rejects.toMatchObject({
      code: "ERR_JWKS_NO_MATCHING_KEY",
    });
    one.keys = [second];
    one.clock.advance(10 * MINUTE);
    await one.set.find(header("first"));
    await settled();
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  });

  it("Jwks rejects a key id that two keys share", async () => {
    const one = issuer([first, signingKey("first")]);
    await expect(one.set.find(header("first"))).rejects.toMatchObject({ code: "ERR_JWKS_MULTIPLE_MATCHING_KEYS" });
  });

  it("Jwks accepts a token without a key id if one key fits", async () => {
    await expect(issuer([first]).set.find({ alg: "ES256" })).resolves.toBeDefined();
  });

  it("Jwks reports a key that cannot be read as the issuer's fault", async () => {
    const broken: SigningKey = { ...first, jwk: { ...first.jwk, x: "AA" } };
    await expect(issuer([broken]).set.find(header("first"))).rejects.toMatchObject({ code: "keys_unavailable" });
  });
});
