import { createHash, timingSafeEqual } from "node:crypto";

type Encoding = "base64url" | "hex";

/** Whether `value` is the SHA-256 of `data`, in the canonical form of an encoding. Compares in constant time. */
export function isSha256Of(data: Uint8Array | string, value: unknown, encodings: readonly Encoding[]): boolean {
  if (typeof value !== "string") return false;
  const digest = createHash("sha256").update(data).digest();
  return encodings.some((encoding) => equalTexts(value, digest.toString(encoding)));
}

/** Returns one key for a list of values; different lists have different keys. */
export const keyOf = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url");

function equalTexts(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
