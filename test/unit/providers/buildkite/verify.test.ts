import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { buildkite } from "../../../../shared/providers/buildkite/index.ts";
import { connectFixtureSource, requestOf } from "../../../support/provider-fixtures.ts";
import { testClock } from "../../../support/test-doubles.ts";

const environment = { SIGN: "token-of-today", SIGN_NEXT: "token-of-tomorrow", TOKEN: "token-in-clear" };
const signature = { current: "env:SIGN", next: "env:SIGN_NEXT" };
const token = { current: "env:TOKEN" };
const url = new URL("https://bridge.example.test/webhooks/ci");
const body = Buffer.from('{"event":"ping"}');
const now = Math.floor(testClock().now() / 1000);

const hex = (timestamp: string, bytes: Buffer = body, secret = environment.SIGN) =>
  createHmac("sha256", secret).update(`${timestamp}.`).update(bytes).digest("hex");

async function outcomeOf(settings: object, headers: Record<string, string>, bytes: Buffer = body) {
  const source = connectFixtureSource(buildkite, { settings, environment });
  const proof = await source.authenticate(requestOf({ url, body: bytes }, new Headers(headers)));
  if (!proof.ok) return proof.rejection.reason;
  return `${proof.value.principal.method} ${proof.value.principal.credential}`;
}

const signed = (header: string) => outcomeOf({ signature }, { "x-buildkite-signature": header });

describe("a source's settings", () => {
  it("settings without any token are rejected: no setting accepts everything", () =>
    expect(() => connectFixtureSource(buildkite, { settings: {}, environment })).toThrow());
});

describe("a signature", () => {
  const good = hex(String(now));

  it.each([
    ["as documented", `timestamp=${now},signature=${good}`],
    ["in the other order", `signature=${good},timestamp=${now}`],
    ["with spaces around", ` timestamp=${now} , signature=${good} `],
  ])("a signature %s proves the source", async (_, header) =>
    expect(await signed(header)).toBe("hmac-signature current"),
  );

  it("a signature by the next token proves the source too", async () => {
    const next = hex(String(now), body, environment.SIGN_NEXT);
    expect(await signed(`timestamp=${now},signature=${next}`)).toBe("hmac-signature next");
  });

  it.each([
    ["nothing in it", ""],
    ["no timestamp", `signature=${good}`],
    ["no signature", `timestamp=${now}`],
    ["a third part", `timestamp=${now},signature=${good},version=1`],
    ["two timestamps", `timestamp=${now},timestamp=${now}`],
    ["two signatures", `timestamp=${now},signature=${good},signature=${good}`],
    ["itself twice", `timestamp=${now},signature=${good}, timestamp=${now},signature=${good}`],
    ["an empty part", `timestamp=${now},signature=${good},`],
    ["another separator", `timestamp=${now};signature=${good}`],
    ["upper case", `timestamp=${now},signature=${good.toUpperCase()}`],
    ["a signature that is cut", `timestamp=${now},signature=${good.slice(2)}`],
    ["a prefix", `timestamp=${now},signature=sha256=${good}`],
    ["a time that is not a number", `timestamp=now,signature=${good}`],
    ["a negative time", `timestamp=-${now},signature=${good}`],
    ["a time with an exponent", `timestamp=1e9,signature=${good}`],
    ["names in upper case", `Timestamp=${now},Signature=${good}`],
  ])("a signature header with %s is malformed", async (_, header) =>
    expect(await signed(header)).toBe("credential_malformed"),
  );

  it("a signature covers its timestamp", async () =>
    expect(await signed(`timestamp=${now + 1},signature=${good}`)).toBe("signature_mismatch"));

  it("the token of a signature is used as text and is not decoded", async () => {
    const decoded = createHmac("sha256", Buffer.from(environment.SIGN, "base64")).update(`${now}.`).update(body);
    expect(await signed(`timestamp=${now},signature=${decoded.digest("hex")}`)).toBe("signature_mismatch");
  });

  it.each([
    [-300, "hmac-signature current"],
    [300, "hmac-signature current"],
    [-301, "timestamp_outside_window"],
    [301, "timestamp_outside_window"],
  ])("a signature made %i seconds from now gives %s", async (seconds, expected) => {
    const time = String(now + seconds);
    expect(await signed(`timestamp=${time},signature=${hex(time)}`)).toBe(expected);
  });

  it("a wrong signature never falls back to the token", async () => {
    for (const header of ["", `timestamp=${now},signature=${"0".repeat(64)}`]) {
      const headers = { "x-buildkite-signature": header, "x-buildkite-token": environment.TOKEN };
      expect(await outcomeOf({ signature, token }, headers)).toMatch(/credential_malformed|signature_mismatch/);
    }
  });

  it("a signature is rejected if the source has no token to check it with", async () => {
    const headers = {
      "x-buildkite-signature": `timestamp=${now},signature=${good}`,
      "x-buildkite-token": environment.TOKEN,
    };
    expect(await outcomeOf({ token }, headers)).toBe("signature_unverifiable");
  });

  it("a missing signature is a missing credential unless a token is configured", async () => {
    expect(await outcomeOf({ signature }, { "x-buildkite-token": environment.SIGN })).toBe("credential_missing");
    expect(await outcomeOf({ signature, token }, { "x-buildkite-token": environment.TOKEN })).toBe("token current");
  });

  it("a signature is rejected over a body that was parsed and written again", async () => {
    const spaced = Buffer.from('{ "event": "ping" }');
    const headers = { "x-buildkite-signature": `timestamp=${now},signature=${hex(String(now), spaced)}` };
    expect(await outcomeOf({ signature }, headers, spaced)).toBe("hmac-signature current");
    expect(await outcomeOf({ signature }, headers, Buffer.from(JSON.stringify(JSON.parse(`${spaced}`))))).toBe(
      "signature_mismatch",
    );
  });
});

describe("a token", () => {
  it.each([
    [environment.TOKEN, "token current"],
    ["another", "secret_mismatch"],
    [`${environment.TOKEN}, ${environment.TOKEN}`, "secret_mismatch"],
    ["", "secret_mismatch"],
  ])("the token %j gives %s", async (value, expected) =>
    expect(await outcomeOf({ token }, { "x-buildkite-token": value })).toBe(expected),
  );

  it("`sign` sends the token if no signature is configured", async () => {
    const source = connectFixtureSource(buildkite, { settings: { token }, environment });
    const headers = await source.sign?.({ url, headers: new Headers(), body });
    expect([...(headers ?? [])]).toEqual([["x-buildkite-token", environment.TOKEN]]);
  });
});
