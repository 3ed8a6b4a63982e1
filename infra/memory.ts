/** Memory of a function, in MB. Its share of a core is proportional to it. */
export const MEMORY_MB = 512;
/** Memory of `receive`, in MB: a sender waits for its response. */
export const RECEIVE_MEMORY_MB = 1_024;
