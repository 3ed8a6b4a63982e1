import { isIPv6 } from "node:net";
import type { TextTest } from "./text.ts";

/**
 * Returns a test for addresses of a block such as `10.0.0.0/24`, in every spelling; for an invalid block, a sentence
 * that says what is wrong.
 */
export function readBlock(text: string): TextTest | string {
  const [, base = "", mask = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const digits = digitsOf(base);
  if (digits === undefined) return 'a block is an address, "/" and the length of its mask, like "10.0.0.0/24"';
  const bits = digits.length * BITS_PER_DIGIT;
  if (Number(mask) >= bits) {
    return `a mask of this family is 0 to ${bits - 1} long; write a single address as a plain value`;
  }
  const free = BigInt(bits - Number(mask));
  const network = (BigInt(`0x${digits}`) >> free) << free;
  const last = network + (1n << free) - 1n;
  return between(hexadecimal(network, digits.length), hexadecimal(last, digits.length));
}

/** Returns a test for every spelling of the address `text`; undefined if `text` is not an address. */
export function readAddress(text: string): TextTest | undefined {
  const digits = digitsOf(text);
  return digits === undefined ? undefined : between(digits, digits);
}

/**
 * Compares hexadecimal digits as Event Ruler does: from the left, without a distinction between IPv4 and IPv6. Of an
 * address that is longer than the bounds, the remaining digits are ignored; a shorter one must be strictly between the
 * cut bounds. So `10.0.0.0/8` matches `a00::1` too.
 * https://github.com/aws/event-ruler/blob/main/src/main/software/amazon/event/ruler/CIDR.java
 */
function between(first: string, last: string): TextTest {
  return (text) => {
    const digits = digitsOf(text);
    if (digits === undefined) return false;
    if (digits.length < first.length) {
      return first.slice(0, digits.length) < digits && digits < last.slice(0, digits.length);
    }
    const start = digits.slice(0, first.length);
    return first <= start && start <= last;
  };
}

const BITS_PER_DIGIT = 4;

/**
 * Returns the 8 or 32 hexadecimal digits of an address; undefined if `text` is not one. Reads addresses as Event Ruler
 * does: leading zeros are ignored, an IPv6 address has no zone and no dotted part, and an IPv4-mapped address
 * (`::ffff:a00:1`) is the IPv4 address.
 */
function digitsOf(text: string): string | undefined {
  if (/^\d+(\.\d+){3}$/.test(text)) {
    const bytes = text.split(".").map(Number);
    if (text.length > MAX_DOTTED || bytes.some((byte) => byte > 255)) return undefined;
    return bytes.map((byte) => hexadecimal(byte, 2)).join("");
  }
  if (!text.includes(":") || !isIPv6(text) || /[.%]/.test(text)) return undefined;
  const [head = "", tail = ""] = text.toLowerCase().split("::").map(groupsOf);
  const digits = head + tail.padStart(32 - head.length, "0");
  return digits.startsWith(MAPPED_IPV4) ? digits.slice(MAPPED_IPV4.length) : digits;
}

/** `255.255.255.255`. */
const MAX_DOTTED = 15;
/** `::ffff:0:0/96` (https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2). */
const MAPPED_IPV4 = `${"0".repeat(20)}ffff`;

const groupsOf = (text: string): string =>
  text === ""
    ? ""
    : text
        .split(":")
        .map((group) => group.padStart(4, "0"))
        .join("");

const hexadecimal = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, "0");
