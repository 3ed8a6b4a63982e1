import { type Clock, type Moment, momentOf, msSince } from "../../host/clock.ts";
import type { FinalOutcome } from "./classify-response.ts";
import type { CallResult, PageClient, SpaceName } from "./client.ts";

/** A space keeps its key. The time limit bounds how long a mistake of the site would last. */
const FRESH_MS = 60 * 60_000;

/**
 * The keys of spaces by their ids, because a page on Cloud names only the id. The page itself is read for each write, so a
 * page that moves to another space is noticed at once.
 */
export class SpaceKeys {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly key: string; readonly readAt: Moment }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async keyOf(space: SpaceName, client: Pick<PageClient, "spaceKey">): Promise<CallResult<string, FinalOutcome>> {
    if ("key" in space) return { ok: true, value: space.key };
    const known = this.#known.get(space.id);
    if (known && msSince(known.readAt, this.#clock) < FRESH_MS) return { ok: true, value: known.key };
    const read = await client.spaceKey(space.id);
    if (read.ok) this.#known.set(space.id, { key: read.value, readAt: momentOf(this.#clock) });
    return read;
  }
}
