/** A duration for people, in its largest unit that fits: `8 min`, `3 d`. */
export function durationText(ms: number): string {
  const [unitMs, unit] = UNITS.find(([one]) => ms >= one) ?? [1_000, "s"];
  return `${Math.max(0, Math.floor(ms / unitMs))} ${unit}`;
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;
