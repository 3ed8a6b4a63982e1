import type { ReplayCache } from "../../shared/store/replay-cache.ts";

/** A replay cache in memory, which passes the suite of the others. It never forgets. */
export function seenTokensInMemory(): ReplayCache {
  const uses = new Map<string, string>();
  return {
    async take(token, use) {
      if (!uses.has(token)) uses.set(token, use);
      return uses.get(token) === use;
    },
  };
}
