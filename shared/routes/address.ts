import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 or IPv6 address as a number of its family. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Nothing for what is not an address; an IPv6 address may have no zone and no dotted part. */
export function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { bits: 32, value: joined(text.split(".").map(Number), 8n) };
  if (!isIPv6(text) || /[.%]/.test(text)) return undefined;
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return { bits: 128, value: joined([...before, ...zeros, ...after], 16n) };
}

export const sameAddress = (a: Address, b: Address): boolean => a.bits === b.bits && a.value === b.value;

/**
 * The addresses of a block such as `10.0.0.0/24`. Event Ruler takes masks up to /31 and /127: a single address is
 * written as itself. The answer is a sentence when the block is refused.
 */
export function readBlock(text: string): ((address: Address) => boolean) | string {
  const [, base = "", mask = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const network = readAddress(base);
  if (network === undefined) return 'a block is an address, "/" and the length of its mask, like "10.0.0.0/24"';
  if (Number(mask) >= network.bits) {
    return `a mask of this family is 0 to ${network.bits - 1} long; write a single address as a plain value`;
  }
  const free = BigInt(network.bits - Number(mask));
  return (address) => address.bits === network.bits && address.value >> free === network.value >> free;
}

const groupsOf = (text: string): number[] =>
  text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));

const joined = (groups: readonly number[], width: bigint): bigint =>
  groups.reduce((value, group) => (value << width) | BigInt(group), 0n);
