import type { Schedule, Task } from "./storm.ts";
import type { TestClock } from "./test-doubles.ts";

/**
 * Runs due tasks in order of time, and all tasks that are due at one instant at once. The clock stands still meanwhile.
 */
export class VirtualTime implements Schedule {
  readonly #clock: TestClock;
  readonly #start: number;
  #tasks: { readonly at: number; readonly run: Task }[] = [];

  constructor(clock: TestClock) {
    this.#clock = clock;
    this.#start = clock.now();
  }

  /** Seconds since the start. */
  get passed(): number {
    return (this.#clock.now() - this.#start) / 1_000;
  }

  at(seconds: number, run: Task): void {
    this.#tasks.push({ at: seconds, run });
  }

  /** Runs until no task is left. */
  async run(): Promise<void> {
    for (let rounds = 0; this.#tasks.length > 0; rounds++) {
      if (rounds > 20_000) throw new Error("it never ends");
      const next = Math.min(...this.#tasks.map(({ at }) => at));
      this.#clock.advance(Math.max(0, next - this.passed) * 1_000);
      const due = this.#tasks.filter(({ at }) => at <= next);
      this.#tasks = this.#tasks.filter(({ at }) => at > next);
      const again = await Promise.all(due.map(({ run }) => run()));
      for (const [index, seconds] of again.entries()) {
        const task = due[index];
        if (seconds !== undefined && task) this.at(next + seconds, task.run);
      }
    }
  }
}
