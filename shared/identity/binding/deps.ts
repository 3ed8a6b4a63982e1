import type { Clock } from "../../host/clock.ts";
import type { ReplayCache } from "../../store/replay-cache.ts";

/** What holding a token against its request needs of the outside. */
export interface BindingDeps {
  readonly clock: Clock;
  /** Absent: what needs it is a fault, and never let pass. */
  readonly replayCache?: ReplayCache | undefined;
  /** The address under which senders know the bridge. Absent: as each request tells it. */
  readonly publicUrl?: string | undefined;
}
