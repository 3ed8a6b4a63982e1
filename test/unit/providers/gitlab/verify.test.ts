import { describe, expect, it } from "vitest";
import type { ReceivedRequest } from "../../../../shared/model/request.ts";
import { gitlab } from "../../../../shared/providers/gitlab/index.ts";
import { connectFixtureSource, requestOf, withoutCredentials } from "../../../support/provider-fixtures.ts";
import { testClock } from "../../../support/test-doubles.ts";

const tokenOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
const environment = {
  SIGNING: tokenOf(1),
  SIGNING_NEXT: tokenOf(2),
  TOKEN: "secret-token-of-today",
  TOKEN_NEXT: "secret-token-of-tomorrow",
  MALFORMED: "not-a-signing-token",
};
const signingToken = { current: "env:SIGNING", next: "env:SIGNING_NEXT" };
const token = { current: "env:TOKEN", next: "env:TOKEN_NEXT" };
const body = Buffer.from('{"object_kind":"push"}');
const url = new URL("https://bridge.example.test/webhooks/code");

const sourceWith = (settings: object, { laterByMs = 0 } = {}) => {
  const clock = testClock();
  clock.advance(laterByMs);
  return connectFixtureSource(gitlab, { settings, environment }, clock);
};

/** The headers of a signed request, with some of them changed or, if null, left out. */
async function signedHeaders(changes: Record<string, string | null> = {}, signer = sourceWith({ signingToken })) {
  const headers = (await signer.sign?.({ url, headers: new Headers({ "webhook-id": "id-1" }), body })) ?? new Headers();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

async function outcomeOf(settings: object, headers: Headers, changes: Partial<ReceivedRequest> = {}, time = {}) {
  const proof = await sourceWith(settings, time).authenticate({ ...requestOf({ url, body }, headers), ...changes });
  if (!proof.ok) return proof.rejection.reason;
  return `${proof.value.principal.method} ${proof.value.principal.credential}`;
}

describe("a source's settings", () => {
  it("settings without any secret are rejected: no setting accepts everything", () => {
    expect(() => sourceWith({})).toThrow();
    expect(withoutCredentials({ settings: { signingToken, token }, environment })).toEqual({});
  });

  it("settings with a secret in clear are rejected", () =>
    expect(() => sourceWith({ token: { current: "abc" } })).toThrow());
});

describe("a signature", () => {
  it("a signature proves the source", async () => {
    expect(await outcomeOf({ signingToken }, await signedHeaders())).toBe("standard-webhooks current");
  });

  it("a signature by the next token proves the source too", async () => {
    const next = sourceWith({ signingToken: { current: "env:SIGNING_NEXT" } });
    expect(await outcomeOf({ signingToken }, await signedHeaders({}, next))).toBe("standard-webhooks next");
  });

  it("a signature counts instead of the token beside it, while a hook is migrated", async () => {
    const both = { signingToken, token };
    const headers = await signedHeaders({}, sourceWith(both));
    expect(headers.get("x-gitlab-token")).toBe(environment.TOKEN);
    expect(await outcomeOf(both, headers)).toBe("standard-webhooks current");
  });

  it("a wrong signature never falls back to the token", async () => {
    const wrong = `v1,${Buffer.alloc(32).toString("base64")}`;
    for (const [signature, reason] of [
      [wrong, "signature_mismatch"],
      ["", "credential_malformed"],
      ["v1", "credential_malformed"],
    ]) {
      const headers = await signedHeaders({
        "webhook-signature": signature ?? "",
        "x-gitlab-token": environment.TOKEN,
      });
      expect(await outcomeOf({ signingToken, token }, headers)).toBe(reason);
    }
  });

  it("a signature is rejected if the source has no signing token, even with a good token beside it", async () => {
    const headers = await signedHeaders({ "x-gitlab-token": environment.TOKEN });
    expect(await outcomeOf({ token }, headers)).toBe("signature_unverifiable");
  });

  it("a missing signature is a missing credential unless a token is configured", async () => {
    const headers = await signedHeaders({ "webhook-signature": null, "x-gitlab-token": environment.TOKEN });
    expect(await outcomeOf({ signingToken }, headers)).toBe("credential_missing");
    expect(await outcomeOf({ signingToken, token }, headers)).toBe("token current");
  });

  it.each([
    ["webhook-id", null, "credential_missing"],
    ["webhook-id", "", "credential_missing"],
    ["webhook-id", "id-2", "signature_mismatch"],
    ["webhook-id", "id-1, id-1", "signature_mismatch"],
    ["webhook-timestamp", null, "credential_missing"],
    ["webhook-timestamp", "now", "credential_malformed"],
    ["webhook-timestamp", "1e9", "credential_malformed"],
    ["webhook-timestamp", "-1", "credential_malformed"],
    ["webhook-timestamp", "1793610001", "signature_mismatch"],
  ])("a signature with %s %j is rejected", async (name, value, reason) => {
    expect(await outcomeOf({ signingToken }, await signedHeaders({ [name]: value }))).toBe(reason);
  });

  it("a signature is rejected over a body that was parsed and written again", async () => {
    const spaced = Buffer.from('{ "object_kind": "push" }');
    const headers = await sourceWith({ signingToken }).sign?.({ url, headers: new Headers(), body: spaced });
    const rewritten = Buffer.from(JSON.stringify(JSON.parse(spaced.toString())));
    expect(await outcomeOf({ signingToken }, headers ?? new Headers(), { body: spaced })).toBe(
      "standard-webhooks current",
    );
    expect(await outcomeOf({ signingToken }, headers ?? new Headers(), { body: rewritten })).toBe("signature_mismatch");
  });

  it.each([
    [299_000, "standard-webhooks current"],
    [300_000, "standard-webhooks current"],
    [301_000, "timestamp_outside_window"],
    [-300_000, "standard-webhooks current"],
    [-301_000, "timestamp_outside_window"],
  ])("a signature checked %i ms after it was made gives %s", async (laterByMs, expected) => {
    expect(await outcomeOf({ signingToken }, await signedHeaders(), {}, { laterByMs })).toBe(expected);
  });

  it("a malformed signing token is a fault of the bridge and not of the sender", async () => {
    const malformed = { signingToken: { current: "env:SIGNING", next: "env:MALFORMED" } };
    const judged = outcomeOf(malformed, await signedHeaders());
    await expect(judged).rejects.toMatchObject({ code: "secret_unavailable" });
    await expect(judged).rejects.toThrow(/env:MALFORMED/);
    await expect(judged).rejects.not.toThrow(new RegExp(environment.MALFORMED));
  });
});

describe("a secret token", () => {
  it.each([
    [environment.TOKEN, "token current"],
    [environment.TOKEN_NEXT, "token next"],
    ["a-retired-token", "secret_mismatch"],
    [`${environment.TOKEN}, ${environment.TOKEN}`, "secret_mismatch"],
    [environment.TOKEN.toUpperCase(), "secret_mismatch"],
    ["", "secret_mismatch"],
  ])("the secret token %j gives %s", async (value, expected) => {
    expect(await outcomeOf({ token }, new Headers({ "x-gitlab-token": value }))).toBe(expected);
  });

  it("a missing secret token is a missing credential", async () =>
    expect(await outcomeOf({ token }, new Headers())).toBe("credential_missing"));

  it("`sign` sends the secret token if no signing token is configured", async () => {
    const headers = await sourceWith({ token }).sign?.({ url, headers: new Headers(), body });
    expect([...(headers ?? [])]).toEqual([["x-gitlab-token", environment.TOKEN]]);
  });
});
