import type { Pattern } from "./pattern.ts";

/** The part of a configured route that explains why an event fires it or not. */
export interface RoutePattern {
  readonly name: string;
  readonly pattern: Pattern;
  readonly target: string;
  /** In shadow mode roles and approvals hold nothing back. */
  readonly mode: "enforce" | "shadow";
  /** The source that reports its runs; undefined if none does. */
  readonly reporter?: string;
}
