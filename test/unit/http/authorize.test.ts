import { beforeEach, describe, expect, it } from "vitest";
import { toSeconds } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { Authorizer } from "../../../shared/http/authorize.ts";
import type { Rejection } from "../../../shared/model/rejection.ts";
import { ok, reject } from "../../../shared/model/result.ts";
import { decidingApi, verifiedJob } from "../../support/deciding-api.ts";
import { type TestClock, testClock } from "../../support/test-doubles.ts";

let clock: TestClock;
let verified: number;
let minted: number;
let exchanges: number;
let ended: boolean;
let endedAsked: number;
let rejection: Rejection | undefined;
let claims: Record<string, unknown>;
let authorizer: Authorizer;

beforeEach(() => {
  clock = testClock();
  [verified, minted, exchanges, endedAsked] = [0, 0, 0, 0];
  [ended, rejection] = [false, undefined];
  claims = { iat: toSeconds(clock.now()), exp: toSeconds(clock.now()) + 3_600 };
  authorizer = new Authorizer(api());
});

const api = () =>
  decidingApi({
    clock,
    tokens: {
      verify: async () => {
        verified += 1;
        return rejection ? reject(rejection) : ok(verifiedJob(claims));
      },
    },
    issuer: {
      issuer: "https://bridge.example.test",
      keySet: async () => ({ keys: [] }),
      mintAccessToken: async (_, now) => {
        minted += 1;
        return { token: new Secret(`token-${minted}`), expiresAt: now };
      },
    },
    endedRuns: {
      hasEndedSince: async () => {
        endedAsked += 1;
        return ended;
      },
    },
    auditLog: {
      record: async () => {
        exchanges += 1;
      },
    },
  });

async function ask({ token = "a.b.c", scheme = "Bearer" } = {}) {
  const headers = new Headers({ authorization: `${scheme} ${token}` });
  const request = {
    method: "GET",
    url: new URL("https://b.test/"),
    headers,
    body: new Uint8Array(),
    receivedAt: clock.now(),
    requestId: "r",
  };
  const decided = await authorizer.decide("registry", ok({ method: "GET", target: "/a", headers }), request as never);
  return decided.ok ? `allowed with ${decided.value.caller?.token.reveal()}` : decided.rejection.reason;
}

describe("a decision about a token that was seen before", () => {
  it("it verifies once a minute, asks for the end of the run every five seconds, and makes one token", async () => {
    for (let time = 0; time < 3; time++) expect(await ask()).toBe("allowed with token-1");
    expect({ verified, endedAsked, minted, exchanges }).toEqual({
      verified: 1,
      endedAsked: 1,
      minted: 1,
      exchanges: 1,
    });
    clock.advance(5_000);
    await ask();
    expect({ verified, endedAsked }).toEqual({ verified: 1, endedAsked: 2 });
    clock.advance(55_000);
    await ask();
    expect({ verified, minted }).toEqual({ verified: 2, minted: 1 });
    // Half of its five minutes are over.
    clock.advance(90_000);
    expect(await ask()).toBe("allowed with token-2");
    expect({ minted, exchanges }).toEqual({ minted: 2, exchanges: 2 });
  });

  it("another token is verified by itself", async () => {
    await ask();
    await ask({ token: "d.e.f" });
    expect(verified).toBe(2);
  });

  it("it is refused once its run has ended, five seconds later at most, and stays refused", async () => {
    await ask();
    ended = true;
    expect(await ask()).toBe("allowed with token-1");
    clock.advance(5_000);
    for (let time = 0; time < 2; time++) expect(await ask()).toBe("run_ended");
  });

  it("it is refused a minute after its issuer withdrew the key", async () => {
    await ask();
    rejection = { reason: "key_unknown" };
    clock.advance(59_999);
    expect(await ask()).toBe("allowed with token-1");
    clock.advance(1);
    expect(await ask()).toBe("key_unknown");
  });

  it("it is refused when it has expired, also if the verifier is patient with clocks", async () => {
    claims["exp"] = toSeconds(clock.now()) + 10;
    expect(await ask()).toBe("allowed with token-1");
    clock.advance(10_000);
    expect(await ask()).toBe("token_expired");
    expect(verified).toBe(2);
  });

  it("a clock that is set back asks for the end of the run again", async () => {
    await ask();
    clock.advance(-3_600_000);
    ended = true;
    expect(await ask()).toBe("run_ended");
    expect(verified).toBe(2);
  });

  it("a token that is bound to something is verified each time", async () => {
    for (let time = 0; time < 2; time++) await ask({ scheme: "DPoP" });
    claims["cnf"] = { "x5t#S256": "abc" };
    for (let time = 0; time < 2; time++) await ask();
    expect(verified).toBe(4);
  });

  it("a refusal is not remembered", async () => {
    rejection = { reason: "key_unknown" };
    expect(await ask()).toBe("key_unknown");
    rejection = undefined;
    expect(await ask()).toBe("allowed with token-1");
  });

  it("nothing passes while the store does not answer, and nothing is remembered of that", async () => {
    authorizer = new Authorizer({
      ...api(),
      endedRuns: {
        hasEndedSince: async () => {
          throw new Fault("store_unavailable", "no answer", { retryable: true });
        },
      },
    });
    for (let time = 0; time < 2; time++) await expect(ask()).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
