import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAddress, readBlock } from "../../../shared/routes/address.ts";
import type { TextTest } from "../../../shared/routes/text.ts";

describe("a block", () => {
  it("a block holds every address that shares the bits of its mask, and no other of its family", () => {
    const bytes = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(31), (base, other, mask) => {
        const same = bitsOf(base).slice(0, mask) === bitsOf(other).slice(0, mask);
        expect(block(`${base.join(".")}/${mask}`)(other.join("."))).toBe(same);
      }),
    );
  });

  it.each([
    "",
    "10.0.0.0",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "256.0.0.0/8",
    "fe80::1%eth0/8",
    "::1.2.3.4/8",
  ])("the text %j is not a block", (text) =>
    expect(readBlock(text)).toBe('a block is an address, "/" and the length of its mask, like "10.0.0.0/24"'),
  );
});

describe("an address", () => {
  it.each([
    ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
    ["::", "0:0:0:0:0:0:0:0"],
    ["1::", "1:0::0:0"],
    ["10.0.0.1", "010.000.00.1"],
    ["10.0.0.1", "::ffff:a00:1"],
  ])("the address %s is also spelled %s", (one, other) => {
    expect(readAddress(one)?.(other)).toBe(true);
    expect(readAddress(other)?.(one)).toBe(true);
  });

  it.each(["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "x::1", "1::2::3", "::1%eth0", "::ffff:10.0.0.1", "localhost"])(
    "the text %j is not an address",
    (text) => expect(readAddress(text)).toBeUndefined(),
  );

  it("a text that is not an address is in no block, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(readAddress(text) === undefined);
        expect(block("::/0")(text)).toBe(false);
      }),
    );
  });
});

function block(text: string): TextTest {
  const read = readBlock(text);
  if (typeof read === "string") throw new Error(read);
  return read;
}

const bitsOf = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
