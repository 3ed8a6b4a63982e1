/** Memory of a function, in MB: its share of a core grows with it. */
export const MEMORY_MB = 512;
/** A sender waits for this one. */
export const RECEIVE_MEMORY_MB = 1_024;
