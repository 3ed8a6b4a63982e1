import type { ThreadSpan } from "./thread.ts";

type Step = Pick<ThreadSpan, "id" | "parent" | "isMinor">;

interface ShownStep<Shown> {
  readonly step: Shown;
  /** How many of the steps above it are shown. */
  readonly depth: number;
}

/** The steps that a person reads at first, or all. A step comes after the one that it is below. */
export function shownSteps<Shown extends Step>(steps: readonly Shown[], isAll: boolean): readonly ShownStep<Shown>[] {
  const below = new Map<string | undefined, number>();
  return steps.flatMap((step) => {
    const depth = below.get(step.parent) ?? 0;
    const isShown = isAll || !step.isMinor;
    below.set(step.id, depth + Number(isShown));
    return isShown ? [{ step, depth }] : [];
  });
}
