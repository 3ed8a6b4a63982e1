import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bodySignature, proveByHmac, signByHmac } from "../../../shared/providers/hmac-proof.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

const scheme = bodySignature({ header: "x-hub-signature-256", prefix: "sha256=", method: "hub-signature" });
const secret = { current: "env:NEW", next: "env:NEXT" };
const clock = testClock();
const deps = { secrets: secretsOf({ NEW: "first key", NEXT: "second key" }), clock };
const url = new URL("https://bridge.example.com/webhooks/code");
const body = Buffer.from('{"ref":"refs/heads/main"}');

const signatureWith = (key: string): string => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
const proofOf = (headers: Record<string, string>) =>
  proveByHmac(
    { method: "POST", url, headers: new Headers(headers), body, receivedAt: clock.now(), requestId: "r-1" },
    { source: "code", scheme, secret },
    deps,
  );

describe("a scheme with one header over the body", () => {
  it.each([
    ["current", "first key"],
    ["next", "second key"],
  ])("the %s secret proves the source, and the principal says which secret it was", async (label, key) => {
    const proof = await proofOf({ "x-hub-signature-256": signatureWith(key) });
    expect(proof).toMatchObject({ ok: true, value: { principal: { method: "hub-signature", credential: label } } });
  });

  const good = signatureWith("first key");
  it.each([
    ["no header", {}, "credential_missing"],
    ["another prefix", { "x-hub-signature-256": good.replace("sha256", "sha1") }, "credential_malformed"],
    [
      "a signature in upper case",
      { "x-hub-signature-256": good.replace(/[a-f0-9]{64}$/, (hex) => hex.toUpperCase()) },
      "credential_malformed",
    ],
    ["a cut signature", { "x-hub-signature-256": good.slice(0, -2) }, "credential_malformed"],
    ["the header twice", { "x-hub-signature-256": `${good}, ${good}` }, "credential_malformed"],
    ["a retired secret", { "x-hub-signature-256": signatureWith("old key") }, "signature_mismatch"],
  ])("a request with %s is rejected", async (_, headers, reason) => {
    expect(await proofOf(headers)).toMatchObject({ ok: false, rejection: { reason } });
  });

  it("a request is signed with the current secret", async () => {
    const signed = await signByHmac(
      { url, headers: new Headers({ "x-event": "push" }), body },
      { scheme, secret },
      deps,
    );
    expect(Object.fromEntries(signed)).toEqual({ "x-event": "push", "x-hub-signature-256": good });
  });
});
