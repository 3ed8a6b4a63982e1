import type { Clock } from "../../host/clock.ts";
import type { Secrets } from "../../host/secrets.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";

/** A lint rule of the configuration. It checks the parts that have no mistake of form. */
export interface Check {
  /** Kebab-case. Each finding shows it, `checks.ignore` uses it, and docs/checks.md has a row for it. */
  readonly id: string;
  /** The bridge does not start with an `error`. */
  readonly level: "error" | "warning";
  /** What is wrong, for docs/checks.md. */
  readonly finds: string;
  /** What to do, for docs/checks.md. */
  readonly remedy: string;
  /**
   * Whether `checks.ignore` may name it. An error may be ignored only if the check can have false positives, and if
   * ignoring a finding neither accepts an unproved caller nor reveals a secret.
   */
  readonly canBeIgnored: boolean;
  /** Sections in which a missing part would cause a false finding. The check does not run if one of them has mistakes. */
  readonly needs: readonly Section[];
  run(config: Config, context: CheckContext): readonly ConfigProblem[] | Promise<readonly ConfigProblem[]>;
}

type Section = keyof Config;

export interface CheckContext {
  readonly secrets: Secrets;
  /** For checks that try secrets and files of this machine; undefined if the bridge will run on another machine. */
  readonly here: { readonly clock: Clock } | undefined;
  /** The findings of the checks before this one in the registry. */
  readonly found: readonly Found[];
}

export interface Found {
  readonly check: Check;
  readonly problem: ConfigProblem;
}
