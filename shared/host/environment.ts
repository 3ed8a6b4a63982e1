/**
 * The live environment variables of a process. Lambda changes some of them with each call, and readers see the change.
 */
export type Environment = Readonly<Record<string, string | undefined>>;
