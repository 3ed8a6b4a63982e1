import { Fault, failureOf, kindOf } from "./fault.ts";
import type { Log } from "./log.ts";

interface LoopOptions {
  /** Undefined: the loop runs only after a nudge. */
  readonly everyMs: number | undefined;
  readonly log: Log;
}

/**
 * Runs `work` after each nudge and every `everyMs`; never two runs at the same time. Of the failures in a row it logs the
 * first, second, fourth, eighth and so on.
 */
export class Loop {
  readonly #work: () => Promise<unknown>;
  readonly #everyMs: number | undefined;
  readonly #log: Log;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #failures = 0;

  constructor(name: string, options: LoopOptions, work: () => Promise<unknown>) {
    this.#name = name;
    this.#everyMs = options.everyMs;
    this.#log = options.log;
    this.#work = work;
  }

  /** Starts a run now. If one is in progress, another run follows it. */
  nudge(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Stops the loop and waits for the run in progress. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#work().then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => this.#failed(error),
      );
    }
    this.#running = undefined;
    if (this.#stopped || this.#everyMs === undefined) return;
    this.#timer = setTimeout(() => this.nudge(), this.#everyMs);
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    if (!isPowerOfTwo(this.#failures)) return;
    const why = error instanceof Fault ? failureOf(error)["why"] : undefined;
    const fields = { loop: this.#name, failures: this.#failures, error: kindOf(error), why };
    this.#log.error(fields, "a round of a loop failed; the next one tries again");
  }
}

/** Whether to log a failure, by its number in a row: a long outage then writes few lines. */
export const isPowerOfTwo = (count: number): boolean => Number.isInteger(Math.log2(count));
