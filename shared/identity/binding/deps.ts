import type { Clock } from "../../host/clock.ts";
import type { ReplayCache } from "../../store/replay-cache.ts";

/** Dependencies of the checks that hold a token against its request. */
export interface BindingDeps {
  readonly clock: Clock;
  readonly replayCache: ReplayCache;
  /** The address under which senders know the bridge; undefined to take the address of each request. */
  readonly publicUrl: string | undefined;
}
