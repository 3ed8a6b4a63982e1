import { describe, expect, it } from "vitest";
import { readBody } from "../../../shared/http/body.ts";

const LIMIT = 10;

const requestWith = (bytes: number, headers: Readonly<Record<string, string>> = {}): Request =>
  new Request("http://127.0.0.1/", { method: "POST", headers, body: new Uint8Array(bytes).fill(7) });

const TOO_LARGE = { ok: false, rejection: { reason: "body_too_large", limitBytes: LIMIT } };

describe("the limit of a body", () => {
  it.each([
    ["announced and as long as the limit", 10, { "content-length": "10" }],
    ["not announced and as long as the limit", 10, {}],
    ["empty", 0, {}],
  ])("a body that is %s is accepted", async (_, bytes, headers) => {
    expect(await readBody(requestWith(bytes, headers), LIMIT)).toMatchObject({
      ok: true,
      value: expect.objectContaining({ length: bytes }),
    });
  });

  it.each([
    ["announces more than the limit", 3, { "content-length": "11" }],
    ["announces a length that is not a number", 3, { "content-length": "3, 3" }],
    ["announces nothing and is longer than the limit", 11, {}],
    ["is longer than it announces, and than the limit", 11, { "content-length": "10" }],
  ])("a body that %s is rejected", async (_, bytes, headers) => {
    expect(await readBody(requestWith(bytes, headers), LIMIT)).toEqual(TOO_LARGE);
  });
});
