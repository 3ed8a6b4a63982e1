import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { JobSource } from "../provider.ts";

/**
 * Rejects the status of a job that every source of its CI system excludes. The preset of its trust entry names the system.
 * Undefined if no source is of that system.
 */
export function rejectJob(
  claims: Readonly<Record<string, unknown>>,
  entry: TrustEntry | undefined,
  jobs: readonly JobSource[],
): Rejection | undefined {
  const own = jobs.filter(({ preset }) => preset === entry?.preset.name);
  const rejections = own.map(({ rejectJob }) => rejectJob(claims));
  const [first] = rejections;
  if (first === undefined || rejections.includes(undefined)) return undefined;
  return { ...first, ...("source" in first && { source: own.map(({ source }) => source).join(", ") }) };
}
