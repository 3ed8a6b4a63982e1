import { Lane, type LaneDeps } from "./lane.ts";

/** The lanes of one machine, one for each target. */
export class Lanes {
  readonly #lanes: ReadonlyMap<string, Lane>;

  constructor(targets: readonly string[], deps: LaneDeps) {
    this.#lanes = new Map(targets.map((target) => [target, new Lane(target, deps)]));
  }

  async start(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.start()));
  }

  nudge(target: string): void {
    this.#lanes.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }
}
