import type { Clock } from "../../host/clock.ts";
import type { ReplayCache } from "../../store/replay-cache.ts";

/** Dependencies of the checks that bind a token to its request. */
export interface BindingDeps {
  readonly clock: Clock;
  readonly replayCache: Pick<ReplayCache, "take">;
  /** The public URL of the bridge; undefined to use the URL of each request. */
  readonly publicUrl: string | undefined;
}
