import type { SpanKind } from "./span.ts";

/** On what time was spent, in words that follow "min". */
export const KIND_WORDS = {
  delivery: "receiving and relaying",
  route: "between the steps of a route",
  approval: "approval",
  wait: "waiting for a target or a window",
  attempt: "attempts",
  backoff: "between attempts",
  expect: "until a run was reported",
  run: "between the parts of a run",
  queued: "queued",
  running: "running",
  paused: "at a gate of another system",
  job: "jobs",
  deployment: "deployments",
} as const satisfies Record<SpanKind, string>;

/** In these nothing runs: their bars look different. */
export const WAITING_KINDS: ReadonlySet<string> = new Set([
  "approval",
  "wait",
  "backoff",
  "expect",
  "queued",
  "paused",
]);

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/** In its two largest units: `40 min 41 s`, `8.2 s`, `420 ms`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toString()} s`;
  const largest = UNITS.findIndex(([unitMs]) => ms >= unitMs);
  const [unitMs, unit] = UNITS[largest] ?? UNITS[3];
  const [nextMs, next] = UNITS[largest + 1] ?? [0, ""];
  const rest = nextMs === 0 ? 0 : Math.floor((ms % unitMs) / nextMs);
  return `${Math.floor(ms / unitMs)} ${unit}${rest === 0 ? "" : ` ${rest} ${next}`}`;
}
