import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Fault } from "../../../../shared/host/fault.ts";
import { Secret } from "../../../../shared/host/secrets.ts";
import { signingKey } from "../../../../shared/host/standard-webhooks.ts";
import { readSignatures, standardWebhooks } from "../../../../shared/providers/gitlab/standard-webhooks.ts";
import { proveByHmac, signByHmac } from "../../../../shared/providers/hmac-proof.ts";
import { secretsOf, testClock } from "../../../support/test-doubles.ts";

const item = (byte: number, version = "v1") => `${version},${Buffer.alloc(32, byte).toString("base64")}`;

describe("a webhook-signature header", () => {
  it.each([
    ["one signature", item(1), [1]],
    ["several signatures", `${item(1)} ${item(2)}`, [1, 2]],
    ["other versions beside ours, which are skipped", `v1a,c29tZXRoaW5n ${item(1)} v2,c29tZQ==`, [1]],
    ["other versions only", "v1a,c29tZXRoaW5n", []],
  ])("a webhook-signature header may hold %s", (_, header, bytes) =>
    expect(readSignatures(header)).toEqual(bytes.map((byte) => Buffer.alloc(32, byte))),
  );

  it.each([
    ["nothing in it", ""],
    ["a signature without its version", item(1).slice(3)],
    ["a comma instead of the space between two", `${item(1)}, ${item(2)}`],
    ["two spaces between two", `${item(1)}  ${item(2)}`],
    ["a good signature and a malformed one", `${item(1)} v1`],
    ["a signature that is too short", "v1,c29tZQ=="],
    ["a signature in the URL alphabet", item(255).replaceAll("/", "_")],
    ["a signature without its padding", item(1).replace("=", "")],
    ["a signature with bits beyond its last byte", item(1).replace("E=", "F=")],
    ["a version in upper case", item(1, "V1")],
    ["a malformed signature of another version", `${item(1)} v2,a.b`],
  ])("a webhook-signature header is rejected with %s", (_, header) => expect(readSignatures(header)).toBeUndefined());
});

describe("a signing token", () => {
  const key = Buffer.alloc(32, 7);
  const parse = (token: string) => signingKey(new Secret(token), "env:SIGNING");

  it("a signing token is whsec_ and its key in base64", () =>
    expect(parse(`whsec_${key.toString("base64")}`)).toEqual(key));

  it.each([
    ["without its prefix", key.toString("base64")],
    ["with another prefix", `whsk_${key.toString("base64")}`],
    ["without a key", "whsec_"],
    ["with a key that is too short", `whsec_${Buffer.alloc(23).toString("base64")}`],
    ["with a key that is too long", `whsec_${Buffer.alloc(65).toString("base64")}`],
    ["with a key that is not base64", "whsec_canary canary canary canary canary"],
    ["with a line break at its end", `whsec_${key.toString("base64")}\n`],
  ])("a signing token %s is a fault that names the reference and never the value", (_, token) => {
    const fault = faultOf(() => parse(token));
    expect(fault.code).toBe("secret_unavailable");
    expect(fault.message).toContain("env:SIGNING");
    if (token.length > "whsec_".length) expect(fault.message).not.toContain(token);
  });
});

describe("agreement with the official library", () => {
  const tokens = fc
    .uint8Array({ minLength: 24, maxLength: 64 })
    .map((bytes) => `whsec_${Buffer.from(bytes).toString("base64")}`);
  const ids = fc.stringMatching(/^[\w-]{1,40}$/);
  const bodies = fc.string({ unit: "binary" });
  const clock = testClock();
  const secret = { current: "env:A" };
  const url = new URL("https://bridge.example.com/webhooks/gitlab");

  // The library reads the time of day itself.
  beforeEach(() => {
    vi.useFakeTimers({ now: clock.now(), toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("the bridge verifies what the official library signs", () =>
    fc.assert(
      fc.asyncProperty(tokens, ids, bodies, async (token, id, text) => {
        const headers = new Headers({
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(clock.now() / 1_000)),
          "webhook-signature": new Webhook(token).sign(id, new Date(clock.now()), text),
        });
        const request = {
          requestId: "r-1",
          method: "POST",
          url,
          headers,
          body: Buffer.from(text),
          receivedAt: clock.now(),
        };
        const check = { source: "gitlab", scheme: standardWebhooks, secret };
        expect(await proveByHmac(request, check, { secrets: secretsOf({ A: token }), clock })).toMatchObject({
          ok: true,
          value: { principal: { method: "standard-webhooks" } },
        });
      }),
    ));

  it("the official library verifies what the bridge signs", () =>
    fc.assert(
      fc.asyncProperty(tokens, ids, bodies, async (token, id, text) => {
        const unsigned = { url, headers: new Headers({ "webhook-id": id }), body: Buffer.from(text) };
        const check = { scheme: standardWebhooks, secret };
        const signed = await signByHmac(unsigned, check, { secrets: secretsOf({ A: token }), clock });
        new Webhook(token).verify(Buffer.from(text), Object.fromEntries(signed), { jsonParse: false });
      }),
    ));
});

function faultOf(call: () => unknown): Fault {
  try {
    call();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
