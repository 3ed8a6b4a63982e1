import { createHash, timingSafeEqual } from "node:crypto";

type Encoding = "base64url" | "hex";

/** Whether `told` is the SHA-256 of `data`, in the one spelling that each encoding has. Takes as long for any wrong text. */
export function isSha256Of(data: Uint8Array | string, told: unknown, encodings: readonly Encoding[]): boolean {
  if (typeof told !== "string") return false;
  const digest = createHash("sha256").update(data).digest();
  return encodings.some((encoding) => equalTexts(told, digest.toString(encoding)));
}

/** One key for a list of texts; lists that differ have different keys. */
export const keyOf = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url");

function equalTexts(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
