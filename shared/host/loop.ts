import { kindOf } from "./fault.ts";
import type { Log } from "./log.ts";

/** Runs `work` when nudged and every `everyMs` besides; never twice at once. */
export class Loop {
  readonly #work: () => Promise<unknown>;
  readonly #everyMs: number;
  readonly #log: Log;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(name: string, options: { readonly everyMs: number; readonly log: Log }, work: () => Promise<unknown>) {
    this.#name = name;
    this.#everyMs = options.everyMs;
    this.#log = options.log;
    this.#work = work;
  }

  /** Runs the work soon; once more at its end if it is running now. */
  nudge(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Ends after the work that is under way. */
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
    if (!this.#stopped) this.#timer = setTimeout(() => this.nudge(), this.#everyMs);
  }
}
