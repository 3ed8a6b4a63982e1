import { Fault } from "../../host/fault.ts";

/** For a client that never writes. This fails if it ever did. */
export const NO_WRITES = {
  recordBeforeWrite: async () => {
    throw new Fault("configuration_invalid", "a reader must not write", { retryable: false });
  },
};
/** For a client that makes one call, so that nothing waits. */
export const NO_COOLDOWN = { begin: () => undefined };
