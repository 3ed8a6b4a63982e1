import type { Clock } from "../../host/clock.ts";
import type { Secrets } from "../../host/secrets.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";

/** A lint rule of the configuration. It looks at parts whose form is right. */
export interface Check {
  /** Kebab-case. Each finding shows it, `checks.ignore` names it, and docs/checks.md has a row for it. */
  readonly id: string;
  /** The bridge does not start with an `error`. */
  readonly level: "error" | "warning";
  /** For docs/checks.md: what is wrong. */
  readonly finds: string;
  /** For docs/checks.md: what to do. */
  readonly remedy: string;
  /**
   * Whether `checks.ignore` may name it. An error may be ignored only if the check can be mistaken and ignoring it lets
   * nobody in and reveals no secret.
   */
  readonly canBeIgnored: boolean;
  /** Sections in which a missing part would make a false finding. The check does not run while one of them has mistakes. */
  readonly needs: readonly Section[];
  run(config: Config, context: CheckContext): readonly ConfigProblem[] | Promise<readonly ConfigProblem[]>;
}

type Section = keyof Config;

export interface CheckContext {
  readonly secrets: Secrets;
  /** For checks that try what the configuration names; undefined if the bridge will run on another machine. */
  readonly here: { readonly clock: Clock } | undefined;
  /** What the checks before this one in the registry found. */
  readonly found: readonly Found[];
}

export interface Found {
  readonly check: Check;
  readonly problem: ConfigProblem;
}
