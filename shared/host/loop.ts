import { kindOf } from "./fault.ts";
import type { Log } from "./log.ts";

interface LoopOptions {
  /** Undefined: the loop runs only after a nudge. */
  readonly everyMs: number | undefined;
  readonly log: Log;
}

/** Runs `work` after each nudge and every `everyMs`; never two runs at the same time. */
export class Loop {
  readonly #work: () => Promise<unknown>;
  readonly #everyMs: number | undefined;
  readonly #log: Log;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

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
      await this.#work().catch((error: unknown) => {
        this.#log.error(
          { loop: this.#name, error: kindOf(error) },
          "a round of a loop failed; the next one tries again",
        );
      });
    }
    this.#running = undefined;
    if (this.#stopped || this.#everyMs === undefined) return;
    this.#timer = setTimeout(() => this.nudge(), this.#everyMs);
  }
}
